/** The parts of a derivation, gathered and put into words. */

import { parseBaseUnits } from "../../lib/amount";
import { formatPart } from "../../lib/share";
import type { PaidPart } from "./queries";

/** Parts by the same rule, as one. */
export interface Reason {
  rule: string;
  amount: bigint;
  parts: PaidPart[];
}

export function gather(paid: PaidPart[]): Reason[] {
  const reasons = new Map<string, Reason>();
  for (const part of paid) {
    const known = reasons.get(part.rule);
    if (known) {
      known.amount += parseBaseUnits(part.amount);
      known.parts.push(part);
    } else {
      reasons.set(part.rule, { rule: part.rule, amount: parseBaseUnits(part.amount), parts: [part] });
    }
  }
  return [...reasons.values()];
}

/** Who a work is: `asset:7`, or a package. */
export type Party = { kind: "work"; id: string } | { kind: "external"; purl: string };

export function parseWork(text: string): Party {
  return text.startsWith("asset:") ? { kind: "work", id: text.slice("asset:".length) } : { kind: "external", purl: text.replace(/^external:(work\/\d+\/)?/, "") };
}

/** Why parts went there: completes "… passed amount to …," and "was paid amount,". */
export function ruleWords(rule: string, parts: Pick<PaidPart, "weight" | "ofWeight">[]): string {
  const [first] = parts;
  const part = first && parts.length === 1 ? formatPart(first.weight, first.ofWeight) : undefined;
  const many = parts.length > 1;
  switch (rule) {
    case "fee":
      return "the protocol's fee";
    case "fixed_share":
      return `a work it was made from: ${part ?? "a fixed part"} of its income`;
    case "shared_by_use":
      return `a work it was made from: ${part ?? "a part"} of what such works share, by use`;
    case "cost_edge":
      return `a work it was made from: ${part ?? "a part"}, by cost`;
    case "pooled":
      return `a work upstream: ${part ?? "a part"} of the pool`;
    case "contribution":
      return many ? `for ${parts.length.toLocaleString("en")} contributions, by their cost` : `for a contribution: ${part} by cost`;
    case "system_to_human":
      return many ? `for ${parts.length.toLocaleString("en")} contributions of tools they set to work` : `for a contribution of a tool they set to work: ${part} by cost`;
    case "system_to_owners":
      return `as owner, for what tools contributed: ${part ?? "by share"}`;
    case "owner_share":
      return `for a share of ${part ?? "part"} of what no contribution claims`;
    case "reserved_external":
      return "kept for its maintainers";
    case "depth_limit":
      return "where the lineage ends";
    default:
      return rule.replaceAll("_", " ");
  }
}

/** The steps of a derivation, gathered and put into words. */

import { formatPart } from "../../lib/share";
import type { Step } from "./queries";

/** Steps with the same source, target and rule, as one. */
export interface Reason {
  source: string;
  sourceTitle: string | undefined;
  target: string;
  rule: string;
  amount: bigint;
  steps: Step[];
}

export function gather(steps: Step[]): Reason[] {
  const reasons = new Map<string, Reason>();
  for (const step of steps) {
    const { source, target, rule, amount } = step;
    const key = JSON.stringify([source, target, rule]);
    const known = reasons.get(key);
    if (known) {
      known.amount += BigInt(amount);
      known.steps.push(step);
    } else {
      reasons.set(key, { source, sourceTitle: step.sourceTitle ?? undefined, target, rule, amount: BigInt(amount), steps: [step] });
    }
  }
  return [...reasons.values()];
}

/** Who stands at one end of a step. */
export type Party =
  | { kind: "work"; id: string }
  | { kind: "account"; address: string }
  | { kind: "reserve"; name: string }
  | { kind: "external"; purl: string }
  | { kind: "other"; name: string };

export function parseParty(text: string): Party {
  const [head, ...rest] = text.split(":");
  const tail = rest.join(":");
  switch (head) {
    case "asset":
      return { kind: "work", id: tail };
    case "account":
      return { kind: "account", address: tail };
    case "external":
      return { kind: "external", purl: tail };
    case "reserved":
      // A contributor by name in one work's records, or a package.
      return { kind: "reserve", name: tail.replace(/^identity:(work\/\d+\/)?|^external:/, "") };
    default:
      return { kind: "other", name: text };
  }
}

/** Why the part went there: completes "source passes amount to target, …". */
export function ruleWords({ rule, steps }: Reason): string {
  const [first] = steps;
  const part = first && steps.length === 1 ? formatPart(first.weight, first.ofWeight) : undefined;
  const many = steps.length > 1;
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
      return many ? `for ${steps.length.toLocaleString("en")} contributions, by their cost` : `for a contribution: ${part} by cost`;
    case "system_to_human":
      return many ? `for ${steps.length.toLocaleString("en")} contributions of tools they set to work` : `for a contribution of a tool they set to work: ${part} by cost`;
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

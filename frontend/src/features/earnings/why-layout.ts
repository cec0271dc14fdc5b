/** Where the works of a derivation lie in the drawing. */

import { parseBaseUnits } from "../../lib/amount";
import type { Step } from "./queries";

/** A work's stream: from `depth` to the next one, between two heights of 0 to 1. */
export interface Band {
  depth: number;
  top: number;
  height: number;
  /** The part of it that is paid here, at the top of the band; the rest goes on to the works beneath. */
  own: number;
}

/** Bands whose heights are the works' parts of the whole: what is paid at a work lies above what goes on from it, so none cross. */
export function bands(steps: Pick<Step, "depth" | "under" | "own" | "subtotal">[]): Band[] {
  const total = steps[0] ? parseBaseUnits(steps[0].subtotal) : 0n;
  if (total === 0n) return [];
  const part = (amount: string) => Number((parseBaseUnits(amount) * 1_000_000n) / total) / 1_000_000;
  /** Where the next band beneath a work begins. */
  const next: number[] = [];
  return steps.map(({ depth, under, own, subtotal }, place) => {
    const top = under == null ? 0 : (next[under] ?? 0);
    const [height, paid] = [part(subtotal), part(own)];
    if (under != null) next[under] = top + height;
    next[place] = top + paid;
    return { depth, top, height, own: paid };
  });
}

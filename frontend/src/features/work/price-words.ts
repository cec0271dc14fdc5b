import { parseBaseUnits } from "../../lib/amount";
import type { PriceAdvice } from "./queries";

/** How a price stands beside what was advised, in words; `outside` when fewer than one in ten sales lie so far off. */
export function standing(price: bigint, advice: Pick<PriceAdvice, "fair" | "range80" | "range90">): { words: string; outside: boolean } {
  const fair = parseBaseUnits(advice.fair);
  const within = ({ low, high }: { low: string; high: string }) => parseBaseUnits(low) <= price && price <= parseBaseUnits(high);
  const range = within(advice.range80)
    ? "within the range that holds 80 in 100 sales"
    : within(advice.range90)
      ? "within the range that holds 90 in 100 sales"
      : "outside the range that holds 90 in 100 sales";
  return { words: `${distance(price, fair)}, ${range}`, outside: !within(advice.range90) };
}

function distance(price: bigint, fair: bigint): string {
  if (fair === 0n) return "Far above the advised price";
  const permille = ((price - fair) * 1000n) / fair;
  if (permille > -10n && permille < 10n) return "The advised price";
  if (permille >= 10_000n) return "More than ten times the advised price";
  const percent = Math.round(Number(permille < 0n ? -permille : permille) / 10);
  return `${percent}% ${permille < 0n ? "below" : "above"} the advised price`;
}

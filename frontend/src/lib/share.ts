/** Parts of a whole, in words people read. All are rounded down, so that parts never seem to exceed the whole. */

import { parseBaseUnits } from "./amount";

/** Basis points as per cent: 6000 is `60%`, 1250 is `12.5%`; a dash where they are not known. */
export function formatBps(bps: number | undefined): string {
  return bps === undefined ? "–" : hundredths(BigInt(bps));
}

/** Millionths as per cent with two decimals; what is there but too small becomes `<0.01%`. */
export function formatPpm(ppm: number): string {
  return ppm > 0 && ppm < 100 ? "<0.01%" : hundredths(BigInt(ppm) / 100n);
}

/** `part` of `whole` as per cent; both are whole numbers in text. */
export function formatPart(part: string, whole: string): string {
  const of = parseBaseUnits(whole);
  if (of === 0n) return "0%";
  return formatPpm(Number((parseBaseUnits(part) * 1_000_000n) / of));
}

/** How many: `1 work`, `2 works`. */
export function count(number: number, one: string, many = `${one}s`): string {
  return `${number.toLocaleString("en")} ${number === 1 ? one : many}`;
}

function hundredths(value: bigint): string {
  const fraction = (value % 100n).toString().padStart(2, "0").replace(/0+$/, "");
  return `${value / 100n}${fraction && `.${fraction}`}%`;
}

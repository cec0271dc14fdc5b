/** Where the market's days lie in the drawing. */

import { parseBaseUnits } from "../../lib/amount";
import type { MarketDay } from "./queries";

export interface Point {
  /** 0 at the left, 1 at the right. */
  x: number;
  /** 0 at the lowest price, 1 at the highest. */
  low: number;
  median: number;
  high: number;
}

export interface Bar {
  x: number;
  width: number;
  /** 0 to 1, the day of the most sales. */
  height: number;
}

export interface Layout {
  /** Days with a sale. */
  points: Point[];
  bars: Bar[];
  /** The ends of the price scale, in base units. */
  lowest: string;
  highest: string;
  mostSales: number;
}

/** Days from left to right; undefined when none had a sale. */
export function layout(days: Pick<MarketDay, "sales" | "low" | "median" | "high">[]): Layout | undefined {
  const lows = days.flatMap((day) => (day.low == null ? [] : [parseBaseUnits(day.low)]));
  const highs = days.flatMap((day) => (day.high == null ? [] : [parseBaseUnits(day.high)]));
  if (lows.length === 0 || highs.length === 0) return undefined;
  const lowest = lows.reduce((a, b) => (b < a ? b : a));
  const highest = highs.reduce((a, b) => (b > a ? b : a));
  const range = highest - lowest;
  // One price alone lies in the middle.
  const place = (price: string) => (range === 0n ? 0.5 : Number(((parseBaseUnits(price) - lowest) * 1_000_000n) / range) / 1_000_000);
  const mostSales = Math.max(...days.map((day) => day.sales));
  const width = 1 / days.length;
  const points = days.flatMap(({ low, median, high }, day) =>
    low == null || median == null || high == null ? [] : [{ x: (day + 0.5) * width, low: place(low), median: place(median), high: place(high) }],
  );
  const bars = days.flatMap(({ sales }, day) => (sales > 0 ? [{ x: day * width, width, height: sales / mostSales }] : []));
  return { points, bars, lowest: lowest.toString(), highest: highest.toString(), mostSales };
}

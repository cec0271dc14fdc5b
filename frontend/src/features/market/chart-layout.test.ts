import { describe, expect, it } from "vitest";
import { layout } from "./chart-layout";

const none = { sales: 0 };
const day = (sales: number, low: string, median: string, high: string) => ({ sales, low, median, high });

describe("the market's days", () => {
  it("have no drawing without a sale", () => {
    expect(layout([])).toBeUndefined();
    expect(layout([none, none])).toBeUndefined();
  });

  it("lie between the lowest and the highest price, in their order", () => {
    const drawn = layout([day(2, "10", "20", "30"), none, none, day(4, "20", "40", "50")]);
    expect(drawn).toEqual({
      points: [
        { x: 0.125, low: 0, median: 0.25, high: 0.5 },
        { x: 0.875, low: 0.25, median: 0.75, high: 1 },
      ],
      bars: [
        { x: 0, width: 0.25, height: 0.5 },
        { x: 0.75, width: 0.25, height: 1 },
      ],
      lowest: "10",
      highest: "50",
      mostSales: 4,
    });
  });

  it("keep one price in the middle, and amounts beyond what numbers hold exact", () => {
    const amount = "115792089237316195423570985008687907853269984665640564039457584007913129639935";
    const drawn = layout([day(1, amount, amount, amount)]);
    expect(drawn?.points).toEqual([{ x: 0.5, low: 0.5, median: 0.5, high: 0.5 }]);
    expect(drawn?.highest).toBe(amount);
  });
});

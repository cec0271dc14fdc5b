import { expect, test } from "vitest";
import { standing } from "./price-words";

const advice = { fair: "1000", range80: { low: "800", high: "1200" }, range90: { low: "700", high: "1300" } };

test.each([
  [1000n, "The advised price, within the range that holds 80 in 100 sales", false],
  [1009n, "The advised price, within the range that holds 80 in 100 sales", false],
  [1200n, "20% above the advised price, within the range that holds 80 in 100 sales", false],
  [755n, "25% below the advised price, within the range that holds 90 in 100 sales", false],
  [1301n, "30% above the advised price, outside the range that holds 90 in 100 sales", true],
  [1n, "100% below the advised price, outside the range that holds 90 in 100 sales", true],
  [10n ** 30n, "More than ten times the advised price, outside the range that holds 90 in 100 sales", true],
])("a price of %s", (price, words, outside) => {
  expect(standing(price, advice)).toEqual({ words, outside });
});

test("where nothing is worth anything, everything is far above", () => {
  const nothing = { low: "0", high: "0" };
  expect(standing(1n, { fair: "0", range80: nothing, range90: nothing })).toEqual({
    words: "Far above the advised price, outside the range that holds 90 in 100 sales",
    outside: true,
  });
});

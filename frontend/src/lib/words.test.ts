import { describe, expect, it } from "vitest";
import { sentence } from "./words";

describe("sentence", () => {
  it.each([
    ["code_quality", "Code quality"],
    ["order.recorded", "Order recorded"],
    ["Funded", "Funded"],
    ["", ""],
  ])("%s", (name, words) => {
    expect(sentence(name)).toBe(words);
  });
});

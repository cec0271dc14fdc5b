import { describe, expect, it } from "vitest";
import { kindWords } from "./words";

describe("kindWords", () => {
  it.each([
    ["distribution.closed", "Income divided"],
    ["something.quite_new", "Something quite new"],
  ])("%s", (kind, words) => {
    expect(kindWords(kind)).toBe(words);
  });
});

import { describe, expect, it } from "vitest";
import { count, formatBps, formatPart, formatPpm } from "./share";

describe("formatBps", () => {
  it.each([
    [10_000, "100%"],
    [6000, "60%"],
    [1250, "12.5%"],
    [705, "7.05%"],
    [1, "0.01%"],
    [0, "0%"],
    [undefined, "–"],
  ])("%s: %s", (bps, text) => {
    expect(formatBps(bps)).toBe(text);
  });
});

describe("formatPpm", () => {
  it.each([
    [1_000_000, "100%"],
    [333_333, "33.33%"],
    [999_999, "99.99%"],
    [100, "0.01%"],
    [99, "<0.01%"],
    [0, "0%"],
  ])("%i: %s", (ppm, text) => {
    expect(formatPpm(ppm)).toBe(text);
  });
});

describe("formatPart", () => {
  it.each([
    ["1", "3", "33.33%"],
    ["0", "0", "0%"],
    ["123456789012345678901234567890", "123456789012345678901234567890", "100%"],
    ["1", "123456789012345678901234567890", "0%"],
  ])("%s of %s: %s", (part, whole, text) => {
    expect(formatPart(part, whole)).toBe(text);
  });
});

describe("count", () => {
  it("minds the plural", () => {
    expect([count(0, "work"), count(1, "work"), count(2, "work"), count(1200, "entry", "entries")]).toEqual([
      "0 works",
      "1 work",
      "2 works",
      "1,200 entries",
    ]);
  });
});

import { describe, expect, it } from "vitest";
import { NATIVE_COIN, currencyName, formatAmount, formatUnits, parseBaseUnits } from "./amount";

describe("formatUnits", () => {
  it.each([
    ["0", 18, undefined, "0", false],
    ["1", 18, undefined, "0.000000000000000001", false],
    ["1500000000000000000", 18, undefined, "1.5", false],
    ["300000000000000000", 18, 6, "0.3", false],
    ["1234567000000000000000000", 18, 6, "1,234,567", false],
    // More than a double can hold.
    ["123456789012345678901234567890", 18, undefined, "123,456,789,012.34567890123456789", false],
    // Cut, never rounded up.
    ["1999999999999999999", 18, 6, "1.999999", true],
    ["999999999999", 18, 6, "<0.000001", true],
    ["1000000000000", 18, 6, "0.000001", false],
    ["1000000000001", 18, 6, "0.000001", true],
    ["5", 0, undefined, "5", false],
    ["4321", 0, undefined, "4,321", false],
    ["15", 1, 0, "1", true],
    ["5", 1, 0, "<1", true],
    ["-1500000000000000000", 18, undefined, "-1.5", false],
  ])("%s with %i decimals, %s places: %s", (units, decimals, places, digits, cut) => {
    expect(formatUnits(units, decimals, places)).toEqual({ digits, cut });
  });

  it("refuses what is no whole number", () => {
    expect(() => formatUnits("1.5", 18)).toThrow(SyntaxError);
    expect(() => formatUnits("abc", 18)).toThrow(SyntaxError);
  });

  it("loses nothing when all places are shown", () => {
    for (let power = 0n; power < 60n; power++) {
      const value = 7n ** power;
      const { digits } = formatUnits(value, 18);
      const [whole = "0", fraction = ""] = digits.replaceAll(",", "").split(".");
      expect(BigInt(whole) * 10n ** 18n + BigInt(fraction.padEnd(18, "0"))).toBe(value);
    }
  });
});

describe("parseBaseUnits", () => {
  it("reads whole numbers exactly", () => {
    expect(parseBaseUnits("123456789012345678901234567890")).toBe(123456789012345678901234567890n);
    expect(parseBaseUnits("-7")).toBe(-7n);
  });

  it.each(["", " ", "1 ", "0x10", "1.5", "1e3", "+1", "-"])("never takes `%s` for a number", (text) => {
    expect(() => parseBaseUnits(text)).toThrow(SyntaxError);
    expect(() => formatUnits(text, 18)).toThrow(SyntaxError);
  });
});

describe("currencyName", () => {
  it("knows the chain's own coin alone", () => {
    expect(currencyName(NATIVE_COIN)).toBe("Ether");
    expect(currencyName("0x70997970C51812dc3A010C7d01b50e0d17dc79C8")).toBeUndefined();
  });
});

describe("formatAmount", () => {
  it("names the chain's own coin", () => {
    expect(formatAmount("150000000000000000", NATIVE_COIN)).toEqual({ digits: "0.15", unit: "ETH", cut: false });
  });

  it("shows tokens of unknown decimals in base units", () => {
    const token = "0x70997970C51812dc3A010C7d01b50e0d17dc79C8";
    expect(formatAmount("1500000", token)).toEqual({ digits: "1,500,000", unit: "units of 0x7099…79C8", cut: false });
  });
});

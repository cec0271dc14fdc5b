import { describe, expect, it } from "vitest";
import { sameAddress, shortAddress, shortHash } from "./address";

describe("shortAddress", () => {
  it.each([
    ["0x70997970C51812dc3A010C7d01b50e0d17dc79C8", "0x7099…79C8"],
    ["0x0000000000000000000000000000000000000000", "0x0000…0000"],
    // No addresses: too short, too long, not hex, no prefix.
    ["0x7099", "0x7099"],
    ["0x70997970C51812dc3A010C7d01b50e0d17dc79C800", "0x70997970C51812dc3A010C7d01b50e0d17dc79C800"],
    ["0xZZ997970C51812dc3A010C7d01b50e0d17dc79C8", "0xZZ997970C51812dc3A010C7d01b50e0d17dc79C8"],
    ["alder", "alder"],
    ["", ""],
  ])("%s", (address, short) => {
    expect(shortAddress(address)).toBe(short);
  });
});

describe("shortHash", () => {
  it("leaves out the middle of what is long", () => {
    expect(shortHash(`0x${"ab".repeat(32)}`)).toBe("0xabababab…abababab");
    expect(shortHash("bafkreishort")).toBe("bafkreishort");
  });
});

describe("sameAddress", () => {
  it("ignores case", () => {
    expect(sameAddress("0xABcd", "0xabCD")).toBe(true);
    expect(sameAddress("0xABcd", "0xabCE")).toBe(false);
  });
});

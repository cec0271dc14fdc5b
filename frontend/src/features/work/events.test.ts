import { describe, expect, it } from "vitest";
import { parseEvent, toldBySale } from "./events";

const sale = { seller: "0x1", buyer: "0x2", currency: "0x0", price: "100", fee: "2", royalty: "10", net: "88" };

describe("parseEvent", () => {
  it.each([
    ["sold", sale, { event: "sold", ...sale }],
    ["transferred", { from: "0x1", to: "0x2", epoch: 1 }, { event: "transferred", from: "0x1", to: "0x2" }],
    ["royalty_lowered", { royaltyBps: 500 }, { event: "royalty_lowered", royaltyBps: 500 }],
    ["income", { payer: "0x1", currency: "0x0", amount: "5", reason: "SALE_ROYALTY" }, { event: "income", payer: "0x1", currency: "0x0", amount: "5", reason: "sale royalty" }],
    ["income", { payer: "0x1", currency: "0x0", amount: "5", reason: "0xabab" }, { event: "income", payer: "0x1", currency: "0x0", amount: "5", reason: "" }],
    // Incomplete, malformed or unknown: named, never guessed.
    ["sold", { ...sale, net: undefined }, { event: "other", name: "Sold" }],
    ["sold", { ...sale, price: "1.5" }, { event: "other", name: "Sold" }],
    ["registered", null, { event: "other", name: "Registered" }],
    ["licence_granted", {}, { event: "other", name: "Licence granted" }],
  ])("%s %o", (event, details, expected) => {
    expect(parseEvent(event, details)).toEqual(expected);
  });
});

describe("toldBySale", () => {
  const told = (txHash: string, name: string, details: object) => ({ txHash, event: parseEvent(name, details) });
  const sold = told("0xa", "sold", sale);
  it.each([
    ["the sale's own", sold, told("0xa", "transferred", { from: "0x1", to: "0x2" }), true],
    ["of another transaction", sold, told("0xb", "transferred", { from: "0x1", to: "0x2" }), false],
    ["between others", sold, told("0xa", "transferred", { from: "0x2", to: "0x3" }), false],
    ["after no sale", undefined, told("0xa", "transferred", { from: "0x1", to: "0x2" }), false],
    ["another event", sold, told("0xa", "royalty_lowered", { royaltyBps: 1 }), false],
  ])("%s", (_, before, event, expected) => {
    expect(toldBySale(before, event)).toBe(expected);
  });
});

import { describe, expect, it } from "vitest";
import type { Step } from "./queries";
import { gather, parseParty, ruleWords } from "./reasons";

const step = (source: string, target: string, rule: string, amount: string, weight = "1", ofWeight = "4"): Step => ({
  source,
  target,
  rule,
  amount,
  weight,
  ofWeight,
});

describe("gather", () => {
  it("adds steps of the same kind exactly, in order of appearance", () => {
    const reasons = gather([
      step("asset:4", "asset:1", "fixed_share", "9007199254740993"),
      step("asset:1", "account:0xa", "contribution", "9007199254740993"),
      step("asset:1", "account:0xa", "owner_share", "5"),
      step("asset:1", "account:0xa", "contribution", "2"),
    ]);
    expect(reasons.map(({ rule, amount, steps }) => [rule, amount, steps.length])).toEqual([
      ["fixed_share", 9007199254740993n, 1],
      ["contribution", 9007199254740995n, 2],
      ["owner_share", 5n, 1],
    ]);
  });
});

describe("parseParty", () => {
  it.each([
    ["asset:4", { kind: "work", id: "4" }],
    ["account:0xAb", { kind: "account", address: "0xAb" }],
    ["external:pkg:cargo/serde@1.0", { kind: "external", purl: "pkg:cargo/serde@1.0" }],
    ["reserved:identity:work/3/ada@example.org", { kind: "reserve", name: "ada@example.org" }],
    ["reserved:external:pkg:npm/react", { kind: "reserve", name: "pkg:npm/react" }],
    ["fee", { kind: "other", name: "fee" }],
  ])("%s", (text, party) => {
    expect(parseParty(text)).toEqual(party);
  });
});

describe("ruleWords", () => {
  it("gives the part where there is one step", () => {
    const [reason] = gather([step("asset:1", "account:0xa", "owner_share", "5", "6000", "10000")]);
    expect(reason && ruleWords(reason)).toBe("for a share of 60% of what no contribution claims");
  });

  it("counts where there are many", () => {
    const [reason] = gather([step("asset:1", "account:0xa", "contribution", "5"), step("asset:1", "account:0xa", "contribution", "6")]);
    expect(reason && ruleWords(reason)).toBe("for 2 contributions, by their cost");
  });

  it("shows a rule it does not know by its name", () => {
    const [reason] = gather([step("asset:1", "account:0xa", "new_rule", "5")]);
    expect(reason && ruleWords(reason)).toBe("new rule");
  });
});

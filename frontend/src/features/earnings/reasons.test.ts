import { describe, expect, it } from "vitest";
import type { PaidPart } from "./queries";
import { gather, parseWork, ruleWords } from "./reasons";

const part = (rule: string, amount: string, weight = "1", ofWeight = "4"): PaidPart => ({ rule, amount, weight, ofWeight, divided: "100" });

describe("gather", () => {
  it("adds parts of the same kind exactly, in order of appearance", () => {
    const reasons = gather([part("contribution", "9007199254740993"), part("owner_share", "5"), part("contribution", "2")]);
    expect(reasons.map(({ rule, amount, parts }) => [rule, amount, parts.length])).toEqual([
      ["contribution", 9007199254740995n, 2],
      ["owner_share", 5n, 1],
    ]);
  });
});

describe("parseWork", () => {
  it.each([
    ["asset:4", { kind: "work", id: "4" }],
    ["external:work/3/pkg:cargo/serde@1.0", { kind: "external", purl: "pkg:cargo/serde@1.0" }],
    ["external:pkg:npm/react", { kind: "external", purl: "pkg:npm/react" }],
  ])("%s", (text, party) => {
    expect(parseWork(text)).toEqual(party);
  });
});

describe("ruleWords", () => {
  it("gives the part where there is one", () => {
    expect(ruleWords("owner_share", [part("owner_share", "5", "6000", "10000")])).toBe("for a share of 60% of what no contribution claims");
  });

  it("counts where there are many", () => {
    expect(ruleWords("contribution", [part("contribution", "5"), part("contribution", "6")])).toBe("for 2 contributions, by their cost");
  });

  it("shows a rule it does not know by its name", () => {
    expect(ruleWords("new_rule", [part("new_rule", "5")])).toBe("new rule");
  });
});

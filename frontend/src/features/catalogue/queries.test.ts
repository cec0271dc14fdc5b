import { describe, expect, it } from "vitest";
import { parseFilters } from "./queries";

describe("parseFilters", () => {
  it.each([
    [{}, {}],
    [{ kind: "MODEL", q: "river", listed: "true" }, { kind: "MODEL", q: "river", listed: true }],
    [{ kind: "model", q: "  ", listed: "false" }, {}],
    [{ kind: "constructor", other: "x" }, {}],
    [{ q: "2025" }, { q: "2025" }],
    [{ q: "x".repeat(300) }, { q: "x".repeat(200) }],
  ])("%o", (search, filters) => {
    expect(parseFilters(search)).toEqual(filters);
  });
});

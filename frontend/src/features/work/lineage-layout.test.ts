import { describe, expect, it } from "vitest";
import { layOut, type Edge, type Node } from "./lineage-layout";

const node = (id: string, depth: number): Node => ({ id, depth });

/** Rows in short: `id@lane <into |through out`. */
function draw(nodes: Node[], edges: Edge[]) {
  const { rows, lanes } = layOut(nodes, edges);
  const text = rows.map(
    ({ node, lane, into, through, out }) => `${node.id}@${lane} <${into.join("")} |${through.join("")}${out ? " out" : ""}`,
  );
  return { text, lanes };
}

describe("layOut", () => {
  it("draws a work alone", () => {
    expect(draw([node("4", 0)], [])).toEqual({ text: ["4@0 < |"], lanes: 1 });
  });

  it("draws what was made from a work as branches of one stream", () => {
    const edges = [
      { from: "4", to: "1" },
      { from: "5", to: "1" },
      { from: "6", to: "1" },
    ];
    expect(draw([node("1", 0), node("4", 1), node("5", 1), node("6", 1)], edges)).toEqual({
      text: ["1@0 < | out", "4@1 <0 |0", "5@1 <0 |0", "6@1 <0 |"],
      lanes: 2,
    });
  });

  it("lets streams meet", () => {
    const edges = [
      { from: "5", to: "1" },
      { from: "5", to: "2" },
    ];
    expect(draw([node("5", 0), node("2", -1), node("1", -1)], edges)).toEqual({
      text: ["1@0 < | out", "2@1 < |0 out", "5@0 <01 |"],
      lanes: 2,
    });
  });

  it("keeps a stream that passes by out of the way", () => {
    // 3 is made from 1 and 2; 2 from 1.
    const edges = [
      { from: "2", to: "1" },
      { from: "3", to: "1" },
      { from: "3", to: "2" },
    ];
    expect(draw([node("3", 0), node("2", -1), node("1", -2)], edges)).toEqual({
      text: ["1@0 < | out", "2@1 <0 |0 out", "3@1 <01 |"],
      lanes: 2,
    });
  });

  it("orders ids as numbers", () => {
    expect(draw([node("10", 1), node("9", 1)], []).text).toEqual(["9@0 < |", "10@0 < |"]);
  });

  it("leaves out edges to works that are not shown, and impossible ones", () => {
    const edges = [
      { from: "4", to: "99" },
      { from: "4", to: "4" },
      { from: "1", to: "4" },
    ];
    expect(draw([node("4", 0), node("1", -1)], edges).text).toEqual(["1@0 < |", "4@0 < |"]);
  });

  it("never puts a work on a stream that passes by", () => {
    const nodes = Array.from({ length: 40 }, (_, index) => node(String(index + 1), index));
    const edges = nodes.flatMap(({ id }, index) =>
      [2, 3, 5].filter((step) => index >= step && (index * step) % 4 !== 1).map((step) => ({ from: id, to: String(index + 1 - step) })),
    );
    const { rows } = layOut(nodes, edges);
    for (const row of rows) expect(row.through).not.toContain(row.lane);
    expect(rows.reduce((sum, row) => sum + row.into.length, 0)).toBe(edges.length);
  });
});

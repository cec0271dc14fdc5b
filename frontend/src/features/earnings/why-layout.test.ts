import { describe, expect, it } from "vitest";
import { bands } from "./why-layout";

describe("bands", () => {
  it("fills the height of every work with what is paid there and what goes on", () => {
    const drawn = bands([
      { depth: 0, own: "20", subtotal: "100" },
      { depth: 1, under: 0, own: "0", subtotal: "50" },
      { depth: 2, under: 1, own: "50", subtotal: "50" },
      { depth: 1, under: 0, own: "30", subtotal: "30" },
    ]);
    expect(drawn).toEqual([
      { depth: 0, top: 0, height: 1, own: 0.2 },
      { depth: 1, top: 0.2, height: 0.5, own: 0 },
      { depth: 2, top: 0.2, height: 0.5, own: 0.5 },
      { depth: 1, top: 0.7, height: 0.3, own: 0.3 },
    ]);
  });

  it("draws nothing where nothing was paid", () => {
    expect(bands([])).toEqual([]);
    expect(bands([{ depth: 0, own: "0", subtotal: "0" }])).toEqual([]);
  });
});

import { describe, expect, it } from "vitest";
import { mirrorState } from "./queries";

describe("mirrorState", () => {
  it.each([
    [{ blockNumber: 40, headNumber: 40 }, "current"],
    [{ blockNumber: 40, headNumber: 52 }, "current"],
    [{ blockNumber: 40, headNumber: 53 }, "behind"],
    // A head that goes backwards is not a mirror that lags.
    [{ blockNumber: 40, headNumber: 30 }, "current"],
    [{ blockNumber: 40, headNumber: 90, halted: "block 12 changed" }, "halted"],
  ])("%o: %s", (mirror, state) => {
    expect(mirrorState(mirror)).toBe(state);
  });
});

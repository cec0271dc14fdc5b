import { describe, expect, it } from "vitest";
import { kindWords } from "./words";

describe("kindWords", () => {
  it.each([
    ["distribution.closed", "Income divided"],
    ["webhook.secret_rotated", "Webhook secret rotated"],
  ])("%s", (kind, words) => {
    expect(kindWords(kind)).toBe(words);
  });
});

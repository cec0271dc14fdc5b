import { describe, expect, it } from "vitest";
import { levelOf, likelihood, spoken } from "./risk-words";

describe("likelihood", () => {
  it.each([
    [0, "less than 1 in 100"],
    [0.0099, "less than 1 in 100"],
    [0.018, "about 2 in 100"],
    [0.5, "about 50 in 100"],
    [0.99, "about 99 in 100"],
    [0.9901, "more than 99 in 100"],
    [1, "more than 99 in 100"],
  ])("%s", (probability, words) => {
    expect(likelihood(probability)).toBe(words);
  });
});

describe("levelOf", () => {
  it("has words and tones for every level, and shows what it does not know as it is", () => {
    expect(levelOf("low").word).toBe("Low risk");
    expect(levelOf("high").tone).toBe("text-danger");
    expect(levelOf("unheard of")).toEqual({ word: "unheard of", tone: "text-muted" });
  });
});

describe("spoken", () => {
  it.each([
    ["its maker is the buyer", "Its maker is the buyer."],
    ["Already said.", "Already said."],
    ["0xAb took part", "0xAb took part."],
  ])("%s", (says, words) => {
    expect(spoken(says)).toBe(words);
  });
});

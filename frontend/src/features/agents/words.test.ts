import { expect, test } from "vitest";
import { percent, verdict } from "./words";

test("shares have one decimal, and what is not known a dash", () => {
  expect([0, 0.0857, 0.9, 1.5, null, undefined].map(percent)).toEqual(["0.0%", "8.6%", "90.0%", "150.0%", "–", "–"]);
});

test("a range is judged as far as the number of sales allows", () => {
  expect(verdict(0.9, 0.8, 4)).toMatch(/^as promised/);
  expect(verdict(0.9, 0.8, 400)).toBe("fewer than promised");
  expect(verdict(0.8, 0.9, 400)).toMatch(/^more than promised/);
  expect(verdict(0.8, 0.81, 400)).toMatch(/^as promised/);
});

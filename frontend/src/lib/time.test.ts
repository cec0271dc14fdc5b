import { describe, expect, it } from "vitest";
import { formatRelative, formatTime } from "./time";

describe("formatTime", () => {
  it.each([
    ["2026-11-03T14:05:59Z", "UTC", "3 Nov 2026, 14:05"],
    ["2026-09-30T23:30:00Z", "UTC", "30 Sep 2026, 23:30"],
    ["2026-09-30T23:30:00Z", "Europe/Zurich", "1 Oct 2026, 01:30"],
    ["2027-01-01T00:00:00Z", "UTC", "1 Jan 2027, 00:00"],
  ])("%s in %s", (iso, zone, text) => {
    expect(formatTime(new Date(iso), zone)).toBe(text);
  });
});

describe("formatRelative", () => {
  const now = new Date("2026-11-21T12:00:00Z");
  it.each([
    ["2026-11-21T12:00:00Z", "just now"],
    ["2026-11-21T11:59:01Z", "just now"],
    ["2026-11-21T12:00:30Z", "in a moment"],
    ["2026-11-21T11:58:59Z", "1 minute ago"],
    ["2026-11-21T09:00:00Z", "3 hours ago"],
    ["2026-11-19T12:00:00Z", "2 days ago"],
    ["2026-12-20T12:00:01Z", "in 29 days"],
    ["2027-01-25T12:00:00Z", "in 2 months"],
    ["2025-11-20T12:00:00Z", "1 year ago"],
  ])("%s: %s", (iso, text) => {
    expect(formatRelative(new Date(iso), now)).toBe(text);
  });
});

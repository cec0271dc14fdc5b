const SECOND = 1000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

const UNITS: [Intl.RelativeTimeFormatUnit, number][] = [
  ["year", 365 * DAY],
  ["month", 30 * DAY],
  ["day", DAY],
  ["hour", HOUR],
  ["minute", MINUTE],
];
const relative = new Intl.RelativeTimeFormat("en", { numeric: "always" });

/** `3 Nov 2026, 14:05`, in the reader's time zone unless one is given. */
export function formatTime(time: Date, timeZone?: string): string {
  const options: Intl.DateTimeFormatOptions = {
    day: "numeric",
    month: "short",
    year: "numeric",
    hour: "2-digit",
    minute: "2-digit",
    ...(timeZone ? { timeZone } : {}),
  };
  // Some engines write "Sept"; take the first three letters in any case.
  const parts = new Intl.DateTimeFormat("en-GB", options).formatToParts(time);
  const part = (type: Intl.DateTimeFormatPartTypes) => parts.find((each) => each.type === type)?.value ?? "";
  return `${part("day")} ${part("month").slice(0, 3)} ${part("year")}, ${part("hour")}:${part("minute")}`;
}

/** `5 minutes ago`, `in 29 days`; `just now` within a minute past, `in a moment` within one to come. */
export function formatRelative(time: Date, now: Date): string {
  const distance = time.getTime() - now.getTime();
  for (const [unit, length] of UNITS) {
    const count = Math.trunc(distance / length);
    if (count !== 0) return relative.format(count, unit);
  }
  return distance > 0 ? "in a moment" : "just now";
}

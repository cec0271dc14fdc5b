import { formatRelative, formatTime } from "../lib/time";

/** A point in time, as a date; `distance` adds how far from now that is. */
export function Time({ at, distance = false }: { at: string | Date; distance?: boolean }) {
  const time = new Date(at);
  if (Number.isNaN(time.getTime())) return <span>at an unknown time</span>;
  return (
    <>
      <time dateTime={time.toISOString()} title={time.toISOString()} className="whitespace-nowrap">
        {formatTime(time)}
      </time>
      {distance && <span className="text-muted">{formatRelative(time, new Date())}</span>}
    </>
  );
}

/** How many lines are drawn on one side at most; the number beside the drawing is exact. */
const MOST = 4;
const WIDTH = 88;
const HEIGHT = 40;

/** A work as a confluence: a line for each work it was made from runs in, one for each work made from it runs out. */
export function Confluence({ parents, derived }: { parents: number; derived: number }) {
  const middle = { x: WIDTH / 2, y: HEIGHT / 2 };
  return (
    <svg viewBox={`0 0 ${WIDTH} ${HEIGHT}`} className="hidden h-10 w-22 shrink-0 sm:block" fill="none" aria-hidden="true">
      <g className="stroke-control" strokeWidth="1.25">
        {spread(parents).map((y) => (
          <path key={y} d={`M1 ${y}C${middle.x / 2} ${y} ${middle.x / 2} ${middle.y} ${middle.x - 4} ${middle.y}`} />
        ))}
        {spread(derived).map((y) => (
          <path key={y} d={`M${middle.x + 4} ${middle.y}C${(middle.x * 3) / 2} ${middle.y} ${(middle.x * 3) / 2} ${y} ${WIDTH - 1} ${y}`} />
        ))}
      </g>
      <circle cx={middle.x} cy={middle.y} r="3.5" className="fill-canvas stroke-ink" strokeWidth="1.5" />
    </svg>
  );
}

function spread(lines: number): number[] {
  const shown = Math.min(lines, MOST);
  const gap = 10;
  return Array.from({ length: shown }, (_, line) => HEIGHT / 2 + (line - (shown - 1) / 2) * gap);
}

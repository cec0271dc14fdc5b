import type { Step } from "./queries";
import { bands } from "./why-layout";

const WIDTH = 600;
const HEIGHT = 72;
/** Columns beyond these share the last. */
const MOST_COLUMNS = 8;

/** The payout as one stream: from the income at the left through the works upstream; where it turns green, it was paid. */
export function WhyDrawing({ steps }: { steps: Step[] }) {
  const drawn = bands(steps);
  const columns = Math.min(Math.max(0, ...drawn.map((band) => band.depth)) + 1, MOST_COLUMNS) + 1;
  const x = (depth: number) => (Math.min(depth, MOST_COLUMNS) * WIDTH) / columns;
  return (
    <svg viewBox={`0 0 ${WIDTH} ${HEIGHT}`} preserveAspectRatio="none" className="mb-3 h-14 w-full rounded-sm bg-sunken" aria-hidden="true">
      {drawn.map(({ depth, top, height, own }, place) => (
        <g key={place} className="stroke-canvas" strokeWidth="1" vectorEffect="non-scaling-stroke">
          <rect x={x(depth)} y={top * HEIGHT} width={WIDTH / columns} height={height * HEIGHT} className="fill-accent" opacity={0.85 - 0.08 * Math.min(depth, 6)} />
          {own > 0 && (
            <rect x={x(depth + 1)} y={top * HEIGHT} width={WIDTH - x(depth + 1)} height={own * HEIGHT} className="fill-positive" opacity="0.8" />
          )}
        </g>
      ))}
    </svg>
  );
}

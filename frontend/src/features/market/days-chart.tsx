import { NATIVE_COIN } from "../../lib/amount";
import { count } from "../../lib/share";
import { Amount } from "../../ui/amount";
import { layout, type Point } from "./chart-layout";
import type { MarketDay } from "./queries";

const WIDTH = 600;
const PRICES = 150;
const SALES = 40;
/** Between prices and sales, and above the highest price. */
const GAP = 6;

/** Each day's median price as a line, the middle four fifths of its prices as a band, and its sales as bars beneath. */
export function DaysChart({ days }: { days: MarketDay[] }) {
  const drawn = layout(days);
  const [first, last] = [days[0], days.at(-1)];
  if (!drawn || !first || !last) return null;
  const { points, bars, lowest, highest, mostSales } = drawn;
  const height = GAP + PRICES + GAP + SALES;
  return (
    <figure>
      <div className="flex justify-between text-xs text-muted">
        <Amount value={highest} currency={NATIVE_COIN} places={6} />
        <span>at most {count(mostSales, "sale")} a day</span>
      </div>
      <svg viewBox={`0 0 ${WIDTH} ${height}`} preserveAspectRatio="none" className="my-1 h-52 w-full rounded-sm bg-sunken" aria-hidden="true">
        <path d={band(points)} className="fill-accent stroke-accent" opacity="0.2" strokeWidth="2" strokeLinejoin="round" vectorEffect="non-scaling-stroke" />
        <path
          d={line(points, (point) => point.median)}
          className="fill-none stroke-accent"
          strokeWidth="2"
          strokeLinecap="round"
          strokeLinejoin="round"
          vectorEffect="non-scaling-stroke"
        />
        {bars.map((bar) => (
          <rect
            key={bar.x}
            x={bar.x * WIDTH}
            y={height - bar.height * SALES}
            width={bar.width * WIDTH * 0.8}
            height={bar.height * SALES}
            className="fill-control"
          />
        ))}
      </svg>
      <div className="flex justify-between text-xs text-muted">
        <Amount value={lowest} currency={NATIVE_COIN} places={6} />
        <span>
          {first.day} to {last.day}
        </span>
      </div>
      <figcaption className="mt-2 text-sm text-muted">
        Line: median price of the day. Band: the middle four fifths of its prices. Bars: sales. Days without a sale have no price.
      </figcaption>
    </figure>
  );
}

function position({ x }: Point, price: number): string {
  return `${(x * WIDTH).toFixed(2)} ${(GAP + (1 - price) * PRICES).toFixed(2)}`;
}

function line(points: Point[], price: (point: Point) => number): string {
  const places = points.map((point) => position(point, price(point)));
  // A single day is a dot.
  return `M${(places.length === 1 ? [...places, ...places] : places).join("L")}`;
}

function band(points: Point[]): string {
  const back = [...points].reverse().map((point) => position(point, point.low));
  return `M${[...points.map((point) => position(point, point.high)), ...back].join("L")}Z`;
}

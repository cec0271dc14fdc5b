import { Link } from "@tanstack/react-router";
import { kindName } from "../../lib/kinds";
import { count } from "../../lib/share";
import { layOut, type Row } from "./lineage-layout";
import type { Lineage } from "./queries";

const ROW = 56;
const LANE = 20;
/** Lanes beyond these share the last, so that the titles keep their place on a phone. */
const MOST_LANES = 6;
const MOST_ROWS = 60;

type Node = Lineage["nodes"][number];

/** The works upstream and downstream as one drawing: a list of links with the streams between them at its side. */
export function LineageDrawing({ lineage }: { lineage: Lineage }) {
  const shown = lineage.nodes.slice(0, MOST_ROWS);
  const hidden = lineage.nodes.length - shown.length;
  const { rows, lanes } = layOut(shown, lineage.edges);
  const width = Math.min(lanes, MOST_LANES) * LANE + 8;
  const titles = new Map(lineage.nodes.map((node) => [node.id, node.title]));
  return (
    <>
      <div className="flex gap-3">
        <svg width={width} height={rows.length * ROW} className="shrink-0" fill="none" aria-hidden="true">
          {rows.map((row, index) => (
            <Streams key={row.node.id} row={row} top={index * ROW} here={row.node.id === lineage.id} />
          ))}
        </svg>
        <ol className="min-w-0 flex-1">
          {rows.map(({ node }) => (
            <li key={node.id} style={{ height: ROW }} className="flex flex-col justify-center">
              <Title node={node} here={node.id === lineage.id} />
              <p className="truncate text-xs text-muted">
                {kindName(node.kind)}
                {node.id !== lineage.id && `, ${distance(node.depth)}`}
                <span className="sr-only">{madeFrom(node, lineage, titles)}</span>
              </p>
            </li>
          ))}
        </ol>
      </div>
      {(hidden > 0 || !lineage.complete) && (
        <p className="mt-2 text-sm text-muted">
          {hidden > 0 ? `And ${count(hidden, "more work", "more works")}${lineage.complete ? "" : " or more"}, further away.` : "Not all of the lineage is shown."}
        </p>
      )}
    </>
  );
}

function Title({ node, here }: { node: Node; here: boolean }) {
  if (here) return <p className="truncate font-semibold">{node.title}</p>;
  return (
    <Link to="/assets/$id" params={{ id: node.id }} className="link truncate">
      {node.title}
    </Link>
  );
}

function Streams({ row, top, here }: { row: Row<Node>; top: number; here: boolean }) {
  const x = (lane: number) => Math.min(lane, MOST_LANES - 1) * LANE + 10;
  const [at, middle, bottom] = [x(row.lane), top + ROW / 2, top + ROW];
  return (
    <>
      <g className="stroke-control" strokeWidth="1.5">
        {row.through.map((lane) => (
          <path key={`through${lane}`} d={`M${x(lane)} ${top}V${bottom}`} />
        ))}
        {row.into.map((lane) => (
          <path key={`into${lane}`} d={`M${x(lane)} ${top}C${x(lane)} ${top + ROW / 3} ${at} ${middle - ROW / 3} ${at} ${middle}`} />
        ))}
        {row.out && <path d={`M${at} ${middle}V${bottom}`} />}
      </g>
      <circle cx={at} cy={middle} r={here ? 6 : 4.5} className={here ? "fill-ink stroke-ink" : "fill-canvas stroke-ink"} strokeWidth="1.5" />
    </>
  );
}

function distance(depth: number): string {
  const steps = count(Math.abs(depth), "step");
  return depth < 0 ? `${steps} upstream` : `${steps} downstream`;
}

function madeFrom(node: Node, lineage: Lineage, titles: Map<string, string>): string {
  const parents = lineage.edges.filter((edge) => edge.from === node.id).map((edge) => titles.get(edge.to) ?? `work ${edge.to}`);
  return parents.length === 0 ? "" : `, made from ${parents.join(", ")}`;
}

/** Lays works out as a river: one work a row, upstream first, and each work's outflow in a lane of its own until the last work made from it. */

export interface Node {
  id: string;
  /** Below zero: upstream of the work in question; above: downstream. */
  depth: number;
}

export interface Edge {
  /** The work made. */
  from: string;
  /** The work it was made from. */
  to: string;
}

export interface Row<N> {
  node: N;
  /** The lane of the work itself. */
  lane: number;
  /** Lanes of outflow that reach this work; they come from above. */
  into: number[];
  /** Lanes that run through, from the top of the row to its bottom. */
  through: number[];
  /** Whether works further down are made from this one: its lane goes on. */
  out: boolean;
}

export function layOut<N extends Node>(nodes: N[], edges: Edge[]): { rows: Row<N>[]; lanes: number } {
  const sorted = nodes.toSorted((one, other) => one.depth - other.depth || compareIds(one.id, other.id));
  const place = new Map(sorted.map((node, index) => [node.id, index]));
  const makers = new Map<string, Set<string>>();
  for (const { from, to } of edges) {
    const [child, parent] = [place.get(from), place.get(to)];
    // Parents are older than what is made from them; anything else is no lineage and cannot be drawn downwards.
    if (child === undefined || parent === undefined || parent >= child) continue;
    makers.set(to, (makers.get(to) ?? new Set()).add(from));
  }
  /** What each lane carries: the outflow of a work, and who still waits for it. */
  const lanes: ({ waiting: Set<string>; branched: boolean } | undefined)[] = [];
  let widest = 0;
  const rows = sorted.map((node) => {
    const busy = lanes.flatMap((lane, index) => (lane ? [index] : []));
    const into = busy.filter((index) => lanes[index]?.waiting.delete(node.id));
    const ended = into.filter((index) => lanes[index]?.waiting.size === 0);
    const through = busy.filter((index) => !ended.includes(index));
    // The last branch of a stream stands beside it like those before; an only one goes on in its lane.
    for (const index of ended) if (!lanes[index]?.branched) lanes[index] = undefined;
    const lane = firstFree(lanes);
    for (const index of ended) lanes[index] = undefined;
    const waiting = makers.get(node.id);
    if (waiting) lanes[lane] = { waiting, branched: waiting.size > 1 };
    widest = Math.max(widest, lane + 1, ...busy.map((index) => index + 1));
    return { node, lane, into, through, out: waiting !== undefined };
  });
  return { rows, lanes: widest };
}

function firstFree(lanes: unknown[]): number {
  const free = lanes.findIndex((lane) => lane === undefined);
  return free === -1 ? lanes.length : free;
}

function compareIds(one: string, other: string): number {
  return one.length - other.length || (one < other ? -1 : Number(one > other));
}

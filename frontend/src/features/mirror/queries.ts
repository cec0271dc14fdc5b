import { queryOptions } from "@tanstack/react-query";
import { api, read } from "../../api/client";

/** Blocks the mirror may lag before the pages say so: more than a busy moment. */
const LAG = 12;

/** The chain and contracts served here, and how far the mirror is. */
export function marketQuery() {
  return queryOptions({
    queryKey: ["market"],
    queryFn: ({ signal }) => read(api.GET("/v1/market", { signal })),
    refetchInterval: 4000,
  });
}

export interface MirrorReading {
  blockNumber: number;
  headNumber: number;
  halted?: string | null;
}

export type MirrorState = "current" | "behind" | "halted";

export function mirrorState(mirror: MirrorReading): MirrorState {
  if (mirror.halted) return "halted";
  return mirror.headNumber - mirror.blockNumber > LAG ? "behind" : "current";
}

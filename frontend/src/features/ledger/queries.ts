import { infiniteQueryOptions, queryOptions } from "@tanstack/react-query";
import { api, read, type Schemas } from "../../api/client";

export type LedgerHead = Schemas["LedgerHead"];
export type LedgerEntry = Schemas["LedgerEntry"];

const PAGE = 30;

export function ledgerQuery() {
  return queryOptions({
    queryKey: ["chain", "ledger"],
    queryFn: ({ signal }) => read(api.GET("/v1/ledger", { signal })),
    refetchInterval: 10_000,
  });
}

/** Events, newest first, of one stream or of all. */
export function eventsQuery(stream: string | undefined) {
  return infiniteQueryOptions({
    queryKey: ["chain", "ledger", "events", stream ?? ""],
    queryFn: async ({ pageParam, signal }) => {
      const query = { before: pageParam, limit: PAGE, ...(stream ? { stream } : {}) };
      const { items, more } = await read(api.GET("/v1/ledger/events", { params: { query }, signal }));
      return { items, before: more ? items.at(-1)?.event.seq : undefined };
    },
    initialPageParam: Number.MAX_SAFE_INTEGER,
    getNextPageParam: (page) => page.before,
    refetchInterval: 10_000,
  });
}

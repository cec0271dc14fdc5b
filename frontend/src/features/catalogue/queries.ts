import { infiniteQueryOptions } from "@tanstack/react-query";
import { api, read, type Schemas } from "../../api/client";
import { isKind, type Kind } from "../../lib/kinds";
import { nextCursor } from "../../ui/paged";

export type Asset = Schemas["AssetSummary"];

/** What the catalogue is narrowed to; kept in the page's address. */
export interface CatalogueFilters {
  kind?: Kind;
  q?: string;
  listed?: true;
}

export const PAGE = 24;

/** Reads filters from an address; what makes no sense there is left out. */
export function parseFilters(search: Record<string, unknown>): CatalogueFilters {
  const words = typeof search.q === "string" ? search.q.slice(0, 200) : "";
  return {
    ...(isKind(search.kind) ? { kind: search.kind } : {}),
    ...(words.trim() ? { q: words } : {}),
    ...(search.listed === "true" || search.listed === true ? { listed: true } : {}),
  };
}

export function assetsQuery(filters: CatalogueFilters & { owner?: string }) {
  return infiniteQueryOptions({
    queryKey: ["chain", "assets", filters],
    queryFn: ({ pageParam, signal }) =>
      read(api.GET("/v1/assets", { params: { query: { ...filters, limit: PAGE, ...(pageParam ? { cursor: pageParam } : {}) } }, signal })),
    initialPageParam: "",
    // Orders come without a block to announce them, and prices may move with time.
    refetchInterval: 15_000,
    getNextPageParam: nextCursor,
  });
}

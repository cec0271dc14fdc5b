import { infiniteQueryOptions, queryOptions } from "@tanstack/react-query";
import { api, read, type Schemas } from "../../api/client";
import { ApiProblem } from "../../api/problem";
import { nextCursor } from "../../ui/paged";

export type PriceAdvice = Schemas["PriceAdvice"];
export type RiskAdvice = Schemas["RiskAdvice"];
export type OrderRisk = Schemas["OrderRisk"];
export type CoherenceInput = Schemas["InputView"];
export type Work = Schemas["AssetDetail"];
export type Order = Schemas["OrderView"];
export type Lineage = Schemas["Lineage"];
export type Contributor = Schemas["ContributorSummary"];
export type Partners = Schemas["PartnersView"];
export type Partner = Schemas["PartnerView"];
export type HistoryEntry = Schemas["HistoryEntry"];

/** Distributions follow a sale after some seconds, without a block of their own to announce them. */
const MONEY_INTERVAL = 10_000;

export function workQuery(id: string) {
  return queryOptions({
    queryKey: ["chain", "work", id],
    queryFn: ({ signal }) => read(api.GET("/v1/assets/{id}", { params: { path: { id } }, signal })),
    refetchInterval: MONEY_INTERVAL,
  });
}

/** With those that the risk agent blocks: here their owner learns why. */
export function sellOrdersQuery(id: string) {
  return queryOptions({
    queryKey: ["chain", "orders", id],
    queryFn: ({ signal }) =>
      read(api.GET("/v1/orders", { params: { query: { asset: Number(id), side: "SELL", blocked: true, limit: 20 } }, signal })),
    refetchInterval: MONEY_INTERVAL,
  });
}

export function adviceQuery(id: string) {
  return queryOptions({
    queryKey: ["chain", "advice", id],
    queryFn: ({ signal }) => read(api.GET("/v1/assets/{id}/advice", { params: { path: { id } }, signal })),
    refetchInterval: MONEY_INTERVAL,
  });
}

export function lineageQuery(id: string) {
  return queryOptions({
    queryKey: ["chain", "lineage", id],
    queryFn: ({ signal }) => read(api.GET("/v1/assets/{id}/lineage", { params: { path: { id } }, signal })),
  });
}

export function contributorsQuery(id: string) {
  return infiniteQueryOptions({
    queryKey: ["chain", "contributors", id],
    queryFn: ({ pageParam, signal }) =>
      read(
        api.GET("/v1/assets/{id}/contributors", {
          params: { path: { id }, query: { limit: 20, ...(pageParam ? { cursor: pageParam } : {}) } },
          signal,
        }),
      ),
    initialPageParam: "",
    getNextPageParam: nextCursor,
  });
}

/** Of works with a repository; none where it was imported before it could be measured. */
export function coherenceQuery(id: string) {
  return queryOptions({
    queryKey: ["chain", "coherence", id],
    queryFn: async ({ signal }) => {
      try {
        return await read(api.GET("/v1/assets/{id}/coherence", { params: { path: { id } }, signal }));
      } catch (error) {
        if (error instanceof ApiProblem && error.notFound) return null;
        throw error;
      }
    },
  });
}

/** Of works with contributions; none where nobody's counts. */
export function partnersQuery(workId: string) {
  return queryOptions({
    queryKey: ["chain", "partners", workId],
    queryFn: async ({ signal }) => {
      try {
        return await read(api.GET("/v1/works/{id}/partners", { params: { path: { id: workId }, query: { count: 5 } }, signal }));
      } catch (error) {
        if (error instanceof ApiProblem && error.notFound) return null;
        throw error;
      }
    },
  });
}

export function historyQuery(id: string) {
  return infiniteQueryOptions({
    queryKey: ["chain", "history", id],
    queryFn: ({ pageParam, signal }) =>
      read(
        api.GET("/v1/assets/{id}/history", {
          params: { path: { id }, query: { limit: 20, ...(pageParam ? { cursor: pageParam } : {}) } },
          signal,
        }),
      ),
    initialPageParam: "",
    getNextPageParam: nextCursor,
  });
}

export function distributionsQuery(id: string) {
  return infiniteQueryOptions({
    queryKey: ["chain", "distributions", id],
    queryFn: ({ pageParam, signal }) =>
      read(
        api.GET("/v1/distributions", {
          params: { query: { asset: Number(id), limit: 10, ...(pageParam ? { cursor: pageParam } : {}) } },
          signal,
        }),
      ),
    initialPageParam: "",
    getNextPageParam: nextCursor,
    refetchInterval: MONEY_INTERVAL,
  });
}

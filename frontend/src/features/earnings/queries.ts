import { infiniteQueryOptions, queryOptions } from "@tanstack/react-query";
import { api, read, type Schemas } from "../../api/client";
import { nextCursor } from "../../ui/paged";

export type DistributionDetail = Schemas["DistributionDetail"];
export type Derivation = Schemas["Derivation"];
export type Step = Schemas["Step"];
export type PaidPart = Schemas["PaidPart"];
export type Earnings = Schemas["Earnings"];
export type Payout = Schemas["PayoutView"];

export function distributionQuery(id: string) {
  return queryOptions({
    queryKey: ["chain", "distribution", id],
    queryFn: ({ signal }) => read(api.GET("/v1/distributions/{id}", { params: { path: { id } }, signal })),
  });
}

/** Why a payout is what it is. It never changes. */
export function derivationQuery(payoutId: string) {
  return queryOptions({
    queryKey: ["derivation", payoutId],
    queryFn: ({ signal }) => read(api.GET("/v1/payouts/{id}/derivation", { params: { path: { id: payoutId } }, signal })),
    staleTime: Infinity,
  });
}

export function earningsQuery(address: string) {
  return queryOptions({
    queryKey: ["chain", "earnings", address.toLowerCase()],
    queryFn: ({ signal }) => read(api.GET("/v1/accounts/{address}/earnings", { params: { path: { address } }, signal })),
    refetchInterval: 10_000,
  });
}

export function payoutsQuery(address: string) {
  return infiniteQueryOptions({
    queryKey: ["chain", "payouts", address.toLowerCase()],
    queryFn: ({ pageParam, signal }) =>
      read(
        api.GET("/v1/accounts/{address}/payouts", {
          params: { path: { address }, query: { limit: 20, ...(pageParam ? { cursor: pageParam } : {}) } },
          signal,
        }),
      ),
    initialPageParam: "",
    getNextPageParam: nextCursor,
    refetchInterval: 10_000,
  });
}

import { queryOptions } from "@tanstack/react-query";
import { api, read, type Schemas } from "../../api/client";

export type MarketState = Schemas["MarketStateView"];
export type MarketDay = Schemas["MarketDayView"];

/** Days change once a day, when one is settled. */
const INTERVAL = 60_000;

export function marketStateQuery() {
  return queryOptions({
    queryKey: ["market", "state"],
    queryFn: ({ signal }) => read(api.GET("/v1/market/state", { signal })),
    refetchInterval: INTERVAL,
  });
}

export function marketDaysQuery() {
  return queryOptions({
    queryKey: ["market", "days"],
    queryFn: ({ signal }) => read(api.GET("/v1/market/days", { signal })),
    refetchInterval: INTERVAL,
  });
}

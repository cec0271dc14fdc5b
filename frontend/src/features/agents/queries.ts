import { queryOptions } from "@tanstack/react-query";
import { api, read, type Schemas } from "../../api/client";

export type TrackRecord = Schemas["TrackRecord"];
export type Sales = Schemas["Record"];

/** Days that can be looked at. */
export const SPANS = [30, 90, 365] as const;
export type Span = (typeof SPANS)[number];

export function trackRecordQuery(days: Span) {
  return queryOptions({
    queryKey: ["chain", "track-record", days],
    queryFn: ({ signal }) => read(api.GET("/v1/agents/track-record", { params: { query: { days } }, signal })),
    refetchInterval: 60_000,
  });
}

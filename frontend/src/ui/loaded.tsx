import type { UseQueryResult } from "@tanstack/react-query";
import type { ReactNode } from "react";
import { Empty, Failure } from "./states";

interface WaitingProps {
  query: { isError: boolean; error: unknown; fetchStatus: string; refetch: () => unknown };
  /** Shown while loading, of the size the data will have. */
  skeleton: ReactNode;
}

/** A query without data: loading, offline, or failed. */
export function Waiting({ query, skeleton }: WaitingProps) {
  if (query.isError) return <Failure error={query.error} retry={() => void query.refetch()} />;
  if (query.fetchStatus === "paused") return <Empty>You are offline. This loads by itself when the connection is back.</Empty>;
  return (
    <div role="status">
      <span className="sr-only">Loading</span>
      {skeleton}
    </div>
  );
}

interface LoadedProps<T> {
  query: UseQueryResult<T>;
  skeleton: ReactNode;
  children: (data: T) => ReactNode;
}

/** What a query gave. Data that was read once stays on the page when reading it again fails. */
export function Loaded<T>({ query, skeleton, children }: LoadedProps<T>) {
  return query.data === undefined ? <Waiting query={query} skeleton={skeleton} /> : children(query.data);
}

import type { InfiniteData, UseInfiniteQueryResult } from "@tanstack/react-query";
import type { ReactNode } from "react";
import { Waiting } from "./loaded";
import { Button, Failure } from "./states";

export interface PageOf<T> {
  items: T[];
  nextCursor?: string | null;
}

interface Props<T> {
  query: UseInfiniteQueryResult<InfiniteData<PageOf<T>>>;
  skeleton: ReactNode;
  empty: ReactNode;
  /** All items read so far. */
  children: (items: T[]) => ReactNode;
}

/** A list read page by page, with a button for more. */
export function Paged<T>({ query, skeleton, empty, children }: Props<T>) {
  if (!query.data) return <Waiting query={query} skeleton={skeleton} />;
  const items = query.data.pages.flatMap((page) => page.items);
  // A page may be empty and lead on.
  if (items.length === 0 && !query.hasNextPage) return empty;
  return (
    <>
      {children(items)}
      {query.isFetchNextPageError && (
        <div className="mt-4">
          <Failure error={query.error} retry={() => void query.fetchNextPage()} />
        </div>
      )}
      {query.hasNextPage && !query.isFetchNextPageError && (
        <div className="mt-6 flex justify-center">
          <Button onClick={() => void query.fetchNextPage()} disabled={query.isFetchingNextPage}>
            {query.isFetchingNextPage ? "Loading…" : "Show more"}
          </Button>
        </div>
      )}
    </>
  );
}

/** The next page's cursor, as TanStack Query wants it. */
export function nextCursor(page: PageOf<unknown>): string | undefined {
  return page.nextCursor ?? undefined;
}

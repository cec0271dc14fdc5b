import { queryOptions } from "@tanstack/react-query";
import { api, read, type Schemas } from "../../api/client";

export type Books = Schemas["BooksView"];
export type CurrencyBooks = Schemas["CurrencyView"];

export function booksQuery() {
  return queryOptions({
    queryKey: ["chain", "books"],
    queryFn: ({ signal }) => read(api.GET("/v1/books", { signal })),
    refetchInterval: 30_000,
  });
}

import createClient from "openapi-fetch";
import { ApiProblem, problemFrom } from "./problem";
import type { components, paths } from "./schema";

export type Schemas = components["schemas"];

export const api = createClient<paths>({ baseUrl: "/" });

interface Answer<T> {
  data?: T;
  error?: unknown;
  response: Response;
}

/** The data of an answer; throws an ApiProblem when there is none. */
export async function read<T>(answer: Promise<Answer<T>>): Promise<T> {
  let settled: Answer<T>;
  try {
    settled = await answer;
  } catch (cause) {
    if (cause instanceof DOMException && cause.name === "AbortError") throw cause;
    // A body that is no JSON: something in front of the server answered in its place.
    if (cause instanceof SyntaxError) throw new ApiProblem("The server's answer could not be read.", undefined, "unreadable", undefined, cause);
    throw new ApiProblem("The server could not be reached.", undefined, "unreachable", undefined, cause);
  }
  if (settled.data === undefined) throw problemFrom(settled.error, settled.response.status);
  return settled.data;
}

import type { components } from "./schema";

type ProblemDocument = components["schemas"]["Problem"];

/** An answer that is not the data asked for: a problem document (RFC 9457), or no answer at all. */
export class ApiProblem extends Error {
  readonly status: number | undefined;
  readonly code: string;
  readonly traceId: string | undefined;

  constructor(detail: string, status: number | undefined, code: string, traceId?: string, cause?: unknown) {
    super(detail, { cause });
    this.name = "ApiProblem";
    this.status = status;
    this.code = code;
    this.traceId = traceId;
  }

  get notFound(): boolean {
    return this.status === 404;
  }

  /** Whether asking again may help. */
  get passing(): boolean {
    return this.status === undefined || this.status === 429 || this.status >= 500;
  }
}

/** Reads a problem from an answer's body; anything else, such as a proxy's page, gets a plain sentence. */
export function problemFrom(body: unknown, status: number): ApiProblem {
  if (isProblem(body)) return new ApiProblem(body.detail, status, body.code, body.traceId);
  return new ApiProblem(`The server answered with status ${status} and no explanation.`, status, "unexplained");
}

function isProblem(body: unknown): body is ProblemDocument {
  return typeof body === "object" && body !== null && "detail" in body && typeof body.detail === "string" && "code" in body;
}

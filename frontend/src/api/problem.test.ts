import { describe, expect, it } from "vitest";
import { read } from "./client";
import { ApiProblem, problemFrom } from "./problem";

const missing = { type: "urn:tributary:problem:not_found", title: "Not Found", status: 404, code: "not_found", detail: "There is no asset 9.", traceId: "00ab" };

describe("problemFrom", () => {
  it("keeps what the server said", () => {
    const problem = problemFrom(missing, 404);
    expect(problem).toMatchObject({ message: "There is no asset 9.", traceId: "00ab", code: "not_found", notFound: true, passing: false });
  });

  it("has a sentence for answers that are no problem documents", () => {
    expect(problemFrom("<html>", 502)).toMatchObject({ message: "The server answered with status 502 and no explanation.", passing: true });
  });
});

describe("read", () => {
  it("gives the data", async () => {
    expect(await read(Promise.resolve({ data: 7, response: new Response() }))).toBe(7);
  });

  it("throws the problem", async () => {
    const answer = Promise.resolve({ error: missing, response: new Response(null, { status: 404 }) });
    await expect(read(answer)).rejects.toMatchObject({ code: "not_found" });
  });

  it("tells a server that does not answer from one that refuses", async () => {
    await expect(read(Promise.reject(new TypeError("Failed to fetch")))).rejects.toEqual(
      new ApiProblem("The server could not be reached.", undefined, "unreachable"),
    );
  });
});

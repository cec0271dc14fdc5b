import { describe, expect, it } from "vitest";
import { read } from "./client";

describe("read", () => {
  it.each([
    ["no answer", new TypeError("Failed to fetch"), "unreachable"],
    ["an answer that is no JSON", new SyntaxError("Unexpected token '<'"), "unreadable"],
  ])("tells %s from others, and keeps the cause", async (_, cause, code) => {
    await expect(read(Promise.reject(cause))).rejects.toMatchObject({ name: "ApiProblem", code, cause, passing: true });
  });

  it("leaves a question that was withdrawn as it is", async () => {
    const withdrawn = new DOMException("The question was withdrawn", "AbortError");
    await expect(read(Promise.reject(withdrawn))).rejects.toBe(withdrawn);
  });

  it("gives the data, or the problem in its place", async () => {
    await expect(read(Promise.resolve({ data: 0, response: new Response() }))).resolves.toBe(0);
    const answer = { error: { detail: "No such work.", code: "not_found" }, response: new Response(null, { status: 404 }) };
    await expect(read(Promise.resolve(answer))).rejects.toMatchObject({ message: "No such work.", status: 404 });
  });
});

import tailwindcss from "@tailwindcss/vite";
import react from "@vitejs/plugin-react";
import { defineConfig } from "vitest/config";
import type { Reporter } from "vitest/reporters";

const backend = `http://127.0.0.1:${process.env.TRIBUTARY_HTTP_PORT ?? 4400}`;

/** The last line of a run, for the script that adds up all tests. */
const summary: Reporter = {
  onTestRunEnd(modules) {
    const states = modules.flatMap((module) => [...module.children.allTests()].map((test) => test.result().state));
    const count = (state: string) => states.filter((each) => each === state).length;
    setImmediate(() => console.log(`${count("passed")} passed, ${count("failed")} failed`));
  },
};

export default defineConfig({
  plugins: [react(), tailwindcss()],
  server: {
    proxy: Object.fromEntries(["/v1", "/docs", "/openapi.json", "/health"].map((path) => [path, backend])),
  },
  build: {
    target: "es2022",
    // The server's content security policy has no `data:` for fonts.
    assetsInlineLimit: 0,
  },
  test: {
    include: ["src/**/*.test.{ts,tsx}"],
    reporters: ["default", summary],
  },
});

// The browser test: the real stack, the real pages, a real browser. `node run.mjs ROOT`; SCREENSHOTS names a folder for pictures.
import assert from "node:assert/strict";
import { chmodSync, mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { join, resolve } from "node:path";
import { chromium } from "playwright-core";
import { pages, traded } from "./pages.mjs";
import { Stack, freePorts, listening } from "./stack.mjs";

const BROWSER = process.env.CHROMIUM ?? "/usr/bin/chromium";
const FLAGS = [
  "--no-sandbox",
  "--disable-gpu",
  "--disable-dev-shm-usage",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
  "--no-first-run",
];

const root = resolve(process.argv[2] ?? ".");
let passed = 0;
let failed = 0;

async function check(name, body) {
  try {
    await body();
    passed += 1;
    console.log(`ok ${name}`);
  } catch (error) {
    failed += 1;
    console.log(`FAIL ${name}\n${String(error?.stack ?? error).replace(/^/gm, "    ")}`);
  }
}

mkdirSync(join(root, ".data/test"), { recursive: true });
const data = [0, 1].map(() => {
  const folder = mkdtempSync(join(root, ".data/test/browser-"));
  // The database runs as a user of its own, who must be able to enter.
  chmodSync(folder, 0o755);
  return folder;
});
const [http, postgres, chain] = await freePorts(3);
const env = {
  TRIBUTARY_DATA: data[0],
  TRIBUTARY_SAMPLE_DAYS: "0",
  TRIBUTARY_HTTP_PORT: String(http),
  TRIBUTARY_PG_PORT: String(postgres),
  TRIBUTARY_CHAIN_PORT: String(chain),
};
let stack;
let browser;

async function ends() {
  const ended = await stack.interrupt();
  assert.ok(ended, `it still runs:\n${stack.output.slice(-2000)}`);
  for (const port of [http, postgres, chain]) assert.ok(!(await listening(port)), `something still listens on port ${port}`);
}

async function stop(message) {
  if (message) console.error(message);
  await browser?.close().catch(() => {});
  stack?.kill();
  for (const folder of data) rmSync(folder, { recursive: true, force: true });
}
for (const signal of ["SIGINT", "SIGTERM"]) {
  process.once(signal, () => void stop(`stopped by ${signal}`).then(() => process.exit(1)));
}

try {
  await check("dev up comes up", async () => {
    stack = await Stack.start(root, env);
  });
  if (stack) {
    browser = await chromium.launch({ executablePath: BROWSER, args: FLAGS });
    await pages({ browser, url: stack.url, check, screenshots: process.env.SCREENSHOTS });
    await check("an interrupt ends it, and all it started", ends);
    stack.kill();
    stack = undefined;
    await check("a second start on the same data keeps the catalogue", async () => {
      const start = Date.now();
      stack = await Stack.start(root, env);
      // Said, not judged: how long it takes is the machine's affair too.
      console.log(`   it took ${Date.now() - start} ms`);
      const page = await browser.newPage();
      await page.goto(stack.url);
      await page.getByRole("link", { name: "Flood forecaster" }).waitFor();
      await page.close();
    });
    if (stack) await check("an interrupt ends the second one too", ends);
    stack?.kill();
    stack = undefined;
    await check("a market with two months behind it comes up", async () => {
      stack = await Stack.start(root, { ...env, TRIBUTARY_DATA: data[1], TRIBUTARY_SAMPLE_DAYS: "60" });
    });
    if (stack) await traded({ browser, url: stack.url, check, screenshots: process.env.SCREENSHOTS });
  }
} finally {
  await stop();
}
console.log(`${passed} passed, ${failed} failed`);
process.exit(failed === 0 && passed > 0 ? 0 : 1);

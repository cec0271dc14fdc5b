// Runs the examples against a market of their own: `node run.mjs ROOT`.
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { chmodSync, mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { createTestClient, http, parseEther } from "viem";
import { generatePrivateKey, privateKeyToAddress } from "viem/accounts";
import { Stack, freePorts } from "../frontend/browser/stack.mjs";

const TIME_LIMIT = 5 * 60_000;

const here = fileURLToPath(new URL(".", import.meta.url));
const root = resolve(process.argv[2] ?? join(here, ".."));
let passed = 0;
let failed = 0;
let stack;
let running;

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

/** Runs a program in this folder and shows what it says; fails when it does. */
async function run(program, args, env = {}) {
  running = spawn(program, args, { cwd: here, env: { ...process.env, ...env }, stdio: ["ignore", "inherit", "inherit"], timeout: TIME_LIMIT });
  const [code, signal] = await new Promise((ended) => running.once("exit", (...how) => ended(how)));
  running = undefined;
  assert.equal(code, 0, `${args.join(" ")} ended with ${code ?? signal}`);
}

function stop() {
  running?.kill();
  stack?.kill();
  rmSync(data, { recursive: true, force: true });
}

mkdirSync(join(root, ".data/test"), { recursive: true });
const data = mkdtempSync(join(root, ".data/test/examples-"));
// The database runs as a user of its own, who must be able to enter.
chmodSync(data, 0o755);
for (const signal of ["SIGINT", "SIGTERM"]) {
  process.once(signal, () => {
    stop();
    process.exit(1);
  });
}

try {
  await check("the ABIs are what contracts/artifacts gives", () => run("node", ["abi.mjs", "--check"]));
  await check("types", () => run("node_modules/.bin/tsc", ["--noEmit"]));
  const [web, postgres, chain] = await freePorts(3);
  await check("dev up comes up", async () => {
    stack = await Stack.start(root, {
      TRIBUTARY_DATA: data,
      TRIBUTARY_HTTP_PORT: String(web),
      TRIBUTARY_PG_PORT: String(postgres),
      TRIBUTARY_CHAIN_PORT: String(chain),
      PAYOUT_DELAY: "1",
    });
  });
  if (stack) {
    const rpc = `http://127.0.0.1:${chain}`;
    const anvil = createTestClient({ mode: "anvil", transport: http(rpc) });
    const fundedKey = async () => {
      const key = generatePrivateKey();
      await anvil.setBalance({ address: privateKeyToAddress(key), value: parseEther("10") });
      return key;
    };
    for (const example of ["ethers.ts", "viem.ts"]) {
      const env = { TRIBUTARY_URL: stack.url, RPC_URL: rpc, SELLER_KEY: await fundedKey(), BUYER_KEY: await fundedKey() };
      await check(example, () => run("node_modules/.bin/tsx", [example], env));
    }
    const { payouts } = await (await fetch(`${stack.url}/v1/market`)).json();
    const env = { RPC_URL: rpc, PAYOUTS: payouts, IPFS: `${stack.url}/v1/content/`, KEY: await fundedKey() };
    await check("claim.ts", () => run("node_modules/.bin/tsx", ["claim.ts"], env));
    await check("an interrupt ends the stack", async () => assert.ok(await stack.interrupt()));
  }
} finally {
  stop();
}
console.log(`${passed} passed, ${failed} failed`);
process.exit(failed === 0 ? 0 : 1);

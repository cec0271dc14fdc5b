// Runs the examples against a market of their own: `node run.mjs ROOT`.
import assert from "node:assert/strict";
import { execFileSync, spawn } from "node:child_process";
import { chmodSync, mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { homedir } from "node:os";
import { join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { createTestClient, http, parseEther, zeroAddress } from "viem";
import { generatePrivateKey, privateKeyToAddress } from "viem/accounts";
import { Stack, freePorts } from "../frontend/browser/stack.mjs";

const TIME_LIMIT = 5 * 60_000;
// Of the two accounts that the sample catalogue's sale paid, the first: the local chain's third account.
const PAYEE = "0x3C44CdDdB6a900fa2b585dd299e03d12FA4293BC";

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
  const options = { cwd: here, env: { ...process.env, ...env }, stdio: ["ignore", "inherit", "inherit"], timeout: TIME_LIMIT };
  running = spawn(program, args, options);
  const [code, signal] = await new Promise((ended) => running.once("exit", (...how) => ended(how)));
  running = undefined;
  assert.equal(code, 0, `${[program, ...args].join(" ")} ended with ${code ?? signal}`);
}

/** npm's own cast loses the exit status of the binary that it starts: this is that binary's folder. */
function castFolder() {
  const packages = join(root, "contracts/node_modules/@foundry-rs");
  return join(packages, readdirSync(packages).find((name) => name.startsWith("cast-")), "bin");
}

/** What `tributary deploy` prints of the stack's contracts, in a file. */
function deploymentFile(rpc, postgres) {
  const tributary = join(process.env.CARGO_TARGET_DIR ?? join(homedir(), ".cache/tributary/target"), "debug/tributary");
  const password = readFileSync(join(data, "postgres/password"), "utf8");
  const database = `postgres://tributary:${password}@127.0.0.1:${postgres}/tributary`;
  const env = { ...process.env, DATABASE_URL: database, RPC_URL: rpc, DATA_DIR: data };
  const file = join(data, "deployment.json");
  writeFileSync(file, execFileSync(tributary, ["deploy"], { env }));
  return file;
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
      TRIBUTARY_SAMPLE_DAYS: "0",
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
    const env = { PAYOUTS: payouts, IPFS: `${stack.url}/v1/content/`, KEY: await fundedKey(), FROM_BLOCK: "0" };
    const cast = { ETH_RPC_URL: rpc, ACCOUNT: PAYEE, TOKEN: zeroAddress, PATH: `${castFolder()}:${process.env.PATH}` };
    await check("claim.sh", () => run("./claim.sh", [], { ...env, ...cast }));
    await check("claim.ts", () => run("node_modules/.bin/tsx", ["claim.ts"], { ...env, RPC_URL: rpc }));
    await check("the deployed contracts are made from contracts/artifacts", () =>
      run("node", ["../contracts/verification.mjs", "--deployment", deploymentFile(rpc, postgres), rpc]));
    await check("an interrupt ends the stack", async () => assert.ok(await stack.interrupt()));
  }
} finally {
  stop();
}
console.log(`${passed} passed, ${failed} failed`);
process.exit(failed === 0 ? 0 : 1);

// From mined to visible: registers works one after another on the chain at WS_URL, and asks the API for each every 2 ms.
//
//   latency.mjs API ARTIFACT    with WS_URL, and what `tributary deploy` printed in DEPLOYMENT
//
// The time of a registration runs from the moment when the node tells of it, by its block's `newHeads` or its receipt, whichever is
// first, to the first answer of `GET /v1/assets/{id}` that has it. Prints the median, the 99th percentile and the longest, in
// milliseconds.
import { randomBytes } from "node:crypto";
import { readFileSync } from "node:fs";
import { Agent, get } from "node:http";
import { createPublicClient, encodeFunctionData, webSocket } from "viem";
import { mnemonicToAccount } from "viem/accounts";

const REGISTRATIONS = 300;
const WARM_UP = 10;
const POLL = 2;
const PATIENCE = 30_000;

const [api, artifact] = process.argv.slice(2);
const { abi } = JSON.parse(readFileSync(artifact, "utf8"));
const deployment = JSON.parse(process.env.DEPLOYMENT);
// The local chain's own phrase, known to everyone; its first account is the engine's.
const account = mnemonicToAccount("test test test test test test test test test test test junk", { addressIndex: 1 });
const transport = webSocket(process.env.WS_URL);
const client = createPublicClient({ transport });
const agent = new Agent({ keepAlive: true, maxSockets: 1 });
const pause = (milliseconds) => new Promise((done) => setTimeout(done, milliseconds));

const status = (path) =>
  new Promise((done, failed) => {
    get(`${api}${path}`, { agent }, (response) => response.resume().once("end", () => done(response.statusCode))).once(
      "error",
      failed,
    );
  });

async function visible(path) {
  for (const start = performance.now(); performance.now() - start < PATIENCE; await pause(POLL)) {
    const answer = await status(path).catch(() => 0);
    if (answer === 200) return performance.now();
    if (answer !== 404 && answer !== 0) throw new Error(`${path} was answered with ${answer}`);
  }
  throw new Error(`${path} did not come within ${PATIENCE} ms`);
}

/** When a block was first told of. */
const heads = new Map();
client.watchBlockNumber({
  onBlockNumber: (number) => heads.set(number, performance.now()),
  onError: (error) => {
    throw error;
  },
});

async function mined(hash) {
  let receipt;
  while (!(receipt = await client.request({ method: "eth_getTransactionReceipt", params: [hash] }))) await pause(POLL);
  const known = performance.now();
  if (receipt.status !== "0x1") throw new Error(`${hash} reverted`);
  const head = heads.get(BigInt(receipt.blockNumber)) ?? Infinity;
  return Math.min(known, head);
}

await visible("/v1/market");
const chainId = await client.getChainId();
const registry = deployment.asset_registry;
let nonce = await client.getTransactionCount({ address: account.address });
const times = [];
for (let id = 1; id <= WARM_UP + REGISTRATIONS; id++) {
  const registration = {
    to: account.address,
    kind: 3,
    open: true,
    contentHash: `0x${randomBytes(32).toString("hex")}`,
    cid: "bafkreihdwdcefgh4dqkjv67uzcmw7ojee6xedzdetojuzjevtenxquvyku",
    royaltyBps: 500,
    shares: [{ account: account.address, bps: 10_000 }],
    parents: [],
    consents: [],
  };
  const data = encodeFunctionData({ abi, functionName: "register", args: [registration] });
  const serializedTransaction = await account.signTransaction({
    chainId,
    to: registry,
    data,
    nonce: nonce++,
    gas: 1_000_000n,
    maxFeePerGas: 10n ** 10n,
    maxPriorityFeePerGas: 1n,
    type: "eip1559",
  });
  const seen = visible(`/v1/assets/${id}`);
  const hash = await client.sendRawTransaction({ serializedTransaction });
  const [start, end] = [await mined(hash), await seen];
  if (id > WARM_UP) times.push(Math.max(end - start, 0));
}
times.sort((a, b) => a - b);
const at = (share) => times[Math.min(Math.ceil(times.length * share), times.length) - 1].toFixed(1);
console.log(at(0.5), at(0.99), at(1));
process.exit(0);

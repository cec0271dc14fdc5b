// Compares what a run left in a database with what the replay server served:
//
//   check.mjs mirror|limit|ponder PSQL SOURCE    with DATABASE_URL, and the server's line of JSON in MARKET
//
// Of the mirror, and of the limit, which holds the same rows: a SHA-256 over every raw log in order (block, index, block hash,
// transaction, address, topics, data) against the same over all that the server answers to eth_getLogs. Of all: the rows of every
// table, sums of columns, and a SHA-256 over the state of all assets, against the server's model. Says what it compared; ends with 1
// when anything differs.
import { execFileSync, spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { once } from "node:events";
import { createInterface } from "node:readline";

const [kind, psql, url] = process.argv.slice(2);
const market = JSON.parse(process.env.MARKET);
const truth = await (await fetch(new URL("/truth", url))).json();
const call = (sql) => [process.env.DATABASE_URL, "-qAtX", "-v", "ON_ERROR_STOP=1", "-c", sql];
const query = (sql) => execFileSync(psql, call(sql), { encoding: "utf8" }).trim();
const wrong = [];

function same(what, found, expected) {
  if (String(found) !== String(expected)) wrong.push(`${what}: ${found} instead of ${expected}`);
}

/** Blocks asked for at once: the server refuses answers of more than 50 000 logs. */
const RANGE = 200;

async function rpc(method, params) {
  const body = JSON.stringify({ jsonrpc: "2.0", id: 1, method, params });
  const response = await fetch(url, { method: "POST", headers: { "content-type": "application/json" }, body });
  const { result, error } = await response.json();
  if (error) throw new Error(`${method}: ${error.message}`);
  return result;
}

async function servedLogs() {
  const hash = createHash("sha256");
  // The access manager's events are nobody's state: the mirror leaves them.
  const address = Object.entries(market.contracts)
    .filter(([name]) => name !== "AccessManager")
    .map(([, address]) => address);
  for (let from = market.fromBlock; from <= market.head; from += RANGE) {
    const hex = (number) => `0x${number.toString(16)}`;
    const filter = { address, fromBlock: hex(from), toBlock: hex(Math.min(from + RANGE - 1, market.head)) };
    for (const log of await rpc("eth_getLogs", [filter])) {
      const place = `${Number(log.blockNumber)} ${Number(log.logIndex)} ${log.blockHash} ${log.transactionHash}`;
      hash.update(`${place} ${log.address.toLowerCase()} ${log.topics.join()} ${log.data}\n`);
    }
  }
  return hash.digest("hex");
}

async function storedLogs() {
  const hex = (column) => `'0x' || encode(${column}, 'hex')`;
  const topics = `array_to_string(ARRAY(SELECT ${hex("t")} FROM unnest(topics) WITH ORDINALITY AS u (t, n) ORDER BY n), ',')`;
  const sql = `COPY (SELECT concat_ws(' ', block_number, log_index, ${hex("block_hash")}, ${hex("tx_hash")}, ${hex("address")},
                                      ${topics}, ${hex("data")})
    FROM chain.logs WHERE chain_id = ${market.chainId} ORDER BY block_number, log_index) TO STDOUT`;
  const source = spawn(psql, call(sql), { stdio: ["ignore", "pipe", "inherit"] });
  const closed = once(source, "close");
  const hash = createHash("sha256");
  for await (const line of createInterface({ input: source.stdout })) hash.update(`${line}\n`);
  same("psql's status", (await closed)[0], 0);
  return hash.digest("hex");
}

const schema = kind === "ponder" ? "market" : "chain";
const owner = kind === "ponder" ? "owner" : "'0x' || encode(owner, 'hex')";
const said = [];
if (kind !== "ponder") {
  const stored = await storedLogs();
  same("SHA-256 of the raw log", stored, await servedLogs());
  said.push(`raw log ${stored.slice(0, 16)}`);
  const cursor = JSON.parse(query(`SELECT to_jsonb(c) FROM chain.cursors c WHERE chain_id = ${market.chainId}`));
  same("head", `${cursor.block_number} ${cursor.block_hash}`, `${market.head} \\x${market.headHash.slice(2)}`);
  same("whether a backfill is under way", cursor.in_bulk ?? false, false);
}
// Ponder keeps the raw log as it pleases.
const tables = Object.entries(truth.rows).filter(([table]) => kind !== "ponder" || table !== "logs");
for (const [table, rows] of tables) same(`rows of ${table}`, query(`SELECT count(*) FROM ${schema}.${table}`), rows);
for (const [column, sum] of Object.entries(truth.sums)) {
  const [table, name] = column.split(".");
  same(`sum of ${column}`, query(`SELECT coalesce(sum(${name}), 0) FROM ${schema}.${table}`), sum);
}
const line = `asset_id || ' ' || ${owner} || ' ' || epoch || ' ' || royalty_bps`;
const assets = query(
  `SELECT encode(sha256(convert_to(string_agg(${line}, E'\\n' ORDER BY asset_id), 'UTF8')), 'hex') FROM ${schema}.assets`,
);
same("SHA-256 of the assets", assets, truth.assetsSha256);
said.push(`assets ${assets.slice(0, 16)}`, `${tables.length} tables`, `${Object.keys(truth.sums).length} sums`);
console.error(wrong.length ? `${kind} is WRONG: ${wrong.join("; ")}` : `${kind} equals the truth: ${said.join(", ")}`);
process.exit(wrong.length ? 1 : 0);

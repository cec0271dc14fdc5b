// Makes figures of what was measured: `figures.mjs FOLDER EVENTS` prints metric, ours, unit, better, peer and peer's, one line each.
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";

const [folder, count] = process.argv.slice(2);
const events = Number(count);
const size = events % 1_000_000 === 0 ? `${events / 1_000_000}m` : `${events / 1000}k`;
const measured = (name) => {
  const file = join(folder, `${name}.json`);
  return existsSync(file) ? JSON.parse(readFileSync(file, "utf8")) : undefined;
};
const mirror = measured("mirror");
const ponder = measured("ponder");
const limit = measured("limit");
const rebuild = measured("rebuild");

const METRICS = [
  ["events_per_second", "/s", "higher", (run) => events / run.seconds],
  ["cpu_seconds_per_million", "s", "lower", (run) => (run.cpu / events) * 1e6],
  ["database_cpu_per_million", "s", "lower", (run) => (run.databaseCpu / events) * 1e6],
  ["peak_memory", "MB", "lower", (run) => run.peakMemory / 1e6],
];
const SOURCE = [
  ["rpc_calls", "n", "lower", (run) => run.calls],
  ["rpc_megabytes", "MB", "lower", (run) => run.bytes / 1e6],
];

for (const [name, run, metrics] of [
  ["ponder", ponder, [...METRICS, ...SOURCE]],
  ["limit", limit, METRICS],
]) {
  if (!run) continue;
  for (const [metric, unit, better, value] of metrics) {
    console.log([`indexer_${metric}_${size}`, value(mirror), unit, better, name, value(run)].join("\t"));
  }
}
if (!ponder) {
  for (const [metric, unit, better, value] of SOURCE) {
    console.log([`indexer_${metric}_${size}`, value(mirror), unit, better, "-", 0].join("\t"));
  }
}
const minute = (60 * events) / 1_000_000;
console.log([`indexer_rebuild_seconds_${size}`, rebuild.seconds, "s", "lower", "target", minute].join("\t"));
if (ponder) {
  const { fetching, indexing } = ponder.phases;
  console.error(
    `ponder's own account: ${fetching.toFixed(1)} s of fetching and storing the chain, ${indexing.toFixed(1)} s of indexing, side by side`,
  );
}
for (const [name, run] of [
  ["mirror", mirror],
  ["ponder", ponder],
]) {
  if (run)
    console.error(
      `${name} asked: ${Object.entries(run.methods)
        .map(([method, calls]) => `${method} ${calls}`)
        .join(", ")}`,
    );
}

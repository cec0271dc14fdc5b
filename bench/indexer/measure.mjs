// Runs a command and says what it took, as JSON on standard output:
//
//   measure.mjs --postgres PID [--source URL] [--ponder URL --head BLOCK] -- COMMAND...
//
// {"seconds", "cpu", "databaseCpu", "peakMemory", "calls", "bytes", "phases"}: wall time, CPU seconds of the command and of the whole
// PostgreSQL server (processor time that other children of PostgreSQL used meanwhile counts too, for everybody alike), the largest
// resident memory of the command in bytes, and what it asked the replay server at --source. The command is done when it exits; ponder
// never does: it is done when it says that the backfill is complete, and is ended when it has followed the chain to --head.
import { spawn } from "node:child_process";
import { readFileSync } from "node:fs";
import { parseArgs } from "node:util";

const TICKS = 100; // per second, in /proc on every Linux
const end = process.argv.indexOf("--");
const command = process.argv.slice(end + 1);
const { values } = parseArgs({
  args: process.argv.slice(2, end),
  options: { postgres: { type: "string" }, source: { type: "string" }, ponder: { type: "string" }, head: { type: "string" } },
});

// Asking costs ponder a query.
const PAUSE = values.ponder ? 250 : 50;
const pause = (milliseconds) => new Promise((done) => setTimeout(done, milliseconds));

/** A file of /proc, empty when the process is gone. */
function proc(pid, file) {
  try {
    return readFileSync(`/proc/${pid}/${file}`, "utf8");
  } catch {
    return "";
  }
}

/** User and system time of a process itself and of the children that it waited for, in seconds. */
function times(pid) {
  const fields = proc(pid, "stat")
    .replace(/^.*\) /s, "")
    .split(" ")
    .slice(11, 15)
    .map(Number);
  const [user = 0, system = 0, childUser = 0, childSystem = 0] = fields;
  return { own: (user + system) / TICKS, waited: (childUser + childSystem) / TICKS };
}

const children = (pid) => proc(pid, `task/${pid}/children`).trim().split(" ").filter(Boolean);
const descendants = (pid) => children(pid).flatMap((child) => [child, ...descendants(child)]);
const cpuOf = (pids) => pids.reduce((sum, pid) => sum + times(pid).own + times(pid).waited, 0);

/** PostgreSQL's processor time; read again when a backend ended in between, which would be counted twice or not at all. */
function databaseCpu() {
  for (;;) {
    const before = children(values.postgres);
    const seconds = cpuOf([values.postgres, ...before]);
    if (before.join() === children(values.postgres).join()) return seconds;
  }
}

async function source(path, method = "GET") {
  if (!values.source) return { calls: {}, bytes: 0 };
  const response = await fetch(new URL(path, values.source), { method });
  if (!response.ok) throw new Error(`the source answers ${response.status} to ${path}`);
  return method === "GET" ? response.json() : undefined;
}

/** Whether ponder's backfill is complete. */
const ready = () =>
  fetch(`${values.ponder}/ready`).then(
    (response) => response.ok,
    () => false,
  );

/** What ponder says of its phases, which run side by side: seconds of fetching and storing the chain, and of indexing it. */
async function phases() {
  const text = await (await fetch(`${values.ponder}/metrics`)).text();
  const of = (group) =>
    Number(text.match(`ponder_historical_concurrency_group_duration{group="${group}"} ([0-9.]+)`)?.[1]) / 1000;
  return { fetching: of("extract"), indexing: of("transform") };
}

async function level() {
  const status = await (await fetch(`${values.ponder}/status`)).json();
  return Object.values(status).every(({ block }) => block.number >= Number(values.head));
}

await source("/reset", "POST");
const databaseBefore = databaseCpu();
const start = performance.now();
// A shell around the command still knows what the command used after it ended.
const wrapper = '"$@" >&2; status=$?; cat /proc/$$/stat >&3; exit $status';
const shell = spawn("bash", ["-c", wrapper, "measured", ...command], { stdio: ["ignore", "inherit", "inherit", "pipe"] });
let stat = "";
shell.stdio[3].setEncoding("utf8").on("data", (text) => (stat += text));
let status;
const ended = new Promise((done) => shell.once("close", (code) => done((status = code ?? 1))));
// Whatever ends this ends the command.
process.once("exit", () => {
  if (status !== undefined) return;
  for (const pid of [...descendants(shell.pid), shell.pid]) process.kill(Number(pid), "SIGTERM");
});
for (const signal of ["SIGINT", "SIGTERM"]) process.once(signal, () => process.exit(1));

const peaks = new Map();
let peakMemory = 0;
function sample() {
  const now = descendants(shell.pid);
  for (const pid of now) {
    const peak = Number(proc(pid, "status").match(/VmHWM:\s+(\d+)/)?.[1] ?? 0) * 1024;
    peaks.set(pid, Math.max(peak, peaks.get(pid) ?? 0));
  }
  peakMemory = Math.max(
    peakMemory,
    now.reduce((sum, pid) => sum + peaks.get(pid), 0),
  );
}

while (status === undefined && !(values.ponder && (await ready()))) {
  sample();
  await Promise.race([ended, pause(PAUSE)]);
}
const seconds = (performance.now() - start) / 1000;
const database = databaseCpu() - databaseBefore;
const asked = await source("/stats");
let cpu;
let said;
if (values.ponder && status === undefined) {
  sample();
  cpu = cpuOf(descendants(shell.pid));
  said = await phases();
  while (status === undefined && !(await level())) await pause(PAUSE);
  for (const pid of children(shell.pid)) process.kill(Number(pid), "SIGTERM");
  await ended;
} else {
  if (status !== 0 || values.ponder) throw new Error(`${command.join(" ")} ended with ${status}`);
  const fields = stat.replace(/^.*\) /s, "").split(" ");
  cpu = (Number(fields[13]) + Number(fields[14])) / TICKS;
}
const calls = Object.values(asked.calls).reduce((sum, count) => sum + count, 0);
console.log(
  JSON.stringify({
    seconds,
    cpu,
    databaseCpu: database,
    peakMemory,
    calls,
    bytes: asked.bytes,
    methods: asked.calls,
    phases: said,
  }),
);

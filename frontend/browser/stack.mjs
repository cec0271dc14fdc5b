// Starts and stops the real stack for the browser test: `./dev up` in a folder and on ports of its own.
import { spawn } from "node:child_process";
import { connect, createServer } from "node:net";

const START_LIMIT = 15 * 60_000;
const STOP_LIMIT = 60_000;

/** Ports that were free a moment ago. */
export async function freePorts(count) {
  const servers = await Promise.all(
    Array.from({ length: count }, () => new Promise((resolve, reject) => {
      const server = createServer();
      server.once("error", reject);
      server.listen(0, "127.0.0.1", () => resolve(server));
    })),
  );
  const ports = servers.map((server) => server.address().port);
  await Promise.all(servers.map((server) => new Promise((resolve) => server.close(resolve))));
  return ports;
}

/** Whether a program listens on a port. */
export function listening(port) {
  return new Promise((resolve) => {
    const socket = connect(port, "127.0.0.1", () => {
      socket.destroy();
      resolve(true);
    }).once("error", () => resolve(false));
  });
}

export class Stack {
  /** Starts and resolves once it says that it is up. `output` keeps what it said. */
  static async start(root, env) {
    const { DATABASE_URL, TEST_DATABASE_URL, RPC_URL, WS_URL, FRONTEND_DIR, LISTEN, ...clean } = process.env;
    // A group of its own, so that whatever is left of it can be ended with it.
    const child = spawn(`${root}/dev`, ["up"], { cwd: root, env: { ...clean, ...env }, stdio: ["ignore", "pipe", "pipe"], detached: true });
    const stack = new Stack(child);
    await stack.#up();
    return stack;
  }

  #child;
  #ended;
  output = "";

  constructor(child) {
    this.#child = child;
    this.#ended = new Promise((resolve) => child.once("exit", (code, signal) => resolve({ code, signal })));
    for (const stream of [child.stdout, child.stderr]) {
      stream.setEncoding("utf8").on("data", (text) => {
        this.output += text;
      });
    }
  }

  #up() {
    return new Promise((resolve, reject) => {
      const settle = (act) => {
        clearTimeout(timer);
        clearInterval(poll);
        act();
      };
      const timer = setTimeout(() => settle(() => reject(new Error(`dev up was not up in time:\n${this.output}`))), START_LIMIT);
      const poll = setInterval(() => {
        const line = /Tributary is up:\s+(http:\/\/\S+)/.exec(this.output);
        if (!line || !this.output.includes("The sample market is complete.")) return;
        this.url = line[1];
        settle(resolve);
      }, 50);
      void this.#ended.then(({ code, signal }) => settle(() => reject(new Error(`dev up ended (${code ?? signal}):\n${this.output}`))));
    });
  }

  /** Asks `dev`, and only it, to end. Resolves with how it ended; undefined when it did not. */
  async interrupt() {
    process.kill(this.#child.pid, "SIGINT");
    return await Promise.race([this.#ended, new Promise((resolve) => setTimeout(resolve, STOP_LIMIT).unref())]);
  }

  /** Ends what is left, if anything is. */
  kill() {
    try {
      process.kill(-this.#child.pid, "SIGKILL");
    } catch (error) {
      if (error.code !== "ESRCH") throw error;
    }
  }
}

// Writes abi.ts: the ABIs of contracts/artifacts as constants, from which viem infers types. `--check` only compares.
import { readFileSync, writeFileSync } from "node:fs";

const CONTRACTS = ["AssetRegistry", "Market", "Payouts"];

const parts = CONTRACTS.map((name) => {
  const { abi } = JSON.parse(readFileSync(new URL(`../contracts/artifacts/${name}.json`, import.meta.url), "utf8"));
  const entries = abi.map((entry) => `  ${JSON.stringify(entry)},\n`).join("");
  return `export const ${name[0].toLowerCase()}${name.slice(1)}Abi = [\n${entries}] as const;\n`;
});
const text = `// Written by abi.mjs from contracts/artifacts.\n\n${parts.join("\n")}`;
const file = new URL("abi.ts", import.meta.url);
if (!process.argv.includes("--check")) {
  writeFileSync(file, text);
} else if (readFileSync(file, "utf8") !== text) {
  console.error("examples/abi.ts is not what contracts/artifacts gives: run node examples/abi.mjs");
  process.exit(1);
}

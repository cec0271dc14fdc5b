// The contracts of the market, their ABIs, and where the run's deployment put them.
import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { Abi, AbiEvent, Address } from "viem";

interface Deployment {
  chainId: number;
  fromBlock: number;
  contracts: Record<string, Address>;
}

/** The line that the replay server printed. */
export const deployment = JSON.parse(process.env.MARKET ?? "null") as Deployment;
if (!deployment) throw new Error("MARKET is not set: it is the JSON line of the replay server");

const artifacts = process.env.ARTIFACTS;
if (!artifacts) throw new Error("ARTIFACTS is not set: it is the folder contracts/artifacts");
const abi = (name: string): Abi => JSON.parse(readFileSync(join(artifacts, `${name}.json`), "utf8")).abi;

/** The contracts whose events have tables of their own, and those whose numbered events go to `module_event`. */
export const CORE = ["AssetRegistry", "Market", "Payouts"];
export const MODULES = ["Licences", "Staking", "Disputes", "CouncilArbiter", "Anchor"];
export const abis = Object.fromEntries([...CORE, ...MODULES].map((name) => [name, abi(name)]));

export const numberedEvents = (name: string): AbiEvent[] =>
  (abis[name] ?? []).filter((item): item is AbiEvent => item.type === "event" && item.inputs[0]?.name === "seq");

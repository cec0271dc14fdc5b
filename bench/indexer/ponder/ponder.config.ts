import { createConfig } from "ponder";
import { abis, deployment } from "./market";

const rpc = process.env.RPC_URL;
if (!rpc) throw new Error("RPC_URL is not set");

// Ponder begins with 20 requests a second to each endpoint and learns slowly that an endpoint bears more. The source is the same
// under every name, so that many names lift that limit from the first second on.
const NAMES = 50;

const contracts = Object.fromEntries(
  Object.entries(abis).map(([name, abi]) => [
    name,
    { abi, chain: "market", address: deployment.contracts[name], startBlock: deployment.fromBlock },
  ]),
);

export default createConfig({
  database: { kind: "postgres", connectionString: process.env.DATABASE_URL },
  chains: { market: { id: deployment.chainId, rpc: Array(NAMES).fill(rpc) } },
  contracts,
});

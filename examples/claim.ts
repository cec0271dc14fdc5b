// Claims without the market's site: needs the chain and the list behind the active payout root, and checks that list.
import {
  concatHex,
  createPublicClient,
  createWalletClient,
  encodeAbiParameters,
  http,
  keccak256,
  parseAbi,
  parseAbiItem,
  parseAbiParameters,
} from "viem";
import { privateKeyToAccount } from "viem/accounts";
import { setting, type Hex } from "./tributary";

const payouts = setting("PAYOUTS") as Hex;
const transport = http(setting("RPC_URL"));
const client = createPublicClient({ transport, pollingInterval: 250 });
const wallet = createWalletClient({ transport, account: privateKeyToAccount(setting("KEY") as Hex) });
const contract = {
  address: payouts,
  abi: parseAbi([
    "function activeRoot() view returns (bytes32)",
    "function claimedOf(address account, address token) view returns (uint256)",
    "function claim(address account, address token, uint256 cumulative, bytes32[] proof) returns (uint256)",
  ]),
} as const;
const proposed = parseAbiItem([
  "struct Total { address token; uint256 amount; }",
  "event RootProposed(uint64 seq, uint64 indexed number, bytes32 indexed root, string dataCid, uint64 anchorSeq, Total[] totals, uint64 activatableAt)",
]);
const leafTypes = parseAbiParameters("uint256 chainId, address payouts, address account, address token, uint256 cumulative");

interface Entry {
  account: Hex;
  token: Hex;
  cumulative: string;
}

/** An entry's leaf: hashed twice, and bound to this chain and contract. */
function leafOf(chainId: number, { account, token, cumulative }: Entry): Hex {
  return keccak256(keccak256(encodeAbiParameters(leafTypes, [BigInt(chainId), payouts, account, token, BigInt(cumulative)])));
}

/** The parents of a level: each of two nodes, the smaller first; an odd one at the end moves up as it is. */
function parents(level: Hex[]): Hex[] {
  const above: Hex[] = [];
  for (let at = 0; at < level.length; at += 2) {
    const [a, b] = [level[at]!, level[at + 1]];
    above.push(b === undefined ? a : keccak256(concatHex(a < b ? [a, b] : [b, a])));
  }
  return above;
}

/** The root over leaves, and the proof of the one at a place. */
function prove(leaves: Hex[], place: number): { root: Hex; proof: Hex[] } {
  const proof: Hex[] = [];
  let level = leaves;
  for (let at = place; level.length > 1; at >>= 1) {
    const sibling = level[at ^ 1];
    if (sibling !== undefined) proof.push(sibling);
    level = parents(level);
  }
  return { root: level[0]!, proof };
}

// The root that claims are proven against, and where its list is.
const root = await client.readContract({ ...contract, functionName: "activeRoot" });
const fromBlock = BigInt(process.env.FROM_BLOCK ?? 0);
const logs = await client.getLogs({ address: payouts, event: proposed, args: { root }, fromBlock, strict: true });
const cid = logs.at(-1)?.args.dataCid;
if (!cid) throw new Error(`no proposal of root ${root} since FROM_BLOCK`);
console.log(`root ${root}, list ${cid}`);

// Any copy will do, since the root decides: IPFS is a gateway's prefix, such as https://ipfs.io/ipfs/
const answer = await fetch(setting("IPFS") + cid);
if (!answer.ok) throw new Error(`${cid} is not at ${setting("IPFS")}: ${answer.status}`);
const { entries } = (await answer.json()) as { entries: Entry[] };
entries.sort((a, b) => compare(a.account, b.account) || compare(a.token, b.token));

function compare(a: Hex, b: Hex): number {
  return BigInt(a) < BigInt(b) ? -1 : BigInt(a) > BigInt(b) ? 1 : 0;
}

const chainId = await client.getChainId();
const leaves = entries.map((entry) => leafOf(chainId, entry));
if (prove(leaves, 0).root !== root) throw new Error("the list is not the one behind the root");
console.log(`the list is the one behind the root: ${entries.length} entries`);

// Anyone may ask; the money goes to the account, or to the address that it chose.
let paid = 0;
for (const [place, { account, token, cumulative }] of entries.entries()) {
  if (process.env.ACCOUNT && compare(account, process.env.ACCOUNT as Hex) !== 0) continue;
  const before = await client.readContract({ ...contract, functionName: "claimedOf", args: [account, token] });
  if (before >= BigInt(cumulative)) continue;
  const { proof } = prove(leaves, place);
  const call = { ...contract, functionName: "claim", args: [account, token, BigInt(cumulative), proof] } as const;
  const { request } = await client.simulateContract({ ...call, account: wallet.account });
  const hash = await wallet.writeContract({ ...request, chain: null });
  const receipt = await client.waitForTransactionReceipt({ hash });
  if (receipt.status !== "success") throw new Error(`${receipt.transactionHash} reverted`);
  console.log(`claimed ${BigInt(cumulative) - before} of ${token} for ${account}`);
  paid += 1;
}
if (paid === 0) throw new Error("there is nothing to claim");

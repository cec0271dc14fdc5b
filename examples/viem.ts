// The market's whole path with viem: sign in, register, list, buy, claim.
import { createPublicClient, createWalletClient, defineChain, formatEther, http, parseEther, parseEventLogs } from "viem";
import { privateKeyToAccount } from "viem/accounts";
import {
  NATIVE,
  ORDER_TYPES,
  Tributary,
  assetRegistryAbi,
  marketAbi,
  orderDomain,
  payoutsAbi,
  setting,
  waitFor,
  type Hex,
  type Order,
} from "./tributary";

const ROYALTY_BPS = 1000;
const PRICE = parseEther("0.5");

const api = new Tributary(setting("TRIBUTARY_URL"));
const { chainId, ...contracts } = await api.market();

const chain = defineChain({
  id: chainId,
  name: "the market's chain",
  nativeCurrency: { name: "Ether", symbol: "ETH", decimals: 18 },
  rpcUrls: { default: { http: [setting("RPC_URL")] } },
});
const client = createPublicClient({ chain, transport: http(), pollingInterval: 250 });
const seller = createWalletClient({ chain, transport: http(), account: privateKeyToAccount(setting("SELLER_KEY") as Hex) });
const buyer = createWalletClient({ chain, transport: http(), account: privateKeyToAccount(setting("BUYER_KEY") as Hex) });

const registry = { address: contracts.assetRegistry, abi: assetRegistryAbi } as const;
const market = { address: contracts.market, abi: marketAbi } as const;
const payouts = { address: contracts.payouts, abi: payoutsAbi } as const;

// A transaction that reverted has a receipt as well.
async function mined(hash: Hex) {
  const receipt = await client.waitForTransactionReceipt({ hash });
  if (receipt.status !== "success") throw new Error(`${hash} reverted`);
  return receipt;
}

async function register(content: string): Promise<bigint> {
  const { contentHash, cid } = await api.upload(content);
  await api.describe({ title: "A note, sold with viem", kind: "TEXT", description: "", contentHash });
  const to = seller.account.address;
  const registration = {
    to,
    kind: 3, // TEXT
    open: false,
    contentHash,
    cid,
    royaltyBps: ROYALTY_BPS,
    shares: [{ account: to, bps: 10_000 }],
    parents: [],
    consents: [],
  };
  await mined(await seller.writeContract({ ...registry, functionName: "register", args: [registration] }));
  return waitFor("the asset", () => api.assetOf(contentHash));
}

async function list(assetId: bigint): Promise<string> {
  const maker = seller.account.address;
  // Once for each account: an order moves the asset when it is filled, and not before.
  const approve = { ...registry, functionName: "setApprovalForAll", args: [contracts.market, true] } as const;
  await mined(await seller.writeContract(approve));
  const order: Order = {
    maker,
    side: 0, // SELL
    assetId,
    assetEpoch: await client.readContract({ ...registry, functionName: "epochOf", args: [assetId] }),
    currency: NATIVE,
    startPrice: PRICE,
    endPrice: PRICE,
    startTime: 0n,
    endTime: BigInt(Math.floor(Date.now() / 1000)) + 7n * 86_400n,
    taker: NATIVE, // anyone
    nonce: assetId,
    makerEpoch: await client.readContract({ ...market, functionName: "makerEpochOf", args: [maker] }),
    maxFeeBps: await client.readContract({ ...market, functionName: "feeBps" }),
    minNet: 0n,
  };
  const domain = orderDomain(chainId, contracts.market);
  const message = { ...order };
  return api.post(order, await seller.signTypedData({ domain, types: ORDER_TYPES, primaryType: "Order", message }));
}

async function buy(hash: string): Promise<{ royalty: bigint }> {
  const { order, signature } = await api.order(hash);
  // What the buyer pays at most; with native coin it is sent along, and what is not needed comes back.
  const fill = { ...market, functionName: "fill", args: [order, signature, PRICE], value: PRICE } as const;
  const receipt = await mined(await buyer.writeContract(fill));
  const [filled] = parseEventLogs({ abi: marketAbi, eventName: "Filled", logs: receipt.logs });
  if (!filled) throw new Error("the receipt has no Filled");
  const owner = await client.readContract({ ...registry, functionName: "ownerOf", args: [order.assetId] });
  if (owner !== buyer.account.address) throw new Error(`${owner} owns what the buyer paid for`);
  return filled.args;
}

async function claim(): Promise<bigint> {
  const account = seller.account.address;
  const { cumulative, proof } = await waitFor("a payout", () => api.claimable(account, NATIVE));
  const call = { ...payouts, functionName: "claim", args: [account, NATIVE, cumulative, proof] } as const;
  const receipt = await mined(await seller.writeContract(call));
  const [claimed] = parseEventLogs({ abi: payoutsAbi, eventName: "Claimed", logs: receipt.logs });
  if (!claimed) throw new Error("the receipt has no Claimed");
  return claimed.args.amount;
}

await api.signIn(seller.account.address, chainId, (message) => seller.signMessage({ message }));
console.log(`signed in as ${seller.account.address}`);
const assetId = await register(`Written by ${seller.account.address} at ${new Date().toISOString()}\n`);
console.log(`registered asset ${assetId}`);
const hash = await list(assetId);
console.log(`listed it for ${formatEther(PRICE)} ETH, order ${hash}`);
const { royalty } = await buy(hash);
console.log(`sold it to ${buyer.account.address}, royalty ${formatEther(royalty)} ETH`);
const claimed = await claim();
console.log(`claimed ${formatEther(claimed)} ETH`);
// The seller owned the whole work when it was sold, and nothing lies upstream of it.
if (claimed !== royalty) throw new Error(`the royalty was ${royalty}, claimed were ${claimed}`);

// The market's whole path with ethers: sign in, register, list, buy, claim.
import { Contract, JsonRpcProvider, Wallet, formatEther, parseEther, type ContractTransactionReceipt } from "ethers";
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
const contracts = await api.market();

const provider = new JsonRpcProvider(setting("RPC_URL"), contracts.chainId, { pollingInterval: 250, cacheTimeout: -1 });
const seller = new Wallet(setting("SELLER_KEY"), provider);
const buyer = new Wallet(setting("BUYER_KEY"), provider);
const account = seller.address as Hex;

// Called by the seller, unless another account connects.
const registry = new Contract(contracts.assetRegistry, assetRegistryAbi, seller);
const market = new Contract(contracts.market, marketAbi, seller);
const payouts = new Contract(contracts.payouts, payoutsAbi, seller);

/** The arguments of a contract's first event of a name in a receipt. */
function event(contract: Contract, name: string, receipt: ContractTransactionReceipt) {
  const logs = receipt.logs.map((log) => contract.interface.parseLog(log));
  const found = logs.find((log) => log?.name === name);
  if (!found) throw new Error(`the receipt has no ${name}`);
  return found.args;
}

async function register(content: string): Promise<bigint> {
  const { contentHash, cid } = await api.upload(content);
  await api.describe({ title: "A note, sold with ethers", kind: "TEXT", description: "", contentHash });
  const registration = {
    to: account,
    kind: 3, // TEXT
    open: false,
    contentHash,
    cid,
    royaltyBps: ROYALTY_BPS,
    shares: [{ account, bps: 10_000 }],
    parents: [],
    consents: [],
  };
  await (await registry.register(registration)).wait();
  return waitFor("the asset", () => api.assetOf(contentHash));
}

async function list(assetId: bigint): Promise<string> {
  // Once for each account: an order moves the asset when it is filled, and not before.
  await (await registry.setApprovalForAll(contracts.market, true)).wait();
  const order: Order = {
    maker: account,
    side: 0, // SELL
    assetId,
    assetEpoch: await registry.epochOf(assetId),
    currency: NATIVE,
    startPrice: PRICE,
    endPrice: PRICE,
    startTime: 0n,
    endTime: BigInt(Math.floor(Date.now() / 1000)) + 7n * 86_400n,
    taker: NATIVE, // anyone
    nonce: assetId,
    makerEpoch: await market.makerEpochOf(account),
    maxFeeBps: Number(await market.feeBps()),
    minNet: 0n,
  };
  const domain = orderDomain(contracts.chainId, contracts.market);
  return api.post(order, await seller.signTypedData(domain, ORDER_TYPES, order));
}

async function buy(hash: string): Promise<bigint> {
  const { order, signature } = await api.order(hash);
  // What the buyer pays at most; with native coin it is sent along, and what is not needed comes back.
  const fill = await market.connect(buyer).getFunction("fill")(order, signature, PRICE, { value: PRICE });
  const receipt = await fill.wait();
  const owner: string = await registry.ownerOf(order.assetId);
  if (owner !== buyer.address) throw new Error(`${owner} owns what the buyer paid for`);
  return event(market, "Filled", receipt).royalty;
}

async function claim(): Promise<bigint> {
  const { cumulative, proof } = await waitFor("a payout", () => api.claimable(account, NATIVE));
  const receipt = await (await payouts.claim(account, NATIVE, cumulative, proof)).wait();
  return event(payouts, "Claimed", receipt).amount;
}

await api.signIn(account, contracts.chainId, (message) => seller.signMessage(message));
console.log(`signed in as ${account}`);
const assetId = await register(`Written by ${account} at ${new Date().toISOString()}\n`);
console.log(`registered asset ${assetId}`);
const hash = await list(assetId);
console.log(`listed it for ${formatEther(PRICE)} ETH, order ${hash}`);
const royalty = await buy(hash);
console.log(`sold it to ${buyer.address}, royalty ${formatEther(royalty)} ETH`);
const claimed = await claim();
console.log(`claimed ${formatEther(claimed)} ETH`);
// The seller owned the whole work when it was sold, and nothing lies upstream of it.
if (claimed !== royalty) throw new Error(`the royalty was ${royalty}, claimed were ${claimed}`);

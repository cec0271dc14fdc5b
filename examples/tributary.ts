// The market without a chain library: its HTTP API, the text of a sign-in, and an order as it is signed and as it is sent.
import type { components } from "../frontend/src/api/schema";

export * from "./abi";

type Schemas = components["schemas"];
export type Hex = `0x${string}`;

export const NATIVE: Hex = "0x0000000000000000000000000000000000000000";

/** An order as the Market has it; amounts in base units, times in seconds. See docs/contracts/market.md. */
export interface Order {
  maker: Hex;
  side: number;
  assetId: bigint;
  assetEpoch: bigint;
  currency: Hex;
  startPrice: bigint;
  endPrice: bigint;
  startTime: bigint;
  endTime: bigint;
  taker: Hex;
  nonce: bigint;
  makerEpoch: bigint;
  maxFeeBps: number;
  minNet: bigint;
}

export const ORDER_TYPES = {
  Order: [
    { name: "maker", type: "address" },
    { name: "side", type: "uint8" },
    { name: "assetId", type: "uint256" },
    { name: "assetEpoch", type: "uint64" },
    { name: "currency", type: "address" },
    { name: "startPrice", type: "uint256" },
    { name: "endPrice", type: "uint256" },
    { name: "startTime", type: "uint64" },
    { name: "endTime", type: "uint64" },
    { name: "taker", type: "address" },
    { name: "nonce", type: "uint256" },
    { name: "makerEpoch", type: "uint64" },
    { name: "maxFeeBps", type: "uint16" },
    { name: "minNet", type: "uint256" },
  ],
};

export function orderDomain(chainId: number, market: Hex) {
  return { name: "Tributary Market", version: "1", chainId, verifyingContract: market };
}

/** The message of EIP-4361 that signs an account in. */
export function signInMessage(origin: string, account: Hex, chainId: number, nonce: string): string {
  const url = new URL(origin);
  return [
    `${url.host} wants you to sign in with your Ethereum account:`,
    account,
    "",
    "Sign in to Tributary.",
    "",
    `URI: ${url.origin}`,
    "Version: 1",
    `Chain ID: ${chainId}`,
    `Nonce: ${nonce}`,
    `Issued At: ${new Date().toISOString()}`,
  ].join("\n");
}

/** The HTTP API, as one account uses it. Its whole reference is at /docs of a market. */
export class Tributary {
  // A browser keeps the session's cookie itself.
  #cookie = "";

  constructor(readonly origin: string) {}

  /** The chain and the contracts' addresses. */
  async market() {
    const { chainId, assetRegistry, market, payouts } = await this.#request<Schemas["MarketInfo"]>("GET", "/v1/market");
    return { chainId, assetRegistry: assetRegistry as Hex, market: market as Hex, payouts: payouts as Hex };
  }

  /** Signs in: `sign` is the account's wallet. */
  async signIn(account: Hex, chainId: number, sign: (message: string) => Promise<string>): Promise<void> {
    const { nonce } = await this.#request<Schemas["Nonce"]>("GET", "/v1/auth/nonce");
    const message = signInMessage(this.origin, account, chainId, nonce);
    const body: Schemas["SignIn"] = { message, signature: await sign(message) };
    await this.#request<Schemas["Session"]>("POST", "/v1/auth/verify", JSON.stringify(body));
  }

  /** Stores content. */
  async upload(content: string): Promise<{ contentHash: Hex; cid: string }> {
    const upload = await this.#request<Schemas["Upload"]>("POST", "/v1/uploads", new TextEncoder().encode(content));
    return { contentHash: upload.contentHash as Hex, cid: upload.cid };
  }

  /** Describes an upload: title and kind, as the catalogue shows them. */
  async describe(work: Schemas["NewWork"]): Promise<void> {
    await this.#request<Schemas["WorkView"]>("POST", "/v1/works", JSON.stringify(work));
  }

  /** The id of the asset with this content, once the mirror has it. */
  async assetOf(contentHash: Hex): Promise<bigint | undefined> {
    const page = await this.#request<Schemas["Page_AssetSummary"]>("GET", `/v1/assets?contentHash=${contentHash}`);
    return page.items[0] && BigInt(page.items[0].id);
  }

  /** Puts a signed order on the market; its hash. */
  async post(order: Order, signature: string): Promise<string> {
    const { side, assetEpoch, startTime, endTime, makerEpoch, maxFeeBps, maker, currency, taker, ...amounts } = order;
    const { assetId, startPrice, endPrice, nonce, minNet } = amounts;
    const body: Schemas["NewOrder"] = {
      signature,
      order: {
        maker,
        side: side === 0 ? "SELL" : "BID",
        assetId: String(assetId),
        assetEpoch: Number(assetEpoch),
        currency,
        startPrice: String(startPrice),
        endPrice: String(endPrice),
        startTime: Number(startTime),
        endTime: Number(endTime),
        taker,
        nonce: String(nonce),
        makerEpoch: Number(makerEpoch),
        maxFeeBps,
        minNet: String(minNet),
      },
    };
    return (await this.#request<Schemas["OrderView"]>("POST", "/v1/orders", JSON.stringify(body))).hash;
  }

  /** An order by its hash, with the signature to fill it by. */
  async order(hash: string): Promise<{ order: Order; signature: Hex; state: string }> {
    const { order, signature, state } = await this.#request<Schemas["OrderView"]>("GET", `/v1/orders/${hash}`);
    return {
      state,
      signature: signature as Hex,
      order: {
        maker: order.maker as Hex,
        side: order.side === "SELL" ? 0 : 1,
        assetId: BigInt(order.assetId),
        assetEpoch: BigInt(order.assetEpoch),
        currency: order.currency as Hex,
        startPrice: BigInt(order.startPrice),
        endPrice: BigInt(order.endPrice),
        startTime: BigInt(order.startTime),
        endTime: BigInt(order.endTime),
        taker: order.taker as Hex,
        nonce: BigInt(order.nonce),
        makerEpoch: BigInt(order.makerEpoch),
        maxFeeBps: order.maxFeeBps,
        minNet: BigInt(order.minNet),
      },
    };
  }

  /** The arguments of `Payouts.claim`, once an account has something to claim in a currency. */
  async claimable(account: Hex, currency: Hex) {
    const earnings = await this.#request<Schemas["Earnings"][]>("GET", `/v1/accounts/${account}/earnings`);
    const claim = earnings.find((one) => BigInt(one.currency) === BigInt(currency))?.claim;
    if (!claim) return undefined;
    return { cumulative: BigInt(claim.cumulative), proof: claim.proof as Hex[] };
  }

  async #request<T>(method: string, path: string, body?: BodyInit): Promise<T> {
    const headers: Record<string, string> = { cookie: this.#cookie };
    if (typeof body === "string") headers["content-type"] = "application/json";
    const response = await fetch(this.origin + path, { method, headers, body });
    if (!response.ok) throw new Error(`${method} ${path} answered ${response.status}: ${await response.text()}`);
    for (const cookie of response.headers.getSetCookie()) this.#cookie = cookie.split(";")[0] ?? "";
    return (await response.json()) as T;
  }
}

/** Asks again until there is an answer: the mirror is a second behind the chain, payouts some more. */
export async function waitFor<T>(what: string, ask: () => Promise<T | undefined>): Promise<T> {
  const end = Date.now() + 120_000;
  while (Date.now() < end) {
    const answer = await ask();
    if (answer !== undefined) return answer;
    await new Promise((resolve) => setTimeout(resolve, 250));
  }
  throw new Error(`waited two minutes for ${what}`);
}

/** A setting from the environment. */
export function setting(name: string): string {
  const value = process.env[name];
  if (!value) throw new Error(`set ${name}: see examples/README.md`);
  return value;
}

// What the mirror writes for each event (indexer/src/decode.rs), as ponder's indexing functions.
import { ponder as typed } from "ponder:registry";
import * as tables from "ponder:schema";
import { type Address, type Hex, hexToString, trim, zeroAddress } from "viem";
import { deployment, MODULES, numberedEvents } from "../market";

// The contracts are found by name at run time, so that ponder cannot know the types of their events.
const on = typed.on.bind(typed) as (event: string, handle: (of: { event: any; context: any }) => Promise<unknown>) => void;

const KINDS = ["CODE", "MODEL", "MUSIC", "TEXT", "IMAGE", "DATASET", "DESIGN", "PHYSICAL"];
const SIDES = ["SELL", "BID", "CRITERIA_BID"];
const chainId = deployment.chainId;

const place = (event: any) => ({
  chainId,
  blockNumber: Number(event.block.number),
  logIndex: event.log.logIndex,
  txHash: event.transaction.hash,
  at: new Date(Number(event.block.timestamp) * 1000),
});

/** The asset's row changes with the event. */
const change = (db: any, event: any, fields: object) =>
  db.update(tables.assets, { chainId, assetId: Number(event.args.assetId) }).set({
    ...fields,
    blockNumber: Number(event.block.number),
    txHash: event.transaction.hash,
    logIndex: event.log.logIndex,
  });

on("AssetRegistry:Registered", async ({ event, context: { db } }) => {
  const { args } = event;
  const at = place(event);
  const asset = {
    assetId: Number(args.assetId),
    registrant: args.registrant,
    firstOwner: args.to,
    kind: KINDS[args.kind] ?? String(args.kind),
    open: args.open,
    contentHash: args.contentHash,
    royaltyBps: args.royaltyBps,
    cid: args.cid,
    shares: args.shares,
    parents: args.parents.map(Number),
  };
  await db.insert(tables.registrations).values({ ...at, ...asset });
  await db.insert(tables.assets).values({
    ...asset,
    chainId,
    owner: args.to,
    epoch: 0,
    registeredAt: at.at,
    blockNumber: at.blockNumber,
    txHash: at.txHash,
    logIndex: at.logIndex,
  });
  for (const parentId of asset.parents)
    await db.insert(tables.assetParents).values({ chainId, assetId: asset.assetId, parentId });
});

// The registry emits ERC-721's own event just before ours, and ponder runs events in order: what it said is kept in
// memory between the two, which is quicker than a row.
let moved: { from: Address; to: Address };
on("AssetRegistry:Transfer", async ({ event }) => {
  if (event.args.from !== zeroAddress) moved = event.args;
});
on("AssetRegistry:Transferred", async ({ event, context: { db } }) => {
  const { from, to } = moved;
  const epoch = Number(event.args.epoch);
  await db.insert(tables.transfers).values({
    ...place(event),
    assetId: Number(event.args.assetId),
    sender: from,
    recipient: to,
    epoch,
  });
  await change(db, event, { owner: to, epoch });
});
on("AssetRegistry:CidUpdated", async ({ event, context: { db } }) => {
  const { cid, assetId } = event.args;
  await db.insert(tables.cidUpdates).values({ ...place(event), assetId: Number(assetId), cid });
  await change(db, event, { cid });
});
on("AssetRegistry:RoyaltyLowered", async ({ event, context: { db } }) => {
  const { royaltyBps, assetId } = event.args;
  await db.insert(tables.royaltyChanges).values({ ...place(event), assetId: Number(assetId), royaltyBps });
  await change(db, event, { royaltyBps });
});
on("AssetRegistry:FrozenUntilSet", ({ event, context: { db } }) =>
  db.insert(tables.freezes).values({ ...place(event), assetId: Number(event.args.assetId), frozenUntil: event.args.until }),
);

on("Market:Filled", async ({ event, context: { db } }) => {
  const { args } = event;
  const at = place(event);
  const assetId = Number(args.assetId);
  const side = SIDES[args.side] ?? String(args.side);
  await db.insert(tables.fills).values({
    ...at,
    orderHash: args.orderHash,
    assetId,
    maker: args.maker,
    taker: args.taker,
    side,
    currency: args.currency,
    price: args.price,
    fee: args.fee,
    royalty: args.royalty,
    net: args.net,
    nonce: args.nonce,
  });
  if (args.royalty === 0n) return;
  const payer = side === "SELL" ? args.taker : args.maker;
  await db.insert(tables.incomes).values({ ...at, assetId, token: args.currency, payer, amount: args.royalty, reason: "sale", forwarded: false });
});
on("Market:NoncesCancelled", async ({ event, context: { db } }) => {
  const { maker, nonces } = event.args;
  for (const nonce of new Set(nonces)) await db.insert(tables.cancelledNonces).values({ ...place(event), maker, nonce });
});
on("Market:MakerEpochAdvanced", ({ event, context: { db } }) =>
  db.insert(tables.makerEpochs).values({ ...place(event), maker: event.args.maker, epoch: Number(event.args.makerEpoch) }),
);
on("Market:CreditAdded", ({ event: { args, ...event }, context: { db } }) =>
  db.insert(tables.credits).values({
    ...place(event),
    account: args.account,
    currency: args.currency,
    change: args.amount,
    credit: args.credit,
  }),
);
on("Market:CreditWithdrawn", ({ event: { args, ...event }, context: { db } }) =>
  db.insert(tables.credits).values({
    ...place(event),
    account: args.account,
    currency: args.currency,
    change: -args.amount,
    credit: 0n,
  }),
);
on("Market:FeeSet", ({ event: { args, ...event }, context: { db } }) =>
  db.insert(tables.feeChanges).values({ ...place(event), feeBps: args.feeBps, recipient: args.feeRecipient }),
);

on("Payouts:Funded", ({ event: { args, ...event }, context: { db } }) =>
  db.insert(tables.incomes).values({
    ...place(event),
    assetId: Number(args.assetId),
    token: args.token,
    payer: args.from,
    amount: args.amount,
    reason: hexToString(trim(args.reason as Hex, { dir: "right" })),
    forwarded: args.forwarded,
  }),
);
on("Payouts:RootProposed", ({ event: { args, ...event }, context: { db } }) =>
  db.insert(tables.rootProposals).values({
    ...place(event),
    number: Number(args.number),
    root: args.root,
    dataCid: args.dataCid,
    anchorSeq: Number(args.anchorSeq),
    totals: args.totals.map((total: any) => ({ token: total.token, amount: String(total.amount) })),
    activatableAt: args.activatableAt,
  }),
);
for (const [name, decision] of [
  ["RootActivated", "activated"],
  ["RootVetoed", "vetoed"],
]) {
  on(`Payouts:${name}`, ({ event: { args, ...event }, context: { db } }) =>
    db.insert(tables.rootDecisions).values({ ...place(event), number: Number(args.number), root: args.root, decision }),
  );
}
on("Payouts:Claimed", ({ event: { args, ...event }, context: { db } }) =>
  db.insert(tables.claims).values({
    ...place(event),
    account: args.account,
    token: args.token,
    recipient: args.to,
    amount: args.amount,
    cumulative: args.cumulative,
  }),
);
on("Payouts:PayoutAddressSet", ({ event: { args, ...event }, context: { db } }) =>
  db.insert(tables.payoutAddresses).values({ ...place(event), account: args.account, recipient: args.to }),
);
on("Payouts:InboxDeployed", ({ event: { args, ...event }, context: { db } }) =>
  db.insert(tables.inboxes).values({ ...place(event), assetId: Number(args.assetId), inbox: args.inbox }),
);
on("Payouts:TotalPassedOver", ({ event: { args, ...event }, context: { db } }) =>
  db.insert(tables.totalsPassedOver).values({
    ...place(event),
    number: Number(args.number),
    token: args.token,
    amount: args.amount,
  }),
);

const plain = (value: any): any =>
  typeof value === "bigint" || typeof value === "number"
    ? String(value)
    : Array.isArray(value)
      ? value.map(plain)
      : value !== null && typeof value === "object"
        ? Object.fromEntries(Object.entries(value).map(([k, v]) => [k, plain(v)]))
        : value;

for (const contract of MODULES) {
  for (const { name, inputs } of numberedEvents(contract)) {
    const addresses = inputs.filter((input) => input.type === "address").map((input) => input.name ?? "");
    on(`${contract}:${name}`, ({ event: { args, ...event }, context: { db } }) => {
      const { seq, ...details } = args;
      return db.insert(tables.moduleEvents).values({
        ...place(event),
        contract,
        event: name,
        assetId: args.assetId === undefined ? null : Number(args.assetId),
        addresses: addresses.map((field) => args[field]),
        details: plain(details),
      });
    });
  }
}

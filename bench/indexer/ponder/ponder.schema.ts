// The tables of the mirror (crates/store/migrations) as ponder writes them: a row for every event, the same secondary
// indexes where ponder can say them, and the current state of every asset.
import { index, onchainTable, primaryKey, uniqueIndex } from "ponder";

const place = (t: any) => ({
  chainId: t.integer().notNull(),
  blockNumber: t.int8({ mode: "number" }).notNull(),
  logIndex: t.integer().notNull(),
  txHash: t.hex().notNull(),
  at: t.timestamp({ withTimezone: true }).notNull(),
});
const byPlace = (table: any) => primaryKey({ columns: [table.chainId, table.blockNumber, table.logIndex] });
const assetId = (t: any) => t.int8({ mode: "number" }).notNull();

export const registrations = onchainTable(
  "registrations",
  (t) => ({
    ...place(t),
    assetId: assetId(t),
    registrant: t.hex().notNull(),
    firstOwner: t.hex().notNull(),
    kind: t.text().notNull(),
    open: t.boolean().notNull(),
    contentHash: t.hex().notNull(),
    royaltyBps: t.integer().notNull(),
    cid: t.text().notNull(),
    shares: t.jsonb().notNull(),
    parents: t.jsonb().notNull(),
  }),
  (t) => ({ pk: byPlace(t), asset: uniqueIndex().on(t.chainId, t.assetId) }),
);
export const transfers = onchainTable(
  "transfers",
  (t) => ({
    ...place(t),
    assetId: assetId(t),
    sender: t.hex().notNull(),
    recipient: t.hex().notNull(),
    epoch: t.int8({ mode: "number" }).notNull(),
  }),
  (t) => ({ pk: byPlace(t), asset: index().on(t.chainId, t.assetId, t.epoch) }),
);
export const cidUpdates = onchainTable(
  "cid_updates",
  (t) => ({ ...place(t), assetId: assetId(t), cid: t.text().notNull() }),
  (t) => ({ pk: byPlace(t), asset: index().on(t.chainId, t.assetId, t.blockNumber, t.logIndex) }),
);
export const royaltyChanges = onchainTable(
  "royalty_changes",
  (t) => ({ ...place(t), assetId: assetId(t), royaltyBps: t.integer().notNull() }),
  (t) => ({ pk: byPlace(t), asset: index().on(t.chainId, t.assetId, t.blockNumber, t.logIndex) }),
);
export const freezes = onchainTable(
  "freezes",
  (t) => ({ ...place(t), assetId: assetId(t), frozenUntil: t.bigint().notNull() }),
  (t) => ({ pk: byPlace(t), asset: index().on(t.chainId, t.assetId, t.blockNumber, t.logIndex) }),
);
export const fills = onchainTable(
  "fills",
  (t) => ({
    ...place(t),
    orderHash: t.hex().notNull(),
    assetId: assetId(t),
    maker: t.hex().notNull(),
    taker: t.hex().notNull(),
    side: t.text().notNull(),
    currency: t.hex().notNull(),
    price: t.bigint().notNull(),
    fee: t.bigint().notNull(),
    royalty: t.bigint().notNull(),
    net: t.bigint().notNull(),
    nonce: t.bigint().notNull(),
  }),
  (t) => ({
    pk: byPlace(t),
    order: index().on(t.chainId, t.orderHash),
    nonces: index().on(t.chainId, t.maker, t.nonce),
    asset: index().on(t.chainId, t.assetId, t.blockNumber),
  }),
);
export const cancelledNonces = onchainTable(
  "cancelled_nonces",
  (t) => ({ ...place(t), maker: t.hex().notNull(), nonce: t.bigint().notNull() }),
  (t) => ({
    pk: primaryKey({ columns: [t.chainId, t.blockNumber, t.logIndex, t.nonce] }),
    maker: index().on(t.chainId, t.maker, t.nonce),
  }),
);
export const makerEpochs = onchainTable(
  "maker_epochs",
  (t) => ({ ...place(t), maker: t.hex().notNull(), epoch: t.int8({ mode: "number" }).notNull() }),
  (t) => ({ pk: byPlace(t), maker: index().on(t.chainId, t.maker, t.epoch) }),
);
export const credits = onchainTable(
  "credits",
  (t) => ({
    ...place(t),
    account: t.hex().notNull(),
    currency: t.hex().notNull(),
    change: t.bigint().notNull(),
    credit: t.bigint().notNull(),
  }),
  (t) => ({
    pk: byPlace(t),
    account: index().on(t.chainId, t.account, t.currency),
    order: index().on(t.chainId, t.account, t.currency, t.blockNumber, t.logIndex),
  }),
);
export const feeChanges = onchainTable(
  "fee_changes",
  (t) => ({ ...place(t), feeBps: t.integer().notNull(), recipient: t.hex().notNull() }),
  (t) => ({ pk: byPlace(t) }),
);
export const incomes = onchainTable(
  "incomes",
  (t) => ({
    ...place(t),
    assetId: assetId(t),
    token: t.hex().notNull(),
    payer: t.hex().notNull(),
    amount: t.bigint().notNull(),
    reason: t.text().notNull(),
    forwarded: t.boolean().notNull(),
  }),
  (t) => ({ pk: byPlace(t), asset: index().on(t.chainId, t.assetId, t.token) }),
);
export const rootProposals = onchainTable(
  "root_proposals",
  (t) => ({
    ...place(t),
    number: t.int8({ mode: "number" }).notNull(),
    root: t.hex().notNull(),
    dataCid: t.text().notNull(),
    anchorSeq: t.int8({ mode: "number" }).notNull(),
    totals: t.jsonb().notNull(),
    activatableAt: t.bigint().notNull(),
  }),
  (t) => ({ pk: byPlace(t), number: uniqueIndex().on(t.chainId, t.number) }),
);
export const rootDecisions = onchainTable(
  "root_decisions",
  (t) => ({
    ...place(t),
    number: t.int8({ mode: "number" }).notNull(),
    root: t.hex().notNull(),
    decision: t.text().notNull(),
  }),
  (t) => ({ pk: byPlace(t), number: uniqueIndex().on(t.chainId, t.number) }),
);
export const claims = onchainTable(
  "claims",
  (t) => ({
    ...place(t),
    account: t.hex().notNull(),
    token: t.hex().notNull(),
    recipient: t.hex().notNull(),
    amount: t.bigint().notNull(),
    cumulative: t.bigint().notNull(),
  }),
  (t) => ({ pk: byPlace(t), account: index().on(t.chainId, t.account, t.token, t.cumulative) }),
);
export const payoutAddresses = onchainTable(
  "payout_addresses",
  (t) => ({ ...place(t), account: t.hex().notNull(), recipient: t.hex().notNull() }),
  (t) => ({ pk: byPlace(t) }),
);
export const inboxes = onchainTable(
  "inboxes",
  (t) => ({ ...place(t), assetId: assetId(t), inbox: t.hex().notNull() }),
  (t) => ({ pk: byPlace(t) }),
);
export const totalsPassedOver = onchainTable(
  "totals_passed_over",
  (t) => ({ ...place(t), number: t.int8({ mode: "number" }).notNull(), token: t.hex().notNull(), amount: t.bigint().notNull() }),
  (t) => ({ pk: byPlace(t) }),
);
export const moduleEvents = onchainTable(
  "module_events",
  (t) => ({
    ...place(t),
    contract: t.text().notNull(),
    event: t.text().notNull(),
    assetId: t.int8({ mode: "number" }),
    addresses: t.text().array().notNull(),
    details: t.jsonb().notNull(),
  }),
  (t) => ({
    pk: byPlace(t),
    kind: index().on(t.chainId, t.contract, t.event, t.blockNumber, t.logIndex),
    asset: index().on(t.chainId, t.assetId, t.blockNumber, t.logIndex),
  }),
);
export const assets = onchainTable(
  "assets",
  (t) => ({
    chainId: t.integer().notNull(),
    assetId: assetId(t),
    kind: t.text().notNull(),
    open: t.boolean().notNull(),
    contentHash: t.hex().notNull(),
    cid: t.text().notNull(),
    royaltyBps: t.integer().notNull(),
    registrant: t.hex().notNull(),
    firstOwner: t.hex().notNull(),
    owner: t.hex().notNull(),
    epoch: t.int8({ mode: "number" }).notNull(),
    shares: t.jsonb().notNull(),
    parents: t.jsonb().notNull(),
    registeredAt: t.timestamp({ withTimezone: true }).notNull(),
    blockNumber: t.int8({ mode: "number" }).notNull(),
    txHash: t.hex().notNull(),
    logIndex: t.integer().notNull(),
  }),
  (t) => ({
    pk: primaryKey({ columns: [t.chainId, t.assetId] }),
    content: uniqueIndex().on(t.chainId, t.contentHash),
    owner: index().on(t.chainId, t.owner),
    kind: index().on(t.chainId, t.kind, t.assetId),
  }),
);
export const assetParents = onchainTable(
  "asset_parents",
  (t) => ({ chainId: t.integer().notNull(), assetId: assetId(t), parentId: t.int8({ mode: "number" }).notNull() }),
  (t) => ({ pk: primaryKey({ columns: [t.chainId, t.assetId, t.parentId] }), parent: index().on(t.chainId, t.parentId) }),
);

//! From a log to rows of the event tables, and to the facts the outbox tells others.

use crate::modules::Modules;
use alloy::{
    primitives::{Address, B256, U256},
    rpc::types::Log,
    sol_types::{SolEvent, SolEventInterface},
};
use bindings::{AssetRegistry, AssetRegistry::AssetRegistryEvents, Market::MarketEvents, Payouts::PayoutsEvents};
use serde_json::{Map, Value, json};
use store::{deployments::Deployment, outbox::NewEvent, values::hex_bytes};

/// What one log means.
#[derive(Debug, Default)]
pub struct Decoded {
    /// Rows for `chain.<table>`, each with its place in the chain.
    pub rows: Vec<(Table, Value)>,
    /// The event's number, where it carries one.
    pub number: Option<Number>,
    /// The asset whose state the event changes.
    pub asset: Option<u64>,
    pub event: Option<NewEvent>,
}

/// An event's place in the numbering of its contract, or of the record of the contract that it changes. A gap is a
/// missing log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Number {
    /// Which record; empty for the contract itself.
    pub stream: Vec<u8>,
    pub seq: u64,
}

impl Number {
    pub fn of_contract(seq: u64) -> Option<Self> {
        Some(Self { stream: vec![], seq })
    }

    /// A maker's fills and cancellations.
    fn of_maker(maker: Address, seq: u64) -> Option<Self> {
        Some(Self { stream: maker.to_vec(), seq })
    }

    /// An asset's transfers.
    fn of_asset(asset: u64, epoch: u64) -> Option<Self> {
        Some(Self { stream: asset.to_be_bytes().to_vec(), seq: epoch })
    }
}

macro_rules! tables {
    ($($variant:ident = $name:literal,)*) => {
        /// The event tables of schema `chain`.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
        pub enum Table { $($variant,)* }

        impl Table {
            pub const ALL: &'static [Table] = &[$(Table::$variant,)*];

            /// Inserts rows given as a JSON array of objects.
            pub fn insert(self) -> &'static str {
                match self { $(Table::$variant => concat!(
                    "INSERT INTO chain.", $name, " SELECT * FROM jsonb_populate_recordset(NULL::chain.", $name, ", $1)"),)* }
            }

            /// Deletes the rows above a block.
            pub fn retract(self) -> &'static str {
                match self { $(Table::$variant => concat!(
                    "DELETE FROM chain.", $name, " WHERE chain_id = $1 AND block_number > $2"),)* }
            }
        }
    };
}

tables! {
    Registrations = "registrations",
    Transfers = "transfers",
    CidUpdates = "cid_updates",
    RoyaltyChanges = "royalty_changes",
    Fills = "fills",
    CancelledNonces = "cancelled_nonces",
    MakerEpochs = "maker_epochs",
    Credits = "credits",
    FeeChanges = "fee_changes",
    Incomes = "incomes",
    RootProposals = "root_proposals",
    RootDecisions = "root_decisions",
    Claims = "claims",
    PayoutAddresses = "payout_addresses",
    Inboxes = "inboxes",
    TotalsPassedOver = "totals_passed_over",
    Freezes = "freezes",
    ModuleEvents = "module_events",
    Quarantine = "quarantine",
}

/// A log's place in the chain, as every row carries it.
pub struct Place {
    pub chain_id: u64,
    pub block: u64,
    pub index: u64,
    pub tx_hash: B256,
    /// Seconds since 1970, of the block.
    pub time: u64,
}

impl Place {
    pub fn row(&self, fields: Value) -> Value {
        let mut row = self.key();
        row.insert("tx_hash".into(), hex_bytes(self.tx_hash.as_slice()).into());
        row.insert("at".into(), timestamp(self.time));
        if let Value::Object(fields) = fields {
            row.extend(fields);
        }
        Value::Object(row)
    }

    fn key(&self) -> Map<String, Value> {
        let mut row = Map::new();
        row.insert("chain_id".into(), self.chain_id.into());
        row.insert("block_number".into(), self.block.into());
        row.insert("log_index".into(), self.index.into());
        row
    }
}

/// Seconds since 1970 as PostgreSQL reads them; `infinity` for what lies beyond the calendar, because a hostile order or
/// clock must not stop the mirror.
fn timestamp(seconds: u64) -> Value {
    let time = i64::try_from(seconds).ok().and_then(|seconds| chrono::DateTime::from_timestamp(seconds, 0));
    match time.filter(|time| time.timestamp() < 253_402_300_800) {
        Some(time) => time.to_rfc3339().into(),
        None => "infinity".into(),
    }
}

fn bytes(value: impl AsRef<[u8]>) -> Value {
    hex_bytes(value.as_ref()).into()
}

fn amount(value: U256) -> Value {
    value.to_string().into()
}

/// Text from the chain; PostgreSQL holds no NUL.
fn text(value: &str) -> Value {
    value.replace('\0', "\u{fffd}").into()
}

/// A number of ours that PostgreSQL keeps in a `bigint`.
fn id(value: U256) -> Result<u64, String> {
    u64::try_from(value)
        .ok()
        .filter(|id| i64::try_from(*id).is_ok())
        .ok_or_else(|| format!("{value} is beyond the range of ids"))
}

fn small(value: u64) -> Result<u64, String> {
    id(U256::from(value))
}

/// Short ASCII reasons are stored as text, anything else as hex.
fn reason(value: B256) -> Value {
    let end = value.iter().rposition(|byte| *byte != 0).map_or(0, |last| last + 1);
    let short = &value[..end];
    if short.iter().all(|byte| byte.is_ascii_graphic()) {
        String::from_utf8_lossy(short).into_owned().into()
    } else {
        value.to_string().into()
    }
}

/// Decodes a log of one of the deployment's contracts. What cannot be decoded is quarantined, in sight. `previous` is the
/// log before it in the same transaction.
pub fn decode(deployment: &Deployment, modules: &Modules, previous: Option<&Log>, log: &Log, place: &Place) -> Decoded {
    let decoded = match log.address() {
        address if address == deployment.asset_registry => registry(previous, log, place),
        address if address == deployment.market => market(log, place),
        address if address == deployment.payouts => payouts(log, place),
        address if modules.contains(address) => modules.decode(log, place),
        address => Err(format!("{address} is not one of the market's contracts")),
    };
    decoded.unwrap_or_else(|reason| {
        let mut row = place.key();
        row.insert("reason".into(), reason.into());
        // It has its number all the same, or the next event would look like a gap: the first word of what it says.
        let number =
            log.data().data.first_chunk::<32>().and_then(|word| u64::try_from(U256::from_be_bytes(*word)).ok());
        Decoded {
            rows: vec![(Table::Quarantine, Value::Object(row))],
            number: number.and_then(Number::of_contract),
            ..Decoded::default()
        }
    })
}

fn unreadable(error: impl std::fmt::Display) -> String {
    format!("not an event of this contract's interface: {error}")
}

/// An event about an asset: one row, and a fact under the asset's key.
fn about_asset(place: &Place, asset: u64, number: Option<Number>, table: Table, topic: &str, fields: Value) -> Decoded {
    let row = place.row(fields);
    let event = NewEvent::new(topic, format!("{}:{asset}", place.chain_id), row.clone());
    Decoded { rows: vec![(table, row)], number, asset: Some(asset), event: Some(event) }
}

fn about_account(
    place: &Place,
    account: Address,
    number: Option<Number>,
    table: Table,
    topic: &str,
    fields: Value,
) -> Decoded {
    let row = place.row(fields);
    let event = NewEvent::new(topic, format!("{}:{}", place.chain_id, account.to_checksum(None)), row.clone());
    Decoded { rows: vec![(table, row)], number, asset: None, event: Some(event) }
}

fn registry(previous: Option<&Log>, log: &Log, place: &Place) -> Result<Decoded, String> {
    use AssetRegistryEvents as E;
    Ok(match AssetRegistryEvents::decode_log(&log.inner).map_err(unreadable)?.data {
        E::Registered(event) => {
            let asset = id(event.assetId)?;
            let parents = event.parents.iter().map(|parent| id(*parent)).collect::<Result<Vec<_>, _>>()?;
            let shares: Vec<Value> = event
                .shares
                .iter()
                .map(|share| json!({"account": share.account.to_checksum(None), "bps": share.bps}))
                .collect();
            let kind = bindings::kind_name(event.kind).ok_or_else(|| format!("kind {} is unknown", event.kind))?;
            about_asset(
                place,
                asset,
                Number::of_contract(event.seq),
                Table::Registrations,
                "asset.registered",
                json!({
                    "asset_id": asset, "registrant": bytes(event.registrant), "first_owner": bytes(event.to), "kind": kind,
                    "open": event.open, "content_hash": bytes(event.contentHash), "royalty_bps": event.royaltyBps,
                    "cid": text(&event.cid), "shares": shares, "parents": parents,
                }),
            )
        }
        E::Transferred(event) => {
            let asset = id(event.assetId)?;
            let transfer = transfer_before(previous, log, event.assetId)?;
            about_asset(
                place,
                asset,
                Number::of_asset(asset, event.epoch),
                Table::Transfers,
                "asset.transferred",
                json!({
                    "asset_id": asset, "sender": bytes(transfer.from), "recipient": bytes(transfer.to),
                    "epoch": small(event.epoch)?,
                }),
            )
        }
        E::FrozenUntilSet(event) => {
            let asset = id(event.assetId)?;
            about_asset(
                place,
                asset,
                Number::of_contract(event.seq),
                Table::Freezes,
                "asset.frozen",
                json!({
                    "asset_id": asset, "frozen_until": timestamp(event.until),
                }),
            )
        }
        E::Linked(event) => Decoded { number: Number::of_contract(event.seq), ..Decoded::default() },
        E::CidUpdated(event) => {
            let asset = id(event.assetId)?;
            about_asset(
                place,
                asset,
                Number::of_contract(event.seq),
                Table::CidUpdates,
                "asset.cid_updated",
                json!({
                    "asset_id": asset, "cid": text(&event.cid),
                }),
            )
        }
        E::RoyaltyLowered(event) => {
            let asset = id(event.assetId)?;
            about_asset(
                place,
                asset,
                Number::of_contract(event.seq),
                Table::RoyaltyChanges,
                "asset.royalty_lowered",
                json!({
                    "asset_id": asset, "royalty_bps": event.royaltyBps,
                }),
            )
        }
        E::BaseURISet(event) => Decoded { number: Number::of_contract(event.seq), ..Decoded::default() },
        // ERC-721, ERC-4906 and access events repeat what ours say, or concern no state we mirror; the raw log has them.
        _ => Decoded::default(),
    })
}

/// ERC-721's own event, which says from whom to whom; the registry emits it just before `Transferred`.
fn transfer_before(previous: Option<&Log>, log: &Log, asset: U256) -> Result<AssetRegistry::Transfer, String> {
    previous
        .filter(|previous| previous.address() == log.address())
        .and_then(|previous| AssetRegistry::Transfer::decode_log(&previous.inner).ok())
        .map(|transfer| transfer.data)
        .filter(|transfer| transfer.tokenId == asset)
        .ok_or_else(|| format!("the transfer of asset {asset} does not follow ERC-721's own event"))
}

fn market(log: &Log, place: &Place) -> Result<Decoded, String> {
    use MarketEvents as E;
    Ok(match MarketEvents::decode_log(&log.inner).map_err(unreadable)?.data {
        E::Filled(event) => {
            let asset = id(event.assetId)?;
            let side = bindings::side_name(event.side).ok_or_else(|| format!("side {} is unknown", event.side))?;
            let mut sold = about_asset(
                place,
                asset,
                Number::of_maker(event.maker, event.makerSeq),
                Table::Fills,
                "asset.sold",
                json!({
                    "order_hash": bytes(event.orderHash), "asset_id": asset, "maker": bytes(event.maker),
                    "taker": bytes(event.taker), "side": side, "currency": bytes(event.currency), "price": amount(event.price),
                    "fee": amount(event.fee), "royalty": amount(event.royalty), "net": amount(event.net),
                    "nonce": amount(event.nonce),
                }),
            );
            // The market has sent the royalty to the pot itself.
            if !event.royalty.is_zero() {
                let payer = if side == "SELL" { event.taker } else { event.maker };
                let income = json!({
                    "asset_id": asset, "token": bytes(event.currency), "payer": bytes(payer),
                    "amount": amount(event.royalty), "reason": "sale",
                });
                sold.rows.push((Table::Incomes, place.row(income)));
            }
            sold
        }
        E::NoncesCancelled(event) => {
            let row = |nonce: &U256| {
                (Table::CancelledNonces, place.row(json!({"maker": bytes(event.maker), "nonce": amount(*nonce)})))
            };
            let mut nonces = event.nonces.clone();
            nonces.sort_unstable();
            nonces.dedup();
            let details = json!({"nonces": nonces.iter().map(ToString::to_string).collect::<Vec<_>>()});
            let key = format!("{}:{}", place.chain_id, event.maker.to_checksum(None));
            Decoded {
                rows: nonces.iter().map(row).collect(),
                number: Number::of_maker(event.maker, event.makerSeq),
                asset: None,
                event: Some(NewEvent::new("orders.cancelled", key, details)),
            }
        }
        E::MakerEpochAdvanced(event) => about_account(
            place,
            event.maker,
            Number::of_maker(event.maker, event.makerSeq),
            Table::MakerEpochs,
            "orders.cancelled_all",
            json!({
                "maker": bytes(event.maker), "epoch": small(event.makerEpoch)?,
            }),
        ),
        E::CreditAdded(event) => about_account(
            place,
            event.account,
            None,
            Table::Credits,
            "credit.added",
            json!({
                "account": bytes(event.account), "currency": bytes(event.currency), "change": amount(event.amount),
                "credit": amount(event.credit),
            }),
        ),
        E::CreditWithdrawn(event) => about_account(
            place,
            event.account,
            None,
            Table::Credits,
            "credit.withdrawn",
            json!({
                "account": bytes(event.account), "currency": bytes(event.currency), "change": format!("-{}", event.amount),
                "credit": "0",
            }),
        ),
        E::FeeSet(event) => about_account(
            place,
            event.feeRecipient,
            Number::of_contract(event.seq),
            Table::FeeChanges,
            "market.fee_set",
            json!({
                "fee_bps": event.feeBps, "recipient": bytes(event.feeRecipient),
            }),
        ),
        _ => Decoded::default(),
    })
}

fn payouts(log: &Log, place: &Place) -> Result<Decoded, String> {
    use PayoutsEvents as E;
    Ok(match PayoutsEvents::decode_log(&log.inner).map_err(unreadable)?.data {
        E::Funded(event) => {
            let asset = id(event.assetId)?;
            about_asset(
                place,
                asset,
                Number::of_contract(event.seq),
                Table::Incomes,
                "income.received",
                json!({
                    "asset_id": asset, "token": bytes(event.token), "payer": bytes(event.from), "amount": amount(event.amount),
                    "reason": reason(event.reason),
                }),
            )
        }
        E::RootProposed(event) => {
            let totals: Vec<Value> = event
                .totals
                .iter()
                .map(|total| json!({"token": total.token.to_checksum(None), "amount": total.amount.to_string()}))
                .collect();
            root(
                place,
                event.number,
                event.seq,
                Table::RootProposals,
                "root.proposed",
                json!({
                    "number": small(event.number)?, "root": bytes(event.root), "data_cid": text(&event.dataCid),
                    "anchor_seq": small(event.anchorSeq)?, "totals": totals, "activatable_at": timestamp(event.activatableAt),
                }),
            )
        }
        E::RootActivated(event) => root(
            place,
            event.number,
            event.seq,
            Table::RootDecisions,
            "root.activated",
            json!({
                "number": small(event.number)?, "root": bytes(event.root), "decision": "activated",
            }),
        ),
        E::RootVetoed(event) => root(
            place,
            event.number,
            event.seq,
            Table::RootDecisions,
            "root.vetoed",
            json!({
                "number": small(event.number)?, "root": bytes(event.root), "decision": "vetoed",
            }),
        ),
        E::Claimed(event) => about_account(
            place,
            event.account,
            None,
            Table::Claims,
            "payout.claimed",
            json!({
                "account": bytes(event.account), "token": bytes(event.token), "recipient": bytes(event.to),
                "amount": amount(event.amount), "cumulative": amount(event.cumulative),
            }),
        ),
        E::PayoutAddressSet(event) => about_account(
            place,
            event.account,
            Number::of_contract(event.seq),
            Table::PayoutAddresses,
            "payout.address_set",
            json!({
                "account": bytes(event.account), "recipient": bytes(event.to),
            }),
        ),
        E::InboxDeployed(event) => {
            let asset = id(event.assetId)?;
            about_asset(
                place,
                asset,
                Number::of_contract(event.seq),
                Table::Inboxes,
                "inbox.deployed",
                json!({
                    "asset_id": asset, "inbox": bytes(event.inbox),
                }),
            )
        }
        E::TotalPassedOver(event) => about_account(
            place,
            event.token,
            Number::of_contract(event.seq),
            Table::TotalsPassedOver,
            "root.total_passed_over",
            json!({
                "token": bytes(event.token), "amount": amount(event.amount),
            }),
        ),
        E::DelaySet(event) => Decoded { number: Number::of_contract(event.seq), ..Decoded::default() },
        _ => Decoded::default(),
    })
}

fn root(place: &Place, root: u64, seq: u64, table: Table, topic: &str, fields: Value) -> Decoded {
    let row = place.row(fields);
    let event = NewEvent::new(topic, format!("{}:{root}", place.chain_id), row.clone());
    Decoded { rows: vec![(table, row)], number: Number::of_contract(seq), asset: None, event: Some(event) }
}

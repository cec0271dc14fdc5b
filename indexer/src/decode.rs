//! From a log to rows of the event tables, and to the facts the outbox tells others.

use std::borrow::Cow;

use alloy::{
    primitives::{Address, B256, U256},
    sol_types::{SolEvent, SolEventInterface},
};
use bindings::{AssetRegistry, AssetRegistry::AssetRegistryEvents, Market::MarketEvents, Payouts::PayoutsEvents};
use serde_json::{Value, json};
use store::{deployments::Deployment, outbox::NewEvent};

use crate::{
    modules::Modules,
    row::{Field, Row, Table, json_of},
    source::Log,
};

/// Grows when the same log gives other rows than before: the projections are then built anew from the raw log.
pub const VERSION: i32 = 1;

/// What one log means.
#[derive(Debug, Default)]
pub struct Decoded {
    /// Rows for `chain.<table>`, each with its place in the chain.
    pub rows: Vec<(Table, Row)>,
    /// The event's number, where it carries one.
    pub number: Option<Number>,
    /// The asset whose state the event changes.
    pub asset: Option<u64>,
    /// A running total that the event continues.
    pub total: Option<Total>,
    pub fact: Option<Fact>,
}

/// What the outbox is told: the first row, unless there are other details.
#[derive(Debug)]
pub struct Fact {
    topic: Cow<'static, str>,
    subject: Subject,
    details: Option<Value>,
}

/// What a fact is about; with the chain's id it is the fact's key.
#[derive(Debug)]
pub enum Subject {
    Chain,
    Number(u64),
    Account(Address),
}

impl Fact {
    pub fn new(topic: impl Into<Cow<'static, str>>, subject: Subject) -> Self {
        Self { topic: topic.into(), subject, details: None }
    }

    pub fn into_event(self, chain_id: u64, rows: &[(Table, Row)]) -> NewEvent {
        let key = match self.subject {
            Subject::Chain => chain_id.to_string(),
            Subject::Number(number) => format!("{chain_id}:{number}"),
            Subject::Account(account) => format!("{chain_id}:{}", account.to_checksum(None)),
        };
        let details = self.details.or_else(|| rows.first().map(|(_, row)| json_of(row))).unwrap_or_default();
        NewEvent::new(self.topic, key, details)
    }
}

/// A running total: what it was before the event, and what it is after it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Total {
    pub kind: &'static str,
    pub account: Address,
    pub currency: Address,
    pub before: Option<U256>,
    pub after: U256,
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

/// A log's place in the chain, as every row carries it.
pub struct Place {
    pub chain_id: u64,
    pub block: u64,
    pub index: u32,
    pub tx_hash: B256,
    /// Seconds since 1970, of the block.
    pub time: u64,
}

impl Place {
    pub fn row(&self, fields: Row) -> Row {
        let mut row = Vec::with_capacity(fields.len() + 5);
        row.extend(self.key());
        row.push(("tx_hash", self.tx_hash.into()));
        row.push(("at", Field::Time(self.time)));
        row.extend(fields);
        row
    }

    fn key(&self) -> [(&'static str, Field); 3] {
        [
            ("chain_id", Field::Int(self.chain_id as i64)),
            ("block_number", Field::Int(self.block as i64)),
            ("log_index", Field::Small(self.index as i32)),
        ]
    }
}

/// A number of ours that PostgreSQL keeps in a `bigint`.
fn id(value: U256) -> Result<u64, String> {
    u64::try_from(value)
        .ok()
        .filter(|id| i64::try_from(*id).is_ok())
        .ok_or_else(|| format!("{value} is beyond the range of ids"))
}

fn int(value: u64) -> Result<Field, String> {
    Ok(Field::Int(id(U256::from(value))? as i64))
}

/// An id that was checked.
fn known(id: u64) -> Field {
    Field::Int(id as i64)
}

/// Short ASCII reasons are stored as text, anything else as hex.
fn reason(value: B256) -> Field {
    let end = value.iter().rposition(|byte| *byte != 0).map_or(0, |last| last + 1);
    let short = &value[..end];
    if short.iter().all(|byte| byte.is_ascii_graphic()) {
        Field::Text(String::from_utf8_lossy(short).into_owned())
    } else {
        Field::Text(value.to_string())
    }
}

/// Says what logs of one deployment mean.
pub struct Decoder {
    pub deployment: Deployment,
    modules: Modules,
}

impl Decoder {
    pub fn new(deployment: Deployment) -> Self {
        Self { deployment, modules: Modules::new(&deployment) }
    }

    /// Decodes a log of one of the contracts. What cannot be decoded is quarantined, in sight. `previous` is the log before
    /// it in the same transaction.
    pub fn decode(&self, previous: Option<&Log>, log: &Log, place: &Place) -> Decoded {
        let decoded = match log.address {
            address if address == self.deployment.asset_registry => registry(previous, log, place),
            address if address == self.deployment.market => market(log, place),
            address if address == self.deployment.payouts => payouts(log, place),
            address if self.modules.contains(address) => self.modules.decode(log, place),
            address => Err(format!("{address} is not one of the market's contracts")),
        };
        decoded.unwrap_or_else(|reason| {
            let mut row = place.key().to_vec();
            row.push(("reason", Field::Text(reason)));
            Decoded {
                rows: vec![(Table::Quarantine, row)],
                number: self.number_of_malformed(log),
                ..Decoded::default()
            }
        })
    }

    /// An event of ours that does not fit has its number all the same, or the next one would look like a gap: it is the first
    /// word of what it says.
    fn number_of_malformed(&self, log: &Log) -> Option<Number> {
        let topic = log.topics.first()?;
        let numbered = match log.address {
            address if address == self.deployment.asset_registry => AssetRegistryEvents::SELECTORS.contains(&topic.0),
            address if address == self.deployment.payouts => PayoutsEvents::SELECTORS.contains(&topic.0),
            address => self.modules.numbers(address, *topic),
        };
        let word = log.data.first_chunk::<32>().filter(|_| numbered)?;
        u64::try_from(U256::from_be_bytes(*word)).ok().and_then(Number::of_contract)
    }
}

fn unreadable(error: impl std::fmt::Display) -> String {
    format!("not an event of this contract's interface: {error}")
}

/// An event about an asset: one row, and a fact under the asset's key.
fn about_asset(
    place: &Place,
    asset: u64,
    number: Option<Number>,
    table: Table,
    topic: &'static str,
    mut fields: Row,
) -> Decoded {
    fields.insert(0, ("asset_id", known(asset)));
    let fact = Some(Fact::new(topic, Subject::Number(asset)));
    Decoded { rows: vec![(table, place.row(fields))], number, asset: Some(asset), fact, total: None }
}

fn about_account(
    place: &Place,
    account: Address,
    number: Option<Number>,
    table: Table,
    topic: &'static str,
    fields: Row,
) -> Decoded {
    let fact = Some(Fact::new(topic, Subject::Account(account)));
    Decoded { rows: vec![(table, place.row(fields))], number, fact, ..Decoded::default() }
}

/// An event that changes no state we mirror, but has its number.
fn numbered(seq: u64) -> Decoded {
    Decoded { number: Number::of_contract(seq), ..Decoded::default() }
}

fn registry(previous: Option<&Log>, log: &Log, place: &Place) -> Result<Decoded, String> {
    use AssetRegistryEvents as E;
    Ok(match AssetRegistryEvents::decode_raw_log(&log.topics, &log.data).map_err(unreadable)? {
        E::Registered(event) => {
            let asset = id(event.assetId)?;
            let parents: Vec<i64> =
                event.parents.iter().map(|parent| id(*parent).map(|id| id as i64)).collect::<Result<_, _>>()?;
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
                vec![
                    ("registrant", event.registrant.into()),
                    ("first_owner", event.to.into()),
                    ("kind", kind.into()),
                    ("open", Field::Bool(event.open)),
                    ("content_hash", event.contentHash.into()),
                    ("royalty_bps", Field::Small(event.royaltyBps.into())),
                    ("cid", event.cid.as_str().into()),
                    ("shares", Field::Json(shares.into())),
                    ("parents", Field::Ints(parents)),
                ],
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
                vec![("sender", transfer.from.into()), ("recipient", transfer.to.into()), ("epoch", int(event.epoch)?)],
            )
        }
        E::FrozenUntilSet(event) => about_asset(
            place,
            id(event.assetId)?,
            Number::of_contract(event.seq),
            Table::Freezes,
            "asset.frozen",
            vec![("frozen_until", Field::Time(event.until))],
        ),
        E::CidUpdated(event) => about_asset(
            place,
            id(event.assetId)?,
            Number::of_contract(event.seq),
            Table::CidUpdates,
            "asset.cid_updated",
            vec![("cid", event.cid.as_str().into())],
        ),
        E::RoyaltyLowered(event) => about_asset(
            place,
            id(event.assetId)?,
            Number::of_contract(event.seq),
            Table::RoyaltyChanges,
            "asset.royalty_lowered",
            vec![("royalty_bps", Field::Small(event.royaltyBps.into()))],
        ),
        E::Linked(event) => numbered(event.seq),
        E::BaseURISet(event) => numbered(event.seq),
        // ERC-721, ERC-4906 and access events repeat what ours say, or concern no state we mirror; the raw log has them.
        _ => Decoded::default(),
    })
}

/// ERC-721's own event, which says from whom to whom; the registry emits it just before `Transferred`.
fn transfer_before(previous: Option<&Log>, log: &Log, asset: U256) -> Result<AssetRegistry::Transfer, String> {
    previous
        .filter(|previous| previous.address == log.address)
        .and_then(|previous| AssetRegistry::Transfer::decode_raw_log(&previous.topics, &previous.data).ok())
        .filter(|transfer| transfer.tokenId == asset)
        .ok_or_else(|| format!("the transfer of asset {asset} does not follow ERC-721's own event"))
}

fn market(log: &Log, place: &Place) -> Result<Decoded, String> {
    use MarketEvents as E;
    Ok(match MarketEvents::decode_raw_log(&log.topics, &log.data).map_err(unreadable)? {
        E::Filled(event) => {
            let asset = id(event.assetId)?;
            let side = bindings::side_name(event.side).ok_or_else(|| format!("side {} is unknown", event.side))?;
            let mut sold = about_asset(
                place,
                asset,
                Number::of_maker(event.maker, event.makerSeq),
                Table::Fills,
                "asset.sold",
                vec![
                    ("order_hash", event.orderHash.into()),
                    ("maker", event.maker.into()),
                    ("taker", event.taker.into()),
                    ("side", side.into()),
                    ("currency", event.currency.into()),
                    ("price", event.price.into()),
                    ("fee", event.fee.into()),
                    ("royalty", event.royalty.into()),
                    ("net", event.net.into()),
                    ("nonce", event.nonce.into()),
                ],
            );
            // The market has sent the royalty to the pot itself.
            if !event.royalty.is_zero() {
                let payer = if side == "SELL" { event.taker } else { event.maker };
                sold.rows.push((
                    Table::Incomes,
                    place.row(vec![
                        ("asset_id", known(asset)),
                        ("token", event.currency.into()),
                        ("payer", payer.into()),
                        ("amount", event.royalty.into()),
                        ("reason", "sale".into()),
                    ]),
                ));
            }
            sold
        }
        E::NoncesCancelled(event) => {
            let mut nonces = event.nonces.clone();
            nonces.sort_unstable();
            nonces.dedup();
            let row = |nonce: &U256| {
                let fields = vec![("maker", event.maker.into()), ("nonce", (*nonce).into())];
                (Table::CancelledNonces, place.row(fields))
            };
            let details = json!({"nonces": nonces.iter().map(ToString::to_string).collect::<Vec<_>>()});
            Decoded {
                rows: nonces.iter().map(row).collect(),
                number: Number::of_maker(event.maker, event.makerSeq),
                fact: Some(Fact {
                    details: Some(details),
                    ..Fact::new("orders.cancelled", Subject::Account(event.maker))
                }),
                ..Decoded::default()
            }
        }
        E::MakerEpochAdvanced(event) => about_account(
            place,
            event.maker,
            Number::of_maker(event.maker, event.makerSeq),
            Table::MakerEpochs,
            "orders.cancelled_all",
            vec![("maker", event.maker.into()), ("epoch", int(event.makerEpoch)?)],
        ),
        E::CreditAdded(event) => {
            let before = event.credit.checked_sub(event.amount);
            let change = event.amount.into();
            credit(place, "credit.added", event.account, event.currency, change, before, event.credit)
        }
        E::CreditWithdrawn(event) => {
            let change = Field::Debit(event.amount);
            credit(place, "credit.withdrawn", event.account, event.currency, change, Some(event.amount), U256::ZERO)
        }
        E::FeeSet(event) => about_account(
            place,
            event.feeRecipient,
            Number::of_contract(event.seq),
            Table::FeeChanges,
            "market.fee_set",
            vec![("fee_bps", Field::Small(event.feeBps.into())), ("recipient", event.feeRecipient.into())],
        ),
        _ => Decoded::default(),
    })
}

fn credit(
    place: &Place,
    topic: &'static str,
    account: Address,
    currency: Address,
    change: Field,
    before: Option<U256>,
    after: U256,
) -> Decoded {
    let fields =
        vec![("account", account.into()), ("currency", currency.into()), ("change", change), ("credit", after.into())];
    let decoded = about_account(place, account, None, Table::Credits, topic, fields);
    Decoded { total: Some(Total { kind: "credit", account, currency, before, after }), ..decoded }
}

fn payouts(log: &Log, place: &Place) -> Result<Decoded, String> {
    use PayoutsEvents as E;
    Ok(match PayoutsEvents::decode_raw_log(&log.topics, &log.data).map_err(unreadable)? {
        E::Funded(event) => about_asset(
            place,
            id(event.assetId)?,
            Number::of_contract(event.seq),
            Table::Incomes,
            "income.received",
            vec![
                ("token", event.token.into()),
                ("payer", event.from.into()),
                ("amount", event.amount.into()),
                ("reason", reason(event.reason)),
            ],
        ),
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
                vec![
                    ("root", event.root.into()),
                    ("data_cid", event.dataCid.as_str().into()),
                    ("anchor_seq", int(event.anchorSeq)?),
                    ("totals", Field::Json(totals.into())),
                    ("activatable_at", Field::Time(event.activatableAt)),
                ],
            )?
        }
        E::RootActivated(event) => root(
            place,
            event.number,
            event.seq,
            Table::RootDecisions,
            "root.activated",
            vec![("root", event.root.into()), ("decision", "activated".into())],
        )?,
        E::RootVetoed(event) => root(
            place,
            event.number,
            event.seq,
            Table::RootDecisions,
            "root.vetoed",
            vec![("root", event.root.into()), ("decision", "vetoed".into())],
        )?,
        E::Claimed(event) => {
            let claimed = about_account(
                place,
                event.account,
                None,
                Table::Claims,
                "payout.claimed",
                vec![
                    ("account", event.account.into()),
                    ("token", event.token.into()),
                    ("recipient", event.to.into()),
                    ("amount", event.amount.into()),
                    ("cumulative", event.cumulative.into()),
                ],
            );
            let total = Total {
                kind: "claim",
                account: event.account,
                currency: event.token,
                before: event.cumulative.checked_sub(event.amount),
                after: event.cumulative,
            };
            Decoded { total: Some(total), ..claimed }
        }
        E::PayoutAddressSet(event) => about_account(
            place,
            event.account,
            Number::of_contract(event.seq),
            Table::PayoutAddresses,
            "payout.address_set",
            vec![("account", event.account.into()), ("recipient", event.to.into())],
        ),
        E::InboxDeployed(event) => about_asset(
            place,
            id(event.assetId)?,
            Number::of_contract(event.seq),
            Table::Inboxes,
            "inbox.deployed",
            vec![("inbox", event.inbox.into())],
        ),
        E::TotalPassedOver(event) => about_account(
            place,
            event.token,
            Number::of_contract(event.seq),
            Table::TotalsPassedOver,
            "root.total_passed_over",
            vec![("token", event.token.into()), ("amount", event.amount.into())],
        ),
        E::DelaySet(event) => numbered(event.seq),
        _ => Decoded::default(),
    })
}

fn root(
    place: &Place,
    root: u64,
    seq: u64,
    table: Table,
    topic: &'static str,
    mut fields: Row,
) -> Result<Decoded, String> {
    fields.insert(0, ("number", int(root)?));
    Ok(Decoded {
        rows: vec![(table, place.row(fields))],
        number: Number::of_contract(seq),
        fact: Some(Fact::new(topic, Subject::Number(root))),
        ..Decoded::default()
    })
}

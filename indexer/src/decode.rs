//! Turns a log into rows of the event tables, and into the facts that the outbox tells others.

use alloy::{
    primitives::{Address, B256, U256},
    sol_types::{SolEvent, SolEventInterface},
};
use bindings::{
    AssetRegistry, AssetRegistry::AssetRegistryEvents, Market, Market::MarketEvents, Payouts, Payouts::PayoutsEvents,
};
use facts::{
    Account, Asset, CancelledAll, ChainId, CidUpdated, Claimed, CreditChanged, Fact, FeeSet, Frozen, InboxDeployed,
    IncomeReceived, NewFact, NoncesCancelled, PayoutAddressSet, Registered, RootDecided, RootProposed, RoyaltyLowered,
    Share, Sold, Stream, Subject, Total as TokenTotal, TotalPassedOver, Transferred,
};
use serde_json::{Value, json};
use store::deployments::Deployment;

use crate::{
    modules::Modules,
    row::{Field, Row, Table, time_of},
    source::Log,
};

/// The version of the decoder. It grows when the same log gives other rows than before. The projections are then built anew
/// from the raw log.
pub const VERSION: i32 = 2;

/// What one log means.
#[derive(Debug, Default)]
pub struct Decoded {
    /// Rows for `chain.<table>`, each with its place in the chain.
    pub rows: Vec<(Table, Row)>,
    /// The event's number, if it has one.
    pub number: Option<Number>,
    /// The asset whose state the event changes.
    pub asset: Option<u64>,
    /// A running total that the event continues.
    pub total: Option<Total>,
    /// What others are told.
    pub fact: Option<NewFact>,
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

/// An event's place in the numbering of its contract, or of the record of the contract that it changes. A gap means that a
/// log is missing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Number {
    /// The record. Empty for the contract itself.
    pub stream: Vec<u8>,
    pub seq: u64,
}

impl Number {
    pub fn of_contract(seq: u64) -> Option<Self> {
        Some(Self { stream: vec![], seq })
    }

    /// Numbers an event among a maker's fills and cancellations.
    fn of_maker(maker: Address, seq: u64) -> Option<Self> {
        Some(Self { stream: maker.to_vec(), seq })
    }

    /// Numbers an event among an asset's transfers.
    fn of_asset(asset: u64, epoch: u64) -> Option<Self> {
        Some(Self { stream: asset.to_be_bytes().to_vec(), seq: epoch })
    }
}

/// A log's place in the chain, as every row carries it.
pub struct Place {
    pub chain_id: ChainId,
    pub block: u64,
    pub index: u32,
    pub tx_hash: B256,
    /// The block's time, in seconds since 1970.
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

    /// Returns a fact that follows from the log at this place.
    pub fn fact(&self, subject: Subject, streams: Vec<Stream>, fact: Fact) -> NewFact {
        let place =
            facts::Place { block: self.block, log: self.index, transaction: self.tx_hash.into(), time: self.time };
        NewFact { chain: Some(self.chain_id), place: Some(place), subject, streams, fact }
    }

    fn key(&self) -> [(&'static str, Field); 3] {
        [
            ("chain_id", Field::Int(self.chain_id.get())),
            ("block_number", Field::Int(self.block as i64)),
            ("log_index", Field::Small(self.index as i32)),
        ]
    }
}

/// Returns a number of ours that PostgreSQL keeps in a `bigint`.
fn id(value: U256) -> Result<u64, String> {
    u64::try_from(value)
        .ok()
        .filter(|id| i64::try_from(*id).is_ok())
        .ok_or_else(|| format!("{value} is beyond the range of ids"))
}

fn int(value: u64) -> Result<Field, String> {
    Ok(Field::Int(id(U256::from(value))? as i64))
}

/// Returns an id that was checked.
fn known(id: u64) -> Field {
    Field::Int(id as i64)
}

/// Writes short ASCII reasons as text, and anything else as hex.
fn reason(value: B256) -> String {
    let end = value.iter().rposition(|byte| *byte != 0).map_or(0, |last| last + 1);
    let short = &value[..end];
    if short.iter().all(|byte| byte.is_ascii_graphic()) {
        String::from_utf8_lossy(short).into_owned()
    } else {
        value.to_string()
    }
}

/// Decodes the logs of one deployment.
pub struct Decoder {
    pub deployment: Deployment,
    modules: Modules,
}

impl Decoder {
    pub fn new(deployment: Deployment) -> Self {
        Self { deployment, modules: Modules::new(&deployment) }
    }

    /// Decodes a log of one of the contracts. What cannot be decoded goes to the quarantine, where it can be seen. `previous`
    /// is the log before it in the same transaction.
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

    /// Returns the number of an event of ours that does not fit. It has a number all the same, which is the first word of its
    /// data. Without it, the next event would look like a gap.
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

/// Decodes an event about an asset into one row, and a fact in the streams of the asset and of some accounts.
fn about_asset(
    place: &Place,
    (asset, number): (u64, Option<Number>),
    (table, mut fields): (Table, Row),
    fact: Fact,
    accounts: &[Address],
) -> Decoded {
    fields.insert(0, ("asset_id", known(asset)));
    let subject = Subject::Asset { chain: place.chain_id, asset: asset.into() };
    let streams =
        [Stream::asset(place.chain_id, asset)].into_iter().chain(accounts.iter().copied().map(Stream::account));
    let fact = Some(place.fact(subject, streams.collect(), fact));
    Decoded { rows: vec![(table, place.row(fields))], number, asset: Some(asset), fact, total: None }
}

/// Decodes an event about an account into one row, and a fact in the account's stream.
fn about_account(
    place: &Place,
    (account, number): (Address, Option<Number>),
    (table, fields): (Table, Row),
    fact: Fact,
) -> Decoded {
    let fact = place.fact(Subject::Account { account: account.into() }, vec![Stream::account(account)], fact);
    Decoded { rows: vec![(table, place.row(fields))], number, fact: Some(fact), ..Decoded::default() }
}

/// Decodes an event about the market as a whole into one row, and a fact in these streams.
fn about_chain(place: &Place, seq: u64, (table, fields): (Table, Row), fact: Fact, streams: Vec<Stream>) -> Decoded {
    let fact = place.fact(Subject::Chain { chain: place.chain_id }, streams, fact);
    Decoded {
        rows: vec![(table, place.row(fields))],
        number: Number::of_contract(seq),
        fact: Some(fact),
        ..Decoded::default()
    }
}

/// Decodes an event that changes no state that we mirror, but has a number.
fn numbered(seq: u64) -> Decoded {
    Decoded { number: Number::of_contract(seq), ..Decoded::default() }
}

fn registry(previous: Option<&Log>, log: &Log, place: &Place) -> Result<Decoded, String> {
    use AssetRegistryEvents as E;
    Ok(match AssetRegistryEvents::decode_raw_log(&log.topics, &log.data).map_err(unreadable)? {
        E::Registered(event) => registered(place, event)?,
        E::Transferred(event) => {
            let asset = id(event.assetId)?;
            let transfer = transfer_before(previous, log, event.assetId)?;
            let fields =
                vec![("sender", transfer.from.into()), ("recipient", transfer.to.into()), ("epoch", int(event.epoch)?)];
            let fact = Fact::AssetTransferred(Transferred {
                asset: asset.into(),
                sender: transfer.from.into(),
                recipient: transfer.to.into(),
                epoch: event.epoch,
            });
            let number = Number::of_asset(asset, event.epoch);
            about_asset(place, (asset, number), (Table::Transfers, fields), fact, &[transfer.from, transfer.to])
        }
        E::FrozenUntilSet(event) => {
            let asset = id(event.assetId)?;
            let fields = vec![("frozen_until", Field::Time(event.until))];
            let fact = Fact::AssetFrozen(Frozen { asset: asset.into(), frozen_until: time_of(event.until) });
            about_asset(place, (asset, Number::of_contract(event.seq)), (Table::Freezes, fields), fact, &[])
        }
        E::CidUpdated(event) => {
            let asset = id(event.assetId)?;
            let fields = vec![("cid", event.cid.as_str().into())];
            let fact = Fact::AssetCidUpdated(CidUpdated { asset: asset.into(), cid: storable(event.cid) });
            about_asset(place, (asset, Number::of_contract(event.seq)), (Table::CidUpdates, fields), fact, &[])
        }
        E::RoyaltyLowered(event) => {
            let asset = id(event.assetId)?;
            let fields = vec![("royalty_bps", Field::Small(event.royaltyBps.into()))];
            let fact = Fact::AssetRoyaltyLowered(RoyaltyLowered { asset: asset.into(), royalty_bps: event.royaltyBps });
            about_asset(place, (asset, Number::of_contract(event.seq)), (Table::RoyaltyChanges, fields), fact, &[])
        }
        E::Linked(event) => numbered(event.seq),
        E::BaseURISet(event) => numbered(event.seq),
        // ERC-721, ERC-4906 and access events repeat our own events, or concern no state that we mirror. The raw log has
        // them.
        _ => Decoded::default(),
    })
}

fn registered(place: &Place, event: AssetRegistry::Registered) -> Result<Decoded, String> {
    let asset = id(event.assetId)?;
    let parents: Vec<u64> = event.parents.iter().map(|parent| id(*parent)).collect::<Result<_, _>>()?;
    let kind = bindings::kind_name(event.kind).ok_or_else(|| format!("kind {} is unknown", event.kind))?;
    let shares: Vec<Share> =
        event.shares.iter().map(|share| Share { account: share.account.into(), bps: share.bps }).collect();
    let told: Vec<Value> = shares.iter().map(|share| json!({"account": share.account, "bps": share.bps})).collect();
    let fields = vec![
        ("registrant", event.registrant.into()),
        ("first_owner", event.to.into()),
        ("kind", kind.into()),
        ("open", Field::Bool(event.open)),
        ("content_hash", event.contentHash.into()),
        ("royalty_bps", Field::Small(event.royaltyBps.into())),
        ("cid", event.cid.as_str().into()),
        ("shares", Field::Json(told.into())),
        ("parents", Field::Ints(parents.iter().map(|parent| *parent as i64).collect())),
    ];
    let accounts = if event.registrant == event.to { vec![event.to] } else { vec![event.registrant, event.to] };
    let fact = Fact::AssetRegistered(Registered {
        asset: asset.into(),
        registrant: event.registrant.into(),
        first_owner: event.to.into(),
        kind: kind.to_owned(),
        open: event.open,
        content_hash: event.contentHash.into(),
        royalty_bps: event.royaltyBps,
        cid: storable(event.cid),
        shares,
        parents: parents.into_iter().map(Asset::from).collect(),
    });
    let number = Number::of_contract(event.seq);
    Ok(about_asset(place, (asset, number), (Table::Registrations, fields), fact, &accounts))
}

/// Replaces NUL, which PostgreSQL cannot store.
fn storable(text: String) -> String {
    if text.contains('\0') { text.replace('\0', "\u{fffd}") } else { text }
}

/// Reads ERC-721's own event, which has sender and receiver. The registry emits it just before `Transferred`.
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
        E::Filled(event) => filled(place, &event)?,
        E::NoncesCancelled(event) => {
            let mut nonces = event.nonces.clone();
            nonces.sort_unstable();
            nonces.dedup();
            let row = |nonce: &U256| {
                let fields = vec![("maker", event.maker.into()), ("nonce", (*nonce).into())];
                (Table::CancelledNonces, place.row(fields))
            };
            let rows = nonces.iter().map(row).collect();
            let maker: Account = event.maker.into();
            let body = NoncesCancelled { maker, nonces: nonces.into_iter().map(Into::into).collect() };
            let streams = vec![Stream::account(maker)];
            Decoded {
                rows,
                number: Number::of_maker(event.maker, event.makerSeq),
                fact: Some(place.fact(Subject::Account { account: maker }, streams, Fact::OrdersCancelled(body))),
                ..Decoded::default()
            }
        }
        E::MakerEpochAdvanced(event) => {
            let fields = vec![("maker", event.maker.into()), ("epoch", int(event.makerEpoch)?)];
            let fact = Fact::OrdersCancelledAll(CancelledAll { maker: event.maker.into(), epoch: event.makerEpoch });
            let number = Number::of_maker(event.maker, event.makerSeq);
            about_account(place, (event.maker, number), (Table::MakerEpochs, fields), fact)
        }
        E::CreditAdded(event) => {
            let before = event.credit.checked_sub(event.amount);
            let (account, currency) = (event.account, event.currency);
            let total = Total { kind: "credit", account, currency, before, after: event.credit };
            credit(place, total, event.amount.into(), Fact::CreditAdded(credited(&event)))
        }
        E::CreditWithdrawn(event) => {
            let (account, currency) = (event.account, event.currency);
            let total = Total { kind: "credit", account, currency, before: Some(event.amount), after: U256::ZERO };
            let body = CreditChanged {
                account: account.into(),
                currency: currency.into(),
                amount: event.amount.into(),
                credit: U256::ZERO.into(),
            };
            credit(place, total, Field::Debit(event.amount), Fact::CreditWithdrawn(body))
        }
        E::FeeSet(event) => {
            let fields = vec![("fee_bps", Field::Small(event.feeBps.into())), ("recipient", event.feeRecipient.into())];
            let fact = Fact::MarketFeeSet(FeeSet { fee_bps: event.feeBps, recipient: event.feeRecipient.into() });
            let streams = vec![Stream::Chain { chain: place.chain_id }];
            about_chain(place, event.seq, (Table::FeeChanges, fields), fact, streams)
        }
        _ => Decoded::default(),
    })
}

fn filled(place: &Place, event: &Market::Filled) -> Result<Decoded, String> {
    let asset = id(event.assetId)?;
    let side = bindings::side_name(event.side).ok_or_else(|| format!("side {} is unknown", event.side))?;
    let fields = vec![
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
    ];
    let fact = Fact::AssetSold(Sold {
        asset: asset.into(),
        order_hash: event.orderHash.into(),
        maker: event.maker.into(),
        taker: event.taker.into(),
        side: side.to_owned(),
        currency: event.currency.into(),
        price: event.price.into(),
        fee: event.fee.into(),
        royalty: event.royalty.into(),
        net: event.net.into(),
        nonce: event.nonce.into(),
    });
    let number = Number::of_maker(event.maker, event.makerSeq);
    let mut sold = about_asset(place, (asset, number), (Table::Fills, fields), fact, &[event.maker, event.taker]);
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
                ("forwarded", Field::Bool(false)),
            ]),
        ));
    }
    Ok(sold)
}

fn credited(event: &Market::CreditAdded) -> CreditChanged {
    CreditChanged {
        account: event.account.into(),
        currency: event.currency.into(),
        amount: event.amount.into(),
        credit: event.credit.into(),
    }
}

fn credit(place: &Place, total: Total, change: Field, fact: Fact) -> Decoded {
    let fields = vec![
        ("account", total.account.into()),
        ("currency", total.currency.into()),
        ("change", change),
        ("credit", total.after.into()),
    ];
    let decoded = about_account(place, (total.account, None), (Table::Credits, fields), fact);
    Decoded { total: Some(total), ..decoded }
}

fn payouts(log: &Log, place: &Place) -> Result<Decoded, String> {
    use PayoutsEvents as E;
    Ok(match PayoutsEvents::decode_raw_log(&log.topics, &log.data).map_err(unreadable)? {
        E::Funded(event) => {
            let asset = id(event.assetId)?;
            let reason = reason(event.reason);
            let fields = vec![
                ("token", event.token.into()),
                ("payer", event.from.into()),
                ("amount", event.amount.into()),
                ("reason", reason.as_str().into()),
                ("forwarded", Field::Bool(event.forwarded)),
            ];
            let fact = Fact::IncomeReceived(IncomeReceived {
                asset: asset.into(),
                token: event.token.into(),
                payer: event.from.into(),
                amount: event.amount.into(),
                reason,
            });
            about_asset(place, (asset, Number::of_contract(event.seq)), (Table::Incomes, fields), fact, &[event.from])
        }
        E::RootProposed(event) => proposed(place, event)?,
        E::RootActivated(event) => decided(place, (event.number, event.seq), event.root, true)?,
        E::RootVetoed(event) => decided(place, (event.number, event.seq), event.root, false)?,
        E::Claimed(event) => claimed(place, &event),
        E::PayoutAddressSet(event) => {
            let fields = vec![("account", event.account.into()), ("recipient", event.to.into())];
            let body = PayoutAddressSet { account: event.account.into(), recipient: event.to.into() };
            let number = Number::of_contract(event.seq);
            let row = (Table::PayoutAddresses, fields);
            about_account(place, (event.account, number), row, Fact::PayoutAddressSet(body))
        }
        E::InboxDeployed(event) => {
            let asset = id(event.assetId)?;
            let fields = vec![("inbox", event.inbox.into())];
            let fact = Fact::InboxDeployed(InboxDeployed { asset: asset.into(), inbox: event.inbox.into() });
            about_asset(place, (asset, Number::of_contract(event.seq)), (Table::Inboxes, fields), fact, &[])
        }
        E::TotalPassedOver(event) => {
            let fields =
                vec![("number", int(event.number)?), ("token", event.token.into()), ("amount", event.amount.into())];
            let body = TotalPassedOver { token: event.token.into(), amount: event.amount.into() };
            let streams = vec![Stream::Roots { chain: place.chain_id }];
            let row = (Table::TotalsPassedOver, fields);
            about_chain(place, event.seq, row, Fact::RootTotalPassedOver(body), streams)
        }
        E::DelaySet(event) => numbered(event.seq),
        _ => Decoded::default(),
    })
}

fn claimed(place: &Place, event: &Payouts::Claimed) -> Decoded {
    let fields = vec![
        ("account", event.account.into()),
        ("token", event.token.into()),
        ("recipient", event.to.into()),
        ("amount", event.amount.into()),
        ("cumulative", event.cumulative.into()),
    ];
    let fact = Fact::PayoutClaimed(Claimed {
        account: event.account.into(),
        token: event.token.into(),
        recipient: event.to.into(),
        amount: event.amount.into(),
        cumulative: event.cumulative.into(),
    });
    let mut claimed = about_account(place, (event.account, None), (Table::Claims, fields), fact);
    if let Some(fact) = &mut claimed.fact {
        fact.streams.push(Stream::Payouts { chain: place.chain_id });
    }
    let total = Total {
        kind: "claim",
        account: event.account,
        currency: event.token,
        before: event.cumulative.checked_sub(event.amount),
        after: event.cumulative,
    };
    Decoded { total: Some(total), ..claimed }
}

fn proposed(place: &Place, event: Payouts::RootProposed) -> Result<Decoded, String> {
    let total = |total: &bindings::Total| TokenTotal { token: total.token.into(), amount: total.amount.into() };
    let totals: Vec<TokenTotal> = event.totals.iter().map(total).collect();
    let told: Vec<Value> = totals.iter().map(|total| json!({"token": total.token, "amount": total.amount})).collect();
    let fields = vec![
        ("root", event.root.into()),
        ("data_cid", event.dataCid.as_str().into()),
        ("anchor_seq", int(event.anchorSeq)?),
        ("totals", Field::Json(told.into())),
        ("activatable_at", Field::Time(event.activatableAt)),
    ];
    let fact = Fact::RootProposed(RootProposed {
        number: event.number,
        root: event.root.into(),
        data_cid: storable(event.dataCid),
        anchor_seq: event.anchorSeq,
        totals,
        activatable_at: time_of(event.activatableAt),
    });
    root(place, (event.number, event.seq), event.root, (Table::RootProposals, fields), fact)
}

fn decided(place: &Place, numbers: (u64, u64), hash: B256, activated: bool) -> Result<Decoded, String> {
    let body = RootDecided { number: numbers.0, root: hash.into() };
    let (decision, fact) = match activated {
        true => ("activated", Fact::RootActivated(body)),
        false => ("vetoed", Fact::RootVetoed(body)),
    };
    let fields = vec![("root", hash.into()), ("decision", decision.into())];
    root(place, numbers, hash, (Table::RootDecisions, fields), fact)
}

/// Decodes an event about a payout root, with the root's number and the contract's.
fn root(
    place: &Place,
    (number, seq): (u64, u64),
    hash: B256,
    (table, mut fields): (Table, Row),
    fact: Fact,
) -> Result<Decoded, String> {
    fields.insert(0, ("number", int(number)?));
    let root = hash.into();
    let streams = vec![Stream::Root { root }, Stream::Roots { chain: place.chain_id }];
    Ok(Decoded {
        rows: vec![(table, place.row(fields))],
        number: Number::of_contract(seq),
        fact: Some(place.fact(Subject::Root { root }, streams, fact)),
        ..Decoded::default()
    })
}

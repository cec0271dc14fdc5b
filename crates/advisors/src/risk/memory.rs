//! The memory of the risk agent: everything final that the detectors look at, with what they found.

use std::sync::Arc;

use agents::{
    risk::{
        Entry, Limits, Market, Records, Sources, WatchList, Watched,
        ratings::Calibration,
        trade::{Payment, Registration, Transfer},
    },
    rules::{RISK, RuleBase},
};
use alloy_primitives::B256;
use chrono::{DateTime, NaiveDate};
use domain::{Amount, AssetId, ContentHash};
use facts::ChainId;
use sqlx::{PgConnection, PgPool};
use store::{
    advice::watch,
    deployments,
    market::trade,
    memory::{Held, Source},
    snapshot,
};

use super::parse_subject;
use crate::{AdvisorError, Result, blocking, refused, rules_of};

/// The agent's memory of one chain. It is cheap to clone, and readers never wait while it is read again.
#[derive(Clone)]
pub struct Memory(store::memory::Memory<Chain>);

/// Everything final of one chain, to be held in memory.
struct Chain {
    chain_id: ChainId,
}

/// What an answer rests on: what was found up to a settled block, and the watch list as of an entry.
#[derive(Clone)]
pub struct Grounds {
    pub(super) findings: Arc<Findings>,
    pub(super) watched: Arc<Watch>,
}

pub(super) struct Findings {
    pub(super) chain_id: ChainId,
    /// The newest block with a record; 0 before the first.
    pub(super) block: u64,
    pub(super) day: NaiveDate,
    pub(super) market: Market,
    pub(super) rules: RuleBase,
    pub(super) rule_base: B256,
}

/// The watch list as of an entry.
pub(super) struct Watch {
    pub(super) last: i64,
    pub(super) list: WatchList,
}

impl Grounds {
    /// Returns the number of the block up to which everything was known.
    pub fn block(&self) -> u64 {
        self.findings.block
    }

    /// Returns the newest entry of the watch list that was known.
    pub fn watched(&self) -> i64 {
        self.watched.last
    }

    /// Returns the sources of advice. The market's own outcomes are still too few to calibrate on or to learn from, so
    /// only the rules count.
    pub(super) fn sources<'a>(&'a self, calibration: &'a Calibration) -> Sources<'a> {
        let Findings { market, rules, .. } = &*self.findings;
        Sources { market, watch_list: &self.watched.list, rules, calibration, learned: None }
    }
}

impl Source for Chain {
    /// The newest settled block with a record; 0 before the first.
    type Version = u64;
    type Value = Arc<Findings>;
    type Error = AdvisorError;

    const SHARE: u32 = 10;

    fn name(&self) -> String {
        format!("the risks of chain {}", self.chain_id)
    }

    async fn version(&self, conn: &mut PgConnection) -> Result<u64> {
        Ok(settled(conn, self.chain_id).await?.0)
    }

    async fn read(&self, pool: &PgPool) -> Result<Held<Self>> {
        let mut tx = snapshot(pool).await?;
        let (block, day) = settled(&mut tx, self.chain_id).await?;
        let files = RISK.iter().map(|(name, text)| ((*name).to_owned(), (*text).to_owned())).collect();
        let findings = find(&mut tx, self.chain_id, (block, day), files).await?;
        tx.commit().await?;
        Ok(Held { version: block, value: Arc::new(findings) })
    }
}

impl Memory {
    /// Creates an empty memory: the first question fills it.
    pub fn new(pool: PgPool, chain_id: ChainId) -> Self {
        Self(store::memory::Memory::new(pool, Chain { chain_id }))
    }

    /// Returns what is known now, without waiting for more. What became final meanwhile is learned in the background.
    /// `None` before the first reading is done.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn latest(&self) -> Result<Option<Grounds>> {
        let mut conn = self.0.pool().acquire().await?;
        match self.0.newest(&mut conn).await? {
            None => Ok(None),
            Some(held) => self.with_watch_list(&mut conn, &held).await.map(Some),
        }
    }

    /// Learns everything that is final, unless that was done a moment ago, and returns what is known.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn fresh(&self) -> Result<Grounds> {
        let held = self.0.fresh().await?;
        self.with_watch_list(&mut *self.0.pool().acquire().await?, &held).await
    }

    /// The same with the newest watch list, which is short and read each time.
    async fn with_watch_list(&self, conn: &mut PgConnection, held: &Held<Chain>) -> Result<Grounds> {
        let chain_id = self.0.source().chain_id;
        let last = watch::last(conn, chain_id).await?;
        Ok(Grounds { findings: held.value.clone(), watched: Arc::new(watch_list(conn, chain_id, last).await?) })
    }
}

/// Returns the newest settled block with a record, and its day.
async fn settled(conn: &mut PgConnection, chain_id: ChainId) -> Result<(u64, NaiveDate)> {
    let settled = trade::settled(conn, chain_id).await?;
    Ok(settled.map_or((0, DateTime::UNIX_EPOCH.date_naive()), |settled| (settled.block, settled.at.date_naive())))
}

/// Reads everything up to a settled block, with the findings by these rules, and what was watched as of an entry.
pub(super) async fn load(
    conn: &mut PgConnection,
    chain_id: ChainId,
    settled: (u64, NaiveDate),
    last: i64,
    files: Vec<(String, String)>,
) -> Result<Grounds> {
    let watched = Arc::new(watch_list(conn, chain_id, last).await?);
    Ok(Grounds { findings: Arc::new(find(conn, chain_id, settled, files).await?), watched })
}

/// Reads everything up to a settled block, with the findings by these rules.
async fn find(
    conn: &mut PgConnection,
    chain_id: ChainId,
    (block, day): (u64, NaiveDate),
    files: Vec<(String, String)>,
) -> Result<Findings> {
    let records = records(conn, chain_id, block).await?;
    blocking(move || {
        let rules = rules_of(&files)?;
        let rule_base = rules.version().parse().map_err(refused)?;
        let market = Market::new(&records, Limits::read(&rules).map_err(refused)?);
        Ok(Findings { chain_id, block, day, market, rules, rule_base })
    })
    .await
}

async fn records(conn: &mut PgConnection, chain_id: ChainId, block: u64) -> Result<Records> {
    let mut records = Records::default();
    trade::transfers(conn, chain_id, block, |transfer| {
        records.transfers.push(Transfer {
            asset: AssetId(transfer.asset),
            from: transfer.from,
            to: transfer.to,
            time: transfer.at.timestamp(),
            price: transfer.price.map(Amount),
        });
    })
    .await?;
    trade::payments(conn, chain_id, block, |paid| {
        let (time, amount) = (paid.at.timestamp(), Amount(paid.amount));
        records.payments.push(Payment { from: paid.from, to: paid.to, time, amount });
    })
    .await?;
    trade::publications(conn, chain_id, block, |published| {
        records.registrations.push(Registration {
            asset: AssetId(published.asset),
            registrant: published.registrant,
            content: ContentHash(published.content),
            time: published.at.timestamp(),
        });
    })
    .await?;
    if let Some(deployment) = deployments::find(conn, chain_id).await? {
        records.trusted.extend(deployment.contracts().into_iter().map(|(_, address)| address));
    }
    Ok(records)
}

async fn watch_list(conn: &mut PgConnection, chain_id: ChainId, last: i64) -> Result<Watch> {
    let mut list = WatchList::default();
    for entry in watch::as_of(conn, chain_id, last).await? {
        let what: Watched = parse_subject(&entry.subject).map_err(refused)?;
        let entry = Entry { score: entry.score, why: entry.why, since: entry.since.timestamp() };
        list.watch(what, entry).map_err(refused)?;
    }
    Ok(Watch { last, list })
}

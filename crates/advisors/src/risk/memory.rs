//! What the risk agent remembers: everything final that the detectors look at, with what they found.

use std::{
    sync::{Arc, PoisonError, RwLock},
    time::Instant,
};

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
use sqlx::{PgConnection, PgPool};
use store::{deployments, snapshot, trade, watch};
use tokio::sync::Mutex;

use super::parse_subject;
use crate::{Result, blocking, refused, rules_of};

/// Making it anew takes at most one part in so many of the time.
const SHARE: u32 = 10;

/// The agent's memory of one chain. Cheap to clone; readers never wait for what is being made anew.
#[derive(Clone)]
pub struct Memory {
    pool: PgPool,
    chain_id: u64,
    held: Arc<RwLock<Option<Known>>>,
    /// Held by whoever makes the next one, with the time before which there is no need to.
    making: Arc<Mutex<Option<Instant>>>,
}

/// What was known as of a settled block, and what was watched.
#[derive(Clone)]
pub struct Known {
    pub(super) findings: Arc<Findings>,
    pub(super) watched: Arc<Watch>,
}

pub(super) struct Findings {
    pub(super) chain_id: u64,
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

impl Known {
    /// Everything up to this block was known.
    pub fn block(&self) -> u64 {
        self.findings.block
    }

    /// The newest entry of the watch list that was known.
    pub fn watched(&self) -> i64 {
        self.watched.last
    }

    /// Outcomes of the market's own are too few yet to calibrate on, and nothing learned from them: the rules speak.
    pub(super) fn sources<'a>(&'a self, calibration: &'a Calibration) -> Sources<'a> {
        let Findings { market, rules, .. } = &*self.findings;
        Sources { market, watch_list: &self.watched.list, rules, calibration, learned: None }
    }
}

impl Memory {
    /// An empty memory: the first question fills it.
    pub fn new(pool: PgPool, chain_id: u64) -> Self {
        Self { pool, chain_id, held: Arc::default(), making: Arc::default() }
    }

    /// What is known now, without waiting for more: what became final meanwhile is learned in the background. None before the
    /// first is made.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn latest(&self) -> Result<Option<Known>> {
        let mut conn = self.pool.acquire().await?;
        let block = settled(&mut conn, self.chain_id).await?.0;
        let held = self.held();
        if held.as_ref().is_none_or(|known| known.block() != block)
            && let Ok(mut making) = self.making.clone().try_lock_owned()
            && is_due(*making)
        {
            let memory = self.clone();
            tokio::spawn(async move {
                if let Err(error) = memory.make(&mut making).await {
                    tracing::error!("the risks of chain {} stay as they were: {error}", memory.chain_id);
                }
            });
        }
        match held {
            None => Ok(None),
            Some(known) => self.with_watch_list(&mut conn, known).await.map(Some),
        }
    }

    /// What is known when everything final was learned, unless that was done a moment ago.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn fresh(&self) -> Result<Known> {
        let mut making = self.making.lock().await;
        let mut conn = self.pool.acquire().await?;
        let block = settled(&mut conn, self.chain_id).await?.0;
        let known = match self.held() {
            Some(known) if known.block() == block || !is_due(*making) => known,
            _ => {
                drop(conn);
                let known = self.make(&mut making).await?;
                conn = self.pool.acquire().await?;
                known
            }
        };
        self.with_watch_list(&mut conn, known).await
    }

    fn held(&self) -> Option<Known> {
        // A panic cannot leave half a value here.
        self.held.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn hold(&self, known: &Known) {
        *self.held.write().unwrap_or_else(PoisonError::into_inner) = Some(known.clone());
    }

    async fn make(&self, next: &mut Option<Instant>) -> Result<Known> {
        let start = Instant::now();
        let mut tx = snapshot(&self.pool).await?;
        let (block, day) = settled(&mut tx, self.chain_id).await?;
        let last = watch::last(&mut tx, self.chain_id).await?;
        let files = RISK.iter().map(|(name, text)| ((*name).to_owned(), (*text).to_owned())).collect();
        let known = load(&mut tx, self.chain_id, (block, day), last, files).await?;
        tx.commit().await?;
        self.hold(&known);
        *next = Some(Instant::now() + start.elapsed() * (SHARE - 1));
        Ok(known)
    }

    /// The same with the newest watch list, which is short.
    async fn with_watch_list(&self, conn: &mut PgConnection, known: Known) -> Result<Known> {
        let last = watch::last(conn, self.chain_id).await?;
        if last == known.watched() {
            return Ok(known);
        }
        let known = Known { watched: Arc::new(watch_list(conn, self.chain_id, last).await?), ..known };
        self.hold(&known);
        Ok(known)
    }
}

fn is_due(next: Option<Instant>) -> bool {
    next.is_none_or(|next| next <= Instant::now())
}

/// The newest settled block with a record, and its day.
async fn settled(conn: &mut PgConnection, chain_id: u64) -> Result<(u64, NaiveDate)> {
    let settled = trade::settled(conn, chain_id).await?;
    Ok(settled.map_or((0, DateTime::UNIX_EPOCH.date_naive()), |settled| (settled.block, settled.at.date_naive())))
}

/// Everything up to a settled block, looked at by these rules.
pub(super) async fn load(
    conn: &mut PgConnection,
    chain_id: u64,
    (block, day): (u64, NaiveDate),
    last: i64,
    files: Vec<(String, String)>,
) -> Result<Known> {
    let records = records(conn, chain_id, block).await?;
    let watched = Arc::new(watch_list(conn, chain_id, last).await?);
    let findings = blocking(move || {
        let rules = rules_of(&files)?;
        let rule_base = rules.version().parse().map_err(refused)?;
        let market = Market::new(&records, Limits::read(&rules).map_err(refused)?);
        Ok(Findings { chain_id, block, day, market, rules, rule_base })
    })
    .await?;
    Ok(Known { findings: Arc::new(findings), watched })
}

async fn records(conn: &mut PgConnection, chain_id: u64, block: u64) -> Result<Records> {
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

async fn watch_list(conn: &mut PgConnection, chain_id: u64, last: i64) -> Result<Watch> {
    let mut list = WatchList::default();
    for entry in watch::as_of(conn, chain_id, last).await? {
        let what: Watched = parse_subject(&entry.subject).map_err(refused)?;
        let entry = Entry { score: entry.score, why: entry.why, since: entry.since.timestamp() };
        list.watch(what, entry).map_err(refused)?;
    }
    Ok(Watch { last, list })
}

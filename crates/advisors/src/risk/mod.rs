//! Advice on how likely fraud is: for accounts and works when something happened to them, and for orders before they are shown
//! and bought.
//!
//! The agent knows what was final at a settled block ([`store::market::trade`]) and what others watch ([`store::advice::watch`]). Both are
//! named in the recorded question, besides the order and its standing, so that an answer can be computed again.
//!
//! Questions and records change with every block, but answers hardly ever do. So an answer is recorded only when it differs
//! from the newest one about the same subject in more than the hash of its inputs. Recorded screenings are not made for a
//! particular buyer, and judge the order by what the chain says about it. What a buyer asks is answered but not recorded,
//! because anyone may ask, and could fill the ledger or discredit somebody's order.

mod memory;

use agents::{
    document::Document,
    risk::{self, Context, Decision, Order, PriceRange, Screening, Subject, Watched, WorkFacts, ratings::Calibration},
    rules::RISK,
};
use alloy_primitives::Address;
use chrono::{DateTime, Utc};
use domain::{Amount, AssetId, money::COIN};
use facts::{Account, ChainId};
use serde::{Deserialize, Serialize};
use sqlx::{PgConnection, PgPool};
use store::{
    advice::{self, Advice},
    market::screenings::{self, Offer},
};

pub use self::memory::{Grounds, Memory};
use crate::{Result, asked, blocking, kind_of, market, refused, said};

/// The agent's name in records.
const AGENT: &str = "risk";

/// A question, with everything besides the rules on which the answer depends.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Question {
    /// The block up to which everything was known.
    block: u64,
    /// The watch list as of this entry.
    watched: i64,
    asked: Asked,
}

impl Document for Question {}

#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Asked {
    Assess(Subject),
    Screen { order: Order, context: Context },
}

/// An answer, and the record from which it can be computed again.
#[derive(Clone, Debug)]
pub struct Answered<T> {
    pub says: T,
    pub record: Advice,
}

/// What the agent can say.
pub trait Says: Document + PartialEq + Clone {
    /// Returns the answer without the hash of its inputs.
    fn meaning(&self) -> Self;

    /// Returns what to do with the order, if the answer is about one.
    fn decision(&self) -> Option<Decision>;
}

impl Says for risk::Advice {
    fn meaning(&self) -> Self {
        Self { inputs: String::new(), ..self.clone() }
    }

    fn decision(&self) -> Option<Decision> {
        None
    }
}

impl Says for Screening {
    fn meaning(&self) -> Self {
        Self { advice: self.advice.meaning(), ..self.clone() }
    }

    fn decision(&self) -> Option<Decision> {
        Some(self.decision)
    }
}

/// The standing of an order for a possible buyer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Standing {
    pub owner: Option<Address>,
    pub asset_epoch: u64,
    /// Whether the market may move the asset.
    pub approved: bool,
    pub cancelled: bool,
    pub frozen_until: Option<DateTime<Utc>>,
    pub buyer: Option<Address>,
}

impl Standing {
    /// Returns the standing of an order that the chain would let anyone buy.
    pub fn sound(offer: &Offer) -> Self {
        Self {
            owner: Some(offer.maker),
            asset_epoch: offer.asset_epoch,
            approved: true,
            cancelled: false,
            frozen_until: None,
            buyer: None,
        }
    }
}

/// Returns the subject of advice on an account.
pub fn account_subject(account: Address) -> String {
    format!("account:{account}")
}

/// Returns the subject of advice on an asset.
pub fn asset_subject(asset: u64) -> String {
    format!("asset:{asset}")
}

/// Returns the subject of advice on an account or asset.
pub fn subject_of(what: Watched) -> String {
    match what {
        Watched::Account(account) => account_subject(account),
        Watched::Work(asset) => asset_subject(asset.0),
    }
}

/// Reads an account or asset from text: `account:0x..` or `asset:7`.
///
/// # Errors
/// When it is neither.
pub fn parse_subject(text: &str) -> std::result::Result<Watched, String> {
    let wrong = || format!("`{text}` is neither account:0x.. nor asset:7");
    match text.split_once(':') {
        Some(("account", address)) => address.parse().map(Watched::Account).map_err(|_| wrong()),
        Some(("asset", number)) => {
            let number = number.parse().ok().filter(|number: &i64| *number > 0).ok_or_else(wrong)?;
            Ok(Watched::Work(AssetId(number as u64)))
        }
        _ => Err(wrong()),
    }
}

/// Assesses an account.
///
/// # Errors
/// When the rules lack one.
pub async fn assess_account(grounds: &Grounds, account: Address) -> Result<Answered<risk::Advice>> {
    assess(grounds, account_subject(account), Subject::Account(account)).await
}

/// Assesses a work. `None` when there is no such asset.
///
/// # Errors
/// When the rules lack one.
pub async fn assess_work(
    conn: &mut PgConnection,
    grounds: &Grounds,
    asset: u64,
) -> Result<Option<Answered<risk::Advice>>> {
    let row = sqlx::query!(
        r#"SELECT kind, registrant AS "registrant: Account" FROM chain.assets WHERE chain_id = $1 AND asset_id = $2"#,
        grounds.findings.chain_id.get(),
        asset as i64
    )
    .fetch_optional(&mut *conn)
    .await?;
    let Some(row) = row else { return Ok(None) };
    let facts = WorkFacts {
        asset: AssetId(asset),
        kind: kind_of(&row.kind),
        market: mood(conn, grounds.findings.chain_id).await?,
        registrant: row.registrant.0,
        // Nothing measures it yet.
        reputation: None,
    };
    assess(grounds, asset_subject(asset), Subject::Work(facts)).await.map(Some)
}

/// Returns the mood that the market agent found the market in last.
async fn mood(conn: &mut PgConnection, chain_id: ChainId) -> Result<String> {
    let Some(newest) = advice::newest(conn, chain_id, market::SUBJECT).await?.pop() else {
        return Ok("neutral".into());
    };
    let said: market::Advice = said(&newest)?;
    Ok(said.state.mood.sentiment)
}

async fn assess(grounds: &Grounds, subject: String, asked: Subject) -> Result<Answered<risk::Advice>> {
    ask(grounds, subject, asked, assessed, Asked::Assess).await
}

fn assessed(grounds: &Grounds, subject: &Subject) -> Result<risk::Advice> {
    risk::assess(grounds.sources(&Calibration::default()), subject).map_err(refused)
}

fn screened(grounds: &Grounds, (order, context): &(Order, Context)) -> Result<Screening> {
    risk::screen(grounds.sources(&Calibration::default()), order, context).map_err(refused)
}

/// Screens an order as it stands now.
///
/// # Errors
/// When the rule base lacks a rule, or the database fails.
pub async fn screen(
    conn: &mut PgConnection,
    grounds: &Grounds,
    offer: &Offer,
    standing: Standing,
    now: DateTime<Utc>,
) -> Result<Answered<Screening>> {
    // Ranges are in the chain's own coin.
    let range = match offer.currency.is_zero() {
        true => range(conn, grounds.findings.chain_id, offer.asset).await?,
        false => None,
    };
    let order = Order {
        asset: AssetId(offer.asset),
        maker: offer.maker,
        asset_epoch: offer.asset_epoch,
        price: Amount(offer.price),
        signed: offer.signed.timestamp(),
        ends: offer.ends.timestamp(),
    };
    let context = Context {
        now: now.timestamp(),
        owner: standing.owner,
        asset_epoch: standing.asset_epoch,
        approved: standing.approved,
        cancelled: standing.cancelled,
        frozen_until: standing.frozen_until.map(|until| until.timestamp()),
        range,
        buyer: standing.buyer,
    };
    let subject = format!("order:{}", offer.hash);
    ask(grounds, subject, (order, context), screened, |(order, context)| Asked::Screen { order, context }).await
}

/// Returns the 90 % range of the newest pricing advice on an asset, in wei, where it may be relied on.
async fn range(conn: &mut PgConnection, chain_id: ChainId, asset: u64) -> Result<Option<PriceRange>> {
    let newest = advice::newest(conn, chain_id, &asset_subject(asset)).await?;
    let Some(priced) = newest.into_iter().find(|one| one.advice.agent == "pricing") else { return Ok(None) };
    let advice: agents::pricing::Advice = said(&priced)?;
    if advice.abstains.is_some() {
        return Ok(None);
    }
    let wei = |coins| COIN.base_units(coins).map_err(refused);
    Ok(Some(PriceRange { low: wei(advice.range90.low)?, high: wei(advice.range90.high)? }))
}

/// Answers a question away from the threads that serve others, and returns both in the form in which they are recorded.
async fn ask<Q: Send + 'static, T: Document + Send + 'static>(
    grounds: &Grounds,
    subject: String,
    asked: Q,
    answer: fn(&Grounds, &Q) -> Result<T>,
    kept: fn(Q) -> Asked,
) -> Result<Answered<T>> {
    let grounds = grounds.clone();
    blocking(move || {
        let says = answer(&grounds, &asked)?;
        let question = Question { block: grounds.block(), watched: grounds.watched(), asked: kept(asked) };
        let record = Advice {
            chain_id: grounds.findings.chain_id,
            agent: AGENT.into(),
            subject,
            day: grounds.findings.day,
            version: T::VERSION,
            question: serde_json::to_string(&question).map_err(refused)?,
            answer: serde_json::to_string(&says).map_err(refused)?,
            rule_base: grounds.findings.rule_base,
            model: None,
        };
        Ok(Answered { says, record })
    })
    .await
}

/// Returns the block and the entry of the watch list up to which a recorded answer knew everything.
///
/// # Errors
/// When the question is not one of this agent.
pub fn known_by(recorded: &Advice) -> Result<(u64, i64)> {
    let question: Question = asked(recorded)?;
    Ok((question.block, question.watched))
}

/// Records an answer and returns its number. `None` when the newest answer about the same subject says the same.
///
/// # Errors
/// When the database does not answer.
pub async fn record<T: Says>(tx: &mut PgConnection, answered: &Answered<T>) -> Result<Option<i64>> {
    let Advice { chain_id, subject, .. } = &answered.record;
    let newest = advice::newest(tx, *chain_id, subject).await?;
    if let Some(newest) = newest.iter().find(|one| one.advice.agent == AGENT) {
        let said: T = said(newest)?;
        if said.meaning() == answered.says.meaning() {
            return Ok(None);
        }
    }
    advice::keep_rules(tx, answered.record.rule_base, RISK).await?;
    let Some(id) = advice::record(tx, &answered.record).await? else { return Ok(None) };
    let order = subject.strip_prefix("order:").and_then(|hash| hash.parse().ok());
    if let Some((order, decision)) = order.zip(answered.says.decision()) {
        screenings::note(tx, *chain_id, (id, order), decision_name(decision)).await?;
    }
    Ok(Some(id))
}

/// Returns `allow`, `warn` or `block`.
pub fn decision_name(decision: Decision) -> &'static str {
    match decision {
        Decision::Allow => "allow",
        Decision::Warn => "warn",
        Decision::Block => "block",
    }
}

/// Makes a recorded answer again.
pub(crate) async fn replay(pool: &PgPool, recorded: &Advice) -> Result<String> {
    let question: Question = asked(recorded)?;
    let mut tx = store::snapshot(pool).await?;
    let files = advice::rules(&mut tx, recorded.rule_base).await?;
    let as_of = (question.block, recorded.day);
    let grounds = memory::load(&mut tx, recorded.chain_id, as_of, question.watched, files).await?;
    tx.commit().await?;
    blocking(move || {
        match question.asked {
            Asked::Assess(subject) => serde_json::to_string(&assessed(&grounds, &subject)?),
            Asked::Screen { order, context } => serde_json::to_string(&screened(&grounds, &(order, context))?),
        }
        .map_err(refused)
    })
    .await
}

//! Advice on the whole market: its state day by day, and the forecast of its week.

use agents::{
    document::Document,
    market::{MarketState, WeekForecast, WeekForecaster},
    pricing::History,
    rules::{PRICES, RuleBase},
    sales::{Day, Sale},
};
use alloy_primitives::{B256, hex};
use chrono::NaiveDate;
use facts::ChainId;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use sqlx::PgPool;
use store::{
    advice::{self, Advice as Record},
    market::{
        days::{self, Told},
        sales::{self, Sold},
    },
};

use crate::{Result, asked, blocking, pricing::learnable, refused, rules_of};

/// The agent's name in records, and what its advice is about.
const AGENT: &str = "market";
pub const SUBJECT: &str = "market";

/// The agent's advice on a day. The same inputs give the same bytes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Advice {
    pub state: MarketState,
    /// The current week. `None` as long as no week with a sale is over.
    pub week: Option<Week>,
    /// The SHA-256 that names the history.
    pub inputs: String,
}

/// The forecast of a week, from what happened before it. Prices are coins of 10^18 base units.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Week {
    pub monday: String,
    /// The median price, and the range that covers it in 80 of 100 weeks.
    pub price: f64,
    pub low: f64,
    pub high: f64,
    /// The expected number of sales at a price.
    pub sales: f64,
}

impl From<WeekForecast> for Week {
    fn from(week: WeekForecast) -> Self {
        let WeekForecast { week: monday, price, low80: low, high80: high, count: sales } = week;
        Self { monday: monday.to_string(), price, low, high, sales }
    }
}

/// What is asked.
#[derive(Serialize, Deserialize)]
struct Question {
    /// The state before this day is asked for.
    day: NaiveDate,
}

impl Document for Advice {}
impl Document for Question {}

/// What the agent has in memory between two days. When it is lost, it is built again from the database.
#[derive(Default)]
pub struct Memory(Option<Analyst>);

/// An analyst of the market: what was learned from all sales before a day, with the rules.
struct Analyst {
    before: NaiveDate,
    learned: Learned,
    rules: RuleBase,
}

impl Analyst {
    /// Creates an analyst that has learned nothing yet, of a market that began on this day.
    fn new(first: NaiveDate) -> Result<Self> {
        let rules = RuleBase::read(PRICES).map_err(refused)?;
        Ok(Self { before: first, learned: Learned::default(), rules })
    }

    /// Learns all days before a day, and returns what is to be recorded about the days after the newest recorded one.
    fn learn(&mut self, news: &[Sold], before: NaiveDate, recorded: Option<NaiveDate>) -> Result<Vec<Told>> {
        let mut told = Vec::new();
        self.learned.live((self.before, before), &learnable(news), |history, day| {
            if recorded.is_none_or(|recorded| recorded < day) {
                told.push(tell(history, &self.rules, day)?);
            }
            Ok(())
        })?;
        self.before = before;
        Ok(told)
    }

    /// Returns the question and its answer, as they are recorded. `None` before the first sale.
    fn say(&mut self, question: Question) -> Result<Option<(String, String)>> {
        if self.learned.history.is_empty() {
            return Ok(None);
        }
        let answer = answer(&mut self.learned, &self.rules, &question)?;
        Ok(Some((serde_json::to_string(&question).map_err(refused)?, answer)))
    }
}

#[derive(Default)]
struct Learned {
    history: History,
    weeks: WeekForecaster,
}

impl Learned {
    /// Goes through the days from one day on and before another, with or without sales, and collects what `after` returns for
    /// each.
    fn live(
        &mut self,
        days: (NaiveDate, NaiveDate),
        sales: &[Sale],
        mut after: impl FnMut(&History, NaiveDate) -> Result<()>,
    ) -> Result<()> {
        let mut rest = sales;
        for date in days.0.iter_days().take_while(|date| *date < days.1) {
            let day = Day::from(date);
            let (today, later) = rest.split_at(rest.partition_point(|sale| sale.day <= day));
            rest = later;
            // Days before the first sale change nothing.
            if !(today.is_empty() && self.history.is_empty()) {
                self.history.add(day, today);
                self.weeks.learn(day, today);
            }
            after(&self.history, date)?;
        }
        Ok(())
    }
}

/// Records every settled day that is not recorded yet, and advises on how the market stood on the newest one. Returns the
/// number of the advice, or `None` when it says nothing new or nothing was sold yet.
///
/// # Errors
/// When the database fails, when the rule base lacks a rule, or when the analysis cannot be completed.
pub async fn advise(pool: &PgPool, chain_id: ChainId, memory: &mut Memory) -> Result<Option<i64>> {
    let mut conn = pool.acquire().await?;
    let Some(before) = sales::settled_day(&mut conn, chain_id).await? else { return Ok(None) };
    let analyst = memory.0.take();
    if analyst.as_ref().is_some_and(|analyst| analyst.before >= before) {
        memory.0 = analyst;
        return Ok(None);
    }
    let Some(first) = days::first(&mut conn, chain_id).await?.filter(|first| *first < before) else {
        return Ok(None);
    };
    let recorded = days::newest(&mut conn, chain_id).await?;
    let news = sales::between(&mut conn, chain_id, analyst.as_ref().map(|analyst| analyst.before), before).await?;
    drop(conn);
    let (analyst, told, said) = blocking(move || {
        let mut analyst = analyst.map_or_else(|| Analyst::new(first), Ok)?;
        let told = analyst.learn(&news, before, recorded)?;
        let said = analyst.say(Question { day: before })?;
        Ok((analyst, told, said))
    })
    .await?;

    let mut tx = pool.begin().await?;
    days::record(&mut tx, chain_id, &told).await?;
    let mut id = None;
    if let Some((question, answer)) = said {
        let rule_base: B256 = analyst.rules.version().parse().map_err(refused)?;
        let (agent, subject) = (AGENT.into(), SUBJECT.into());
        let new = Record {
            chain_id,
            agent,
            subject,
            day: before,
            version: Advice::VERSION,
            question,
            answer,
            rule_base,
            model: None,
        };
        advice::keep_rules(&mut tx, rule_base, PRICES).await?;
        id = advice::record(&mut tx, &new).await?;
    }
    tx.commit().await?;
    memory.0 = Some(analyst);
    Ok(id)
}

/// Makes recorded advice again.
pub(crate) async fn replay(pool: &PgPool, recorded: &Record) -> Result<String> {
    let mut conn = pool.acquire().await?;
    let files = advice::rules(&mut conn, recorded.rule_base).await?;
    let history = sales::between(&mut conn, recorded.chain_id, None, recorded.day).await?;
    drop(conn);
    let question: Question = asked(recorded)?;
    blocking(move || {
        let rules = rules_of(&files)?;
        answer(&mut recall(&history, question.day)?, &rules, &question)
    })
    .await
}

/// Returns what is learned from these sales before a day.
fn recall(history: &[Sold], before: NaiveDate) -> Result<Learned> {
    let mut learned = Learned::default();
    let first = history.first().map_or(before, |sold| sold.at.date_naive());
    learned.live((first, before), &learnable(history), |_, _| Ok(()))?;
    Ok(learned)
}

/// Returns the advice as canonical JSON.
fn answer(learned: &mut Learned, rules: &RuleBase, question: &Question) -> Result<String> {
    let day = Day::from(question.day);
    let state = MarketState::on(&learned.history, rules, day).map_err(refused)?;
    let mut inputs = Sha256::new_with_prefix(learned.history.digest());
    inputs.update(question.day.to_string());
    let inputs = hex::encode(inputs.finalize());
    let week = learned.weeks.forecast(day).map(Week::from);
    serde_json::to_string(&Advice { state, week, inputs }).map_err(refused)
}

/// Returns what is said about a day when it is over.
fn tell(history: &History, rules: &RuleBase, day: NaiveDate) -> Result<Told> {
    let state = MarketState::on(history, rules, Day::from(day).plus(1)).map_err(refused)?;
    let today = day.to_string();
    let anomalies = state.anomalies.iter().filter(|anomaly| anomaly.day == today);
    Ok(Told {
        day,
        direction: direction(&state).to_owned(),
        mood: serde_json::to_value(&state.mood).map_err(refused)?,
        anomalies: anomalies.map(|anomaly| json!({"of": anomaly.of, "z": anomaly.z})).collect::<Vec<Value>>().into(),
    })
}

/// Returns the direction of prices of similar items, as far as there is evidence: `rising`, `falling` or `none`.
pub fn direction(state: &MarketState) -> &'static str {
    match state.drift.says.as_str() {
        "prices of like items rise" => "rising",
        "prices of like items fall" => "falling",
        _ => "none",
    }
}

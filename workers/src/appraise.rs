//! What a work is worth: advice of the pricing agent, from the market's own history, recorded with all that made it.

use agents::{
    pricing::{Facts, Forecaster, Question, Settings, Today, advise},
    rules::{PRICES, RuleBase},
    sales::{Day, Item, Sale, by_day},
};
use alloy::primitives::{Address, B256, U256};
use chrono::NaiveDate;
use sha2::{Digest, Sha256};
use sqlx::PgPool;
use store::{
    advice::{self, Model, NewAdvice, Recorded},
    sales::{self, Sold},
};

use crate::{Context, JobError};

/// The agent's name in records.
const AGENT: &str = "pricing";

/// What the agent has in memory between two questions: all sales before a day, and what it learned from them. Lost, it is made
/// again from the database.
#[derive(Default)]
pub struct Memory(Option<Known>);

struct Known {
    forecaster: Forecaster,
    before: NaiveDate,
}

/// Advises on the price of an asset, as of the newest settled day. Asked again, it records nothing new unless something
/// changed. An asset that is gone gets no advice.
pub async fn appraise(context: &Context, memory: &mut Memory, asset: u64) -> Result<Option<i64>, JobError> {
    let chain_id = context.deployment.chain_id;
    let mut conn = context.pool.acquire().await?;
    let Some(question) = question(&mut conn, chain_id, asset).await? else { return Ok(None) };
    let Some(before) = sales::settled_day(&mut conn, chain_id).await? else { return Ok(None) };
    drop(conn);
    let known = remember(&context.pool, chain_id, memory.0.take(), before).await?;
    let (known, made) = blocking(move || {
        let made = answer(&known.forecaster, PRICES, &question, known.before).and_then(|advice| {
            let question = serde_json::to_string(&question).map_err(refused)?;
            Ok((question, advice, known.forecaster.knowledge()))
        });
        Ok((known, made))
    })
    .await?;
    let day = known.before;
    memory.0 = Some(known);
    let (question, (advice, rule_base), knowledge) = made?;
    let mut tx = context.pool.begin().await?;
    advice::keep_rules(&mut tx, rule_base, PRICES).await?;
    let mut model = None;
    if let Some(bytes) = knowledge {
        let version = B256::from_slice(&Sha256::digest(&bytes));
        advice::keep_model(&mut tx, chain_id, AGENT, &Model { version, day, bytes }).await?;
        model = Some(version);
    }
    let subject = format!("asset:{asset}");
    let new = NewAdvice { chain_id, agent: AGENT, subject, day, question, advice, rule_base, model };
    let id = advice::record(&mut tx, &new).await?;
    tx.commit().await?;
    Ok(id)
}

/// Makes recorded advice again, from the rules, the model and the history it was made with. The same bytes, if nothing was
/// changed since.
pub async fn advise_again(pool: &PgPool, recorded: &Recorded) -> Result<String, JobError> {
    let chain_id = recorded.chain_id;
    let mut conn = pool.acquire().await?;
    let files = advice::rules(&mut conn, recorded.rule_base).await?;
    let history = sales::between(&mut conn, chain_id, None, recorded.day).await?;
    let model = match recorded.model {
        None => None,
        Some(version) => Some(
            advice::model(&mut conn, chain_id, AGENT, Some(version))
                .await?
                .ok_or_else(|| JobError::Refused(format!("model {version} is not there")))?,
        ),
    };
    drop(conn);
    let (question, day) = (recorded.question.clone(), recorded.day);
    blocking(move || {
        let forecaster = learned(&history, model.as_ref())?;
        let question: Question = serde_json::from_str(&question).map_err(refused)?;
        let files: Vec<(&str, &str)> = files.iter().map(|(name, text)| (name.as_str(), text.as_str())).collect();
        Ok(answer(&forecaster, &files, &question, day)?.0)
    })
    .await
}

/// The advice as canonical JSON, and the version of the rules.
fn answer(
    forecaster: &Forecaster,
    files: &[(&str, &str)],
    question: &Question,
    day: NaiveDate,
) -> Result<(String, B256), JobError> {
    let rules = RuleBase::read(files).map_err(refused)?;
    let today = Today::new(forecaster, &rules, Day::from(day)).map_err(refused)?;
    let advice = advise(forecaster, &today, &rules, question).map_err(refused)?;
    let version = rules.version().parse().map_err(refused)?;
    Ok((serde_json::to_string(&advice).map_err(refused)?, version))
}

/// All that was sold before the day, learned.
async fn remember(pool: &PgPool, chain_id: u64, known: Option<Known>, before: NaiveDate) -> Result<Known, JobError> {
    let mut conn = pool.acquire().await?;
    let known = match known.filter(|known| known.before <= before) {
        Some(known) => known,
        None => {
            let model = advice::model(&mut conn, chain_id, AGENT, None).await?.filter(|model| model.day <= before);
            let start = model.as_ref().map_or(NaiveDate::MIN, |model| model.day);
            let history = match &model {
                Some(model) => sales::between(&mut conn, chain_id, None, model.day).await?,
                None => Vec::new(),
            };
            let forecaster = blocking(move || learned(&history, model.as_ref())).await?;
            Known { forecaster, before: start }
        }
    };
    if known.before == before {
        return Ok(known);
    }
    let from = (known.before > NaiveDate::MIN).then_some(known.before);
    let news = sales::between(&mut conn, chain_id, from, before).await?;
    drop(conn);
    let Known { mut forecaster, .. } = known;
    blocking(move || {
        forecaster.live(&learnable(&news)).map_err(refused)?;
        forecaster.refit(Day::from(before)).map_err(refused)?;
        Ok(Known { forecaster, before })
    })
    .await
}

/// A forecaster with this history, and what a model kept.
fn learned(history: &[Sold], model: Option<&Model>) -> Result<Forecaster, JobError> {
    let mut forecaster = Forecaster::new(Settings::default());
    for (day, today) in by_day(&learnable(history)) {
        forecaster.learn(day, today, &[]).map_err(refused)?;
    }
    if let Some(model) = model {
        forecaster.take_up(&model.bytes).map_err(refused)?;
    }
    Ok(forecaster)
}

fn learnable(sold: &[Sold]) -> Vec<Sale> {
    let sale = |sold: &Sold| Sale {
        day: Day::from(sold.at.date_naive()),
        item: Item { id: sold.asset as u64, traits: traits(&sold.kind, &sold.registrant, &sold.parents) },
        seller: number(&sold.seller),
        buyer: number(&sold.buyer),
        price: whole_coins(sold.price),
    };
    sold.iter().map(sale).collect()
}

/// What works have in common that sell alike: their kind, who registered them, and what they were made from.
fn traits(kind: &str, registrant: &Address, parents: &[i64]) -> Vec<String> {
    let mut traits = vec![format!("kind:{kind}"), format!("by:{registrant}")];
    traits.extend(parents.iter().map(|parent| format!("from:{parent}")));
    traits
}

/// A number that stands for an account.
fn number(account: &Address) -> u64 {
    let mut bytes = [0; 8];
    bytes.copy_from_slice(&Sha256::digest(account)[..8]);
    u64::from_be_bytes(bytes)
}

/// Wei as coins of 10^18. To learn from; what is paid is never computed from it.
fn whole_coins(wei: U256) -> f64 {
    f64::from(wei) / 1e18
}

/// What is asked about an asset, from what the chain says of it. None when it is not there.
async fn question(conn: &mut sqlx::PgConnection, chain_id: u64, asset: u64) -> Result<Option<Question>, JobError> {
    let row = sqlx::query!(
        r#"SELECT kind, registrant AS "registrant: Vec<u8>", owner AS "owner: Vec<u8>", parents FROM chain.assets
           WHERE chain_id = $1 AND asset_id = $2"#,
        chain_id as i64,
        asset as i64
    )
    .fetch_optional(conn)
    .await?;
    row.map(|row| {
        let registrant = store::values::address(&row.registrant)?;
        let kind = if row.kind == "PHYSICAL" { "RealWorldAsset" } else { "Digital" };
        Ok(Question {
            work: asset,
            traits: traits(&row.kind, &registrant, &row.parents),
            facts: Facts {
                kind: kind.into(),
                region: "Global".into(),
                utilities: Vec::new(),
                // Where everybody starts: nothing measures it yet.
                reputation: 50.0,
                elasticity: None,
            },
            seller: Some(number(&store::values::address(&row.owner)?)),
        })
    })
    .transpose()
}

fn refused(error: impl std::fmt::Display) -> JobError {
    JobError::Refused(format!("no advice: {error}"))
}

/// Fits and forecasts take long: away from the threads that wait for others.
async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, JobError> + Send + 'static,
) -> Result<T, JobError> {
    tokio::task::spawn_blocking(work).await.map_err(refused)?
}

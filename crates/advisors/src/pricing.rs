//! Advice on what a work is worth, from the market's own history.

use agents::{
    document::Document,
    pricing::{Facts, Forecaster, Question, Settings, Today, advise},
    rules::{PRICES, RuleBase},
    sales::{Day, Item, Sale, by_day},
};
use alloy_primitives::{Address, B256, U256};
use chrono::NaiveDate;
use domain::money::COIN;
use facts::{Account, ChainId};
use sha2::{Digest, Sha256};
use sqlx::{PgConnection, PgPool};
use store::{
    advice::{self, Advice, Model},
    market::sales::{self, Sold},
};

use crate::{Result, asked, blocking, kind_of, refused, rules_of};

/// The agent's name in records.
const AGENT: &str = "pricing";
/// The version of the form of its records.
const VERSION: u16 = <agents::pricing::Advice as Document>::VERSION;

/// What the agent has in memory between questions. When it is lost, it is built again from the database.
#[derive(Default)]
pub struct Memory(Option<DayForecaster>);

/// A forecaster that is ready for the questions of a day: it has learned from all sales before it.
struct DayForecaster {
    before: NaiveDate,
    forecaster: Forecaster,
    /// What all questions of the day share.
    today: Today,
    rules: RuleBase,
    /// The hashes under which the rules and the model are recorded.
    rule_base: B256,
    model: Option<B256>,
}

/// Advises on the price of an asset, as of the newest settled day. Returns the number of the advice, or `None` when the
/// newest advice says the same or the asset is gone.
///
/// # Errors
/// When the database fails, when the rule base lacks a rule, or when the forecast cannot be made.
pub async fn advise_on(pool: &PgPool, chain_id: ChainId, memory: &mut Memory, asset: u64) -> Result<Option<i64>> {
    let mut conn = pool.acquire().await?;
    let Some(question) = question(&mut conn, chain_id, asset).await? else { return Ok(None) };
    let Some(before) = sales::settled_day(&mut conn, chain_id).await? else { return Ok(None) };
    drop(conn);
    let ready = remember(pool, chain_id, memory.0.take(), before).await?;
    let (ready, made) = blocking(move || {
        let made = answer(&ready.forecaster, &ready.today, &ready.rules, &question);
        let question = serde_json::to_string(&question).map_err(refused)?;
        Ok((ready, made.map(|answer| (question, answer))))
    })
    .await?;
    let DayForecaster { before: day, rule_base, model, .. } = ready;
    memory.0 = Some(ready);
    let (question, answer) = made?;
    let subject = format!("asset:{asset}");
    let new =
        Advice { chain_id, agent: AGENT.into(), subject, day, version: VERSION, question, answer, rule_base, model };
    let mut tx = pool.begin().await?;
    let id = advice::record(&mut tx, &new).await?;
    tx.commit().await?;
    Ok(id)
}

/// Advises on assets on sale whose advice is from an earlier day: at most `limit`, in the order of their numbers, after the
/// asset `after`. Returns the assets that were looked at.
///
/// # Errors
/// When the database does not answer, or the rule base lacks a rule.
pub async fn advise_on_listed(
    pool: &PgPool,
    chain_id: ChainId,
    memory: &mut Memory,
    after: u64,
    limit: i64,
) -> Result<Vec<u64>> {
    let mut conn = pool.acquire().await?;
    let Some(day) = sales::settled_day(&mut conn, chain_id).await? else { return Ok(Vec::new()) };
    let assets = advice::unadvised(&mut conn, chain_id, day, after, limit).await?;
    drop(conn);
    for asset in &assets {
        advise_on(pool, chain_id, memory, *asset).await?;
    }
    Ok(assets)
}

/// Makes recorded advice again.
pub(crate) async fn replay(pool: &PgPool, recorded: &Advice) -> Result<String> {
    let chain_id = recorded.chain_id;
    let mut conn = pool.acquire().await?;
    let files = advice::rules(&mut conn, recorded.rule_base).await?;
    let history = sales::between(&mut conn, chain_id, None, recorded.day).await?;
    let model = match recorded.model {
        None => None,
        Some(version) => Some(
            advice::model(&mut conn, chain_id, AGENT, Some(version))
                .await?
                .ok_or_else(|| refused(format!("model {version} is not there")))?,
        ),
    };
    drop(conn);
    let (question, day): (Question, _) = (asked(recorded)?, recorded.day);
    blocking(move || {
        let rules = rules_of(&files)?;
        let forecaster = learned(&history, model.as_ref())?;
        let today = Today::new(&forecaster, &rules, Day::from(day)).map_err(refused)?;
        answer(&forecaster, &today, &rules, &question)
    })
    .await
}

/// Returns the advice as canonical JSON.
fn answer(forecaster: &Forecaster, today: &Today, rules: &RuleBase, question: &Question) -> Result<String> {
    let advice = advise(forecaster, today, rules, question).map_err(refused)?;
    serde_json::to_string(&advice).map_err(refused)
}

/// Learns from all that was sold before the day, and keeps what was learned.
async fn remember(
    pool: &PgPool,
    chain_id: ChainId,
    ready: Option<DayForecaster>,
    before: NaiveDate,
) -> Result<DayForecaster> {
    let (forecaster, learned) = match ready {
        Some(ready) if ready.before == before => return Ok(ready),
        Some(ready) if ready.before < before => (ready.forecaster, ready.before),
        _ => recall(pool, chain_id, before).await?,
    };
    let from = (learned > NaiveDate::MIN).then_some(learned);
    let news = sales::between(&mut *pool.acquire().await?, chain_id, from, before).await?;
    let (ready, knowledge) = blocking(move || learn(forecaster, &news, before)).await?;
    let mut tx = pool.begin().await?;
    advice::keep_rules(&mut tx, ready.rule_base, PRICES).await?;
    if let Some(model) = knowledge {
        advice::keep_model(&mut tx, chain_id, AGENT, &model).await?;
    }
    tx.commit().await?;
    Ok(ready)
}

/// Returns what was kept last, with the history before it; nothing when nothing was kept.
async fn recall(pool: &PgPool, chain_id: ChainId, before: NaiveDate) -> Result<(Forecaster, NaiveDate)> {
    let mut conn = pool.acquire().await?;
    let Some(model) = advice::model(&mut conn, chain_id, AGENT, None).await?.filter(|model| model.day <= before) else {
        return Ok((Forecaster::new(Settings::default()), NaiveDate::MIN));
    };
    let history = sales::between(&mut conn, chain_id, None, model.day).await?;
    drop(conn);
    blocking(move || Ok((learned(&history, Some(&model))?, model.day))).await
}

/// Lives through the sales before a day, and gets ready for the day's questions.
fn learn(mut forecaster: Forecaster, news: &[Sold], before: NaiveDate) -> Result<(DayForecaster, Option<Model>)> {
    forecaster.live(&learnable(news)).map_err(refused)?;
    forecaster.refit(Day::from(before)).map_err(refused)?;
    let rules = RuleBase::read(PRICES).map_err(refused)?;
    let today = Today::new(&forecaster, &rules, Day::from(before)).map_err(refused)?;
    let knowledge = forecaster.knowledge().map(|bytes| {
        let version = B256::from_slice(&Sha256::digest(&bytes));
        Model { version, day: before, bytes }
    });
    let (rule_base, model) = (rules.version().parse().map_err(refused)?, knowledge.as_ref().map(|model| model.version));
    Ok((DayForecaster { before, forecaster, today, rules, rule_base, model }, knowledge))
}

/// Returns a forecaster with this history and a stored model.
fn learned(history: &[Sold], model: Option<&Model>) -> Result<Forecaster> {
    let mut forecaster = Forecaster::new(Settings::default());
    for (day, today) in by_day(&learnable(history)) {
        forecaster.learn(day, today, &[]).map_err(refused)?;
    }
    if let Some(model) = model {
        forecaster.take_up(&model.bytes).map_err(refused)?;
    }
    Ok(forecaster)
}

/// Converts sales into the form from which the agents learn.
pub(crate) fn learnable(sold: &[Sold]) -> Vec<Sale> {
    let sale = |sold: &Sold| Sale {
        day: Day::from(sold.at.date_naive()),
        item: Item { id: sold.asset as u64, traits: traits(&sold.kind, &sold.registrant, &sold.parents) },
        seller: number(&sold.seller),
        buyer: number(&sold.buyer),
        price: whole_coins(sold.price),
    };
    sold.iter().map(sale).collect()
}

/// Returns the traits that works with similar prices share: their kind, who registered them, and what they were made from.
fn traits(kind: &str, registrant: &Address, parents: &[i64]) -> Vec<String> {
    let mut traits = vec![format!("kind:{kind}"), format!("by:{registrant}")];
    traits.extend(parents.iter().map(|parent| format!("from:{parent}")));
    traits
}

/// Returns a number that stands for an account.
fn number(account: &Address) -> u64 {
    let mut bytes = [0; 8];
    bytes.copy_from_slice(&Sha256::digest(account)[..8]);
    u64::from_be_bytes(bytes)
}

/// Converts an amount of the chain's own coin from base units to whole coins. This is only for learning, and payments are
/// never computed from it.
fn whole_coins(wei: U256) -> f64 {
    f64::from(wei) / 10_f64.powi(COIN.decimals.into())
}

/// Returns what is asked about an asset, from what the chain says of it. Returns `None` when there is no such asset.
async fn question(conn: &mut PgConnection, chain_id: ChainId, asset: u64) -> Result<Option<Question>> {
    let row = sqlx::query!(
        r#"SELECT kind, registrant AS "registrant: Account", owner AS "owner: Account", parents FROM chain.assets
           WHERE chain_id = $1 AND asset_id = $2"#,
        chain_id.get(),
        asset as i64
    )
    .fetch_optional(&mut *conn)
    .await?;
    let utilities = utilities(conn, chain_id, asset).await?;
    row.map(|row| {
        let registrant = row.registrant.0;
        Ok(Question {
            work: asset,
            traits: traits(&row.kind, &registrant, &row.parents),
            facts: Facts {
                kind: kind_of(&row.kind),
                region: "Global".into(),
                utilities,
                // This is where everybody starts, because nothing measures it yet.
                reputation: 50.0,
                elasticity: None,
            },
            seller: Some(number(&row.owner.0)),
        })
    })
    .transpose()
}

/// Returns what the licences that an asset's owner offers allow, in the words of the rules: they are what the asset earns
/// with.
async fn utilities(conn: &mut PgConnection, chain_id: ChainId, asset: u64) -> Result<Vec<String>> {
    let words = sqlx::query_scalar!(
        r#"SELECT word AS "word!" FROM chain.module_events o
           JOIN chain.assets a ON a.chain_id = o.chain_id AND a.asset_id = o.asset_id
                AND a.epoch = (o.details ->> 'epoch')::bigint
           CROSS JOIN LATERAL (SELECT (o.details #>> '{terms,flags}')::integer AS flags,
                                      (o.details #>> '{terms,revenueShareBps}')::integer AS share) terms
           CROSS JOIN LATERAL (VALUES ('commercial_license', flags & 1 > 0), ('exclusive_access', flags & 4 > 0),
                                      ('revenue_share', share > 0)) allowed (word, holds)
           WHERE o.chain_id = $1 AND o.asset_id = $2 AND o.contract = 'Licences' AND o.event = 'TermsOffered' AND holds
             AND NOT EXISTS (SELECT FROM chain.module_events w
                             WHERE w.chain_id = o.chain_id AND w.asset_id = o.asset_id AND w.contract = 'Licences'
                               AND w.event = 'OfferWithdrawn' AND w.details ->> 'termsId' = o.details ->> 'termsId'
                               AND (w.block_number, w.log_index) > (o.block_number, o.log_index))
           GROUP BY word ORDER BY word"#,
        chain_id.get(),
        asset as i64
    )
    .fetch_all(conn)
    .await?;
    Ok(words)
}

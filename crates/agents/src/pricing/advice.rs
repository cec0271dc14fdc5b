//! Advice on a price: what a work is worth, in which range, why, and what to ask for it.

use metta::Atom;
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};
use thiserror::Error;

use super::{Doubt, Facts, Forecast, Forecaster, Limits, Parties, Range, State, prior};
use crate::{
    digest::Digest,
    market::MarketState,
    rules::{Applied, RuleBase, RuleError},
    sales::{Day, Item},
};

/// How many effects and comparables are reported.
const TOLD: usize = 5;

#[derive(Debug, Error)]
pub enum AdviceError {
    #[error(transparent)]
    Rules(#[from] RuleError),
    #[error("a price of e^{0} is out of all range")]
    Range(f64),
}

/// A work to be priced.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Question {
    pub work: u64,
    /// Kind, tags and attributes, which it may share with others.
    pub traits: Vec<String>,
    /// The facts for the rules.
    pub facts: Facts,
    pub seller: Option<u64>,
}

/// A range of prices. Prices are exact decimals with six significant digits, in the market's currency.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PriceRange {
    pub low: Decimal,
    pub high: Decimal,
}

/// A sale that the price was compared with.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ComparedSale {
    pub day: String,
    pub work: u64,
    pub price: Decimal,
    /// The share of common traits. Rare traits count more.
    pub likeness: f64,
}

/// The effect of a feature on the price.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Effect {
    pub feature: String,
    pub value: Option<f64>,
    /// The price is higher by this share because of the feature. Negative if it is lower.
    pub changes_price_by: f64,
    pub says: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Suggestions {
    /// What to ask.
    pub list: Decimal,
    /// The least to accept.
    pub reserve: Decimal,
    /// The suggested price of a licence.
    pub licence: Decimal,
}

/// The same inputs give the same advice, byte for byte.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Advice {
    pub day: String,
    pub work: u64,
    pub fair: Decimal,
    pub range80: PriceRange,
    pub range90: PriceRange,
    /// Why the price should not be relied on, if that is so.
    pub abstains: Option<Abstention>,
    pub suggestions: Suggestions,
    pub comparables: Vec<ComparedSale>,
    pub effects: Vec<Effect>,
    /// Rules that were applied, with their places.
    pub rules: Vec<Applied>,
    /// The SHA-256 of question, market state and history.
    pub inputs: String,
    /// Version of the rule base.
    pub rule_base: String,
    /// The version of the model. `None` when the rules alone give the price.
    pub model: Option<String>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Abstention {
    pub doubt: Doubt,
    pub says: String,
}

/// What all questions of a day share.
#[derive(Clone, Debug)]
pub struct Today {
    day: Day,
    state: Option<State>,
    market: MarketState,
}

impl Today {
    /// Prepares the questions of a day.
    ///
    /// # Errors
    /// When the market's rule base lacks a rule.
    pub fn new(forecaster: &Forecaster, market_rules: &RuleBase, day: Day) -> Result<Self, RuleError> {
        let history = forecaster.history();
        Ok(Self { day, state: State::on(history, day), market: MarketState::on(history, market_rules, day)? })
    }

    pub fn market(&self) -> &MarketState {
        &self.market
    }
}

/// Advises on today's price of a work, from what the forecaster learned from earlier days, the market's state and the
/// rules.
///
/// # Errors
/// When the rule base lacks a rule, or has no factor for one of the question's words.
pub fn advise(
    forecaster: &Forecaster,
    today: &Today,
    rules: &RuleBase,
    question: &Question,
) -> Result<Advice, AdviceError> {
    let mut applied = Vec::new();
    let Today { day, market, .. } = today;
    let item = Item { id: question.work, traits: question.traits.clone() };
    let parties = Parties { seller: question.seller, buyer: None };
    let state = today.state.as_ref().filter(|_| forecaster.is_fitted());
    let forecast = state.map(|state| forecaster.forecast(state, &item, parties));
    let (log_price, range80, range90) = match &forecast {
        Some(forecast) => (forecast.log_price, forecast.range80, forecast.range90),
        None => cold_start(rules, question, market, &mut applied)?,
    };
    let doubt = match &forecast {
        Some(forecast) => forecaster.doubt(forecast, *day, Limits::new(rules, &mut applied)?),
        None => Some(Doubt::NoModel),
    };
    let suggestions = suggest(rules, question, log_price, range80, &mut applied)?;
    let compared = |other: &super::Comparable| {
        let (price, likeness) = (decimal(other.price.ln())?, other.likeness);
        Ok(ComparedSale { day: other.day.to_string(), work: other.item, price, likeness })
    };
    let comparables = forecast.iter().flat_map(|forecast| forecast.comparables.iter().take(TOLD)).map(compared);
    Ok(Advice {
        day: day.to_string(),
        work: question.work,
        fair: decimal(log_price)?,
        range80: prices(range80)?,
        range90: prices(range90)?,
        abstains: doubt.map(|doubt| Abstention { doubt, says: why(doubt).to_owned() }),
        suggestions,
        comparables: comparables.collect::<Result<_, AdviceError>>()?,
        effects: forecast.as_ref().map_or_else(Vec::new, |forecast| effects(forecaster, forecast)),
        rules: applied,
        inputs: inputs(forecaster, market, question, *day),
        rule_base: rules.version().to_owned(),
        model: forecast.and_then(|_| forecaster.version()),
    })
}

type Prices = (f64, Range, Range);

/// Returns the rules' price, and the ranges that they put around it.
fn cold_start(
    rules: &RuleBase,
    question: &Question,
    market: &MarketState,
    applied: &mut Vec<Applied>,
) -> Result<Prices, AdviceError> {
    let (price, mut used) = prior(rules, &question.facts, &market.mood)?;
    applied.append(&mut used);
    let log_price = price.ln();
    let mut range = |coverage| -> Result<Range, RuleError> {
        let spread = rules.explained(&[Atom::symbol("prior-spread"), Atom::integer(coverage)], applied)?.ln().abs();
        Ok(Range { low: log_price - spread, high: log_price + spread })
    };
    Ok((log_price, range(80)?, range(90)?))
}

fn suggest(
    rules: &RuleBase,
    question: &Question,
    log_price: f64,
    range80: Range,
    applied: &mut Vec<Applied>,
) -> Result<Suggestions, AdviceError> {
    let mut share = |question: &[Atom]| rules.explained(question, applied);
    let elasticity = match question.facts.elasticity {
        Some(elasticity) => share(&[Atom::symbol("elasticity-factor"), Atom::float(elasticity)])?,
        None => 1.0,
    };
    let list = share(&[Atom::symbol("list-share")])? * elasticity;
    let reserve = share(&[Atom::symbol("reserve-share")])?;
    let licence = share(&[Atom::symbol("licence-share")])?;
    let list = log_price + list.ln();
    Ok(Suggestions {
        list: decimal(list)?,
        // The reserve must not be above the asking price.
        reserve: decimal((range80.low + reserve.ln()).min(list))?,
        licence: decimal(log_price + licence.ln())?,
    })
}

fn effects(forecaster: &Forecaster, forecast: &Forecast) -> Vec<Effect> {
    let effect = |(feature, effect): (&'static str, f64)| {
        let value = forecast.features.iter().find(|other| other.0 == feature).map(|other| other.1);
        let share = effect.exp() - 1.0;
        let direction = if share < 0.0 { "lower" } else { "higher" };
        let says = format!("{feature}: {:.1} % {direction}", share.abs() * 100.0);
        Effect {
            feature: feature.to_owned(),
            value: value.filter(|value| value.is_finite()),
            changes_price_by: share,
            says,
        }
    };
    forecaster.effects(forecast, TOLD).into_iter().map(effect).collect()
}

fn why(doubt: Doubt) -> &'static str {
    match doubt {
        Doubt::NoModel => "there are too few sales to learn from: the price follows from the rules alone",
        Doubt::FewSales => "too few sales in the last 30 days",
        Doubt::WideRange => "what is known allows prices too far apart",
    }
}

/// Returns the SHA-256 over everything on which the advice depends, except for rules and model, which have versions of
/// their own.
fn inputs(forecaster: &Forecaster, market: &MarketState, question: &Question, day: Day) -> String {
    let mut digest = Digest::default();
    digest.json(question);
    digest.json(market);
    digest.fixed(forecaster.history().digest());
    digest.fixed(day.0.to_be_bytes());
    digest.hex()
}

fn prices(range: Range) -> Result<PriceRange, AdviceError> {
    Ok(PriceRange { low: decimal(range.low)?, high: decimal(range.high)? })
}

/// Returns e^`log`, to six significant digits.
fn decimal(log: f64) -> Result<Decimal, AdviceError> {
    let digits = format!("{:.5e}", log.exp());
    Decimal::from_scientific(&digits).map(|price| price.normalize()).map_err(|_| AdviceError::Range(log))
}

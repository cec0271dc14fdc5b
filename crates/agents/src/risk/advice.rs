//! Advice on a risk: how likely fraud is, why, what forbids the trade, and what to hold back.

use domain::{Address, Amount, AssetId, BasisPoints};
use metta::Atom;
use serde::{Deserialize, Serialize};

use super::{
    market::Market,
    ratings::Calibration,
    trade::{Funding, Transfer},
    watch::{WatchList, Watched},
};
use crate::{
    digest::Digest,
    rules::{Applied, RuleBase, RuleError},
};

/// What is asked about.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Subject {
    Account(Address),
    Work(WorkFacts),
    Sale { sale: Transfer, range: Option<PriceRange> },
}

/// The facts about a work that the rules need.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct WorkFacts {
    pub asset: AssetId,
    /// NFT, Phygital, Digital or RealWorldAsset.
    pub kind: String,
    /// bullish, neutral or bearish.
    pub market: String,
    pub registrant: Address,
    /// The registrant's reputation, from 0 to 100. If it is unknown, everybody's starting value is used.
    pub reputation: Option<f64>,
}

/// The 90 % range of the pricing agent, in base units.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PriceRange {
    pub low: Amount,
    pub high: Amount,
}

/// What a model that learned from this market's own outcomes says about a subject.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Learned {
    /// Before calibration.
    pub log_odds: f64,
    /// What moved it most, strongest first, in log-odds.
    pub effects: Vec<(String, f64)>,
    pub model: String,
}

/// The sources of advice, besides the question.
#[derive(Clone, Copy)]
pub struct Sources<'a> {
    pub market: &'a Market,
    pub watch_list: &'a WatchList,
    pub rules: &'a RuleBase,
    /// The calibration, from how forecasts of this kind ended so far.
    pub calibration: &'a Calibration,
    pub learned: Option<&'a Learned>,
}

/// A sign of fraud.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Reason {
    pub says: String,
    /// What it adds to the log-odds.
    pub log_odds: f64,
    /// The rule that says so. `None` for what a model learned.
    pub rule: Option<Applied>,
}

/// The same inputs give the same advice, byte for byte.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Advice {
    /// The probability of fraud, from 0 to 1.
    pub probability: f64,
    /// low, medium or high.
    pub level: String,
    /// On how many outcomes the probability was calibrated. With 0, it is what the rules say.
    pub calibrated_on: usize,
    /// Heaviest first.
    pub reasons: Vec<Reason>,
    /// What forbids a trade whatever the probability.
    pub vetoes: Vec<String>,
    /// For a work: the risk of its kind, market and creator alone, and its level.
    pub asset_risk: Option<(f64, String)>,
    /// The part of a price to hold back until the time for disputes is over.
    pub escrow: BasisPoints,
    /// The part of a stake's worth that should not count.
    pub haircut: BasisPoints,
    pub rules: Vec<Applied>,
    /// The SHA-256 of question, records and watch list entries.
    pub inputs: String,
    pub rule_base: String,
    pub model: Option<String>,
}

/// Collects signs while a subject is looked at.
pub(super) struct Signs<'a> {
    pub sources: Sources<'a>,
    pub log_odds: f64,
    pub reasons: Vec<Reason>,
    pub vetoes: Vec<String>,
    pub rules: Vec<Applied>,
}

impl<'a> Signs<'a> {
    /// Begins with what a model learned, or with the rules' prior for subjects of this kind.
    ///
    /// # Errors
    /// When the rule base lacks the prior.
    pub fn new(sources: Sources<'a>, kind: &str) -> Result<Self, RuleError> {
        let mut signs = Self { sources, log_odds: 0.0, reasons: Vec::new(), vetoes: Vec::new(), rules: Vec::new() };
        match sources.learned.filter(|learned| learned.log_odds.is_finite()) {
            Some(learned) => {
                signs.log_odds = learned.log_odds;
                let reason =
                    |(says, log_odds): &(String, f64)| Reason { says: says.clone(), log_odds: *log_odds, rule: None };
                signs.reasons.extend(learned.effects.iter().map(reason));
            }
            None => signs.log_odds = signs.rule(&[Atom::symbol("prior-weight"), Atom::symbol(kind)])?,
        }
        Ok(signs)
    }

    /// Returns a number of the rules, and notes the rule as applied.
    ///
    /// # Errors
    /// When the rule base lacks the rule.
    pub fn rule(&mut self, question: &[Atom]) -> Result<f64, RuleError> {
        self.sources.rules.explained(question, &mut self.rules)
    }

    /// Adds a sign with the weight that the rules give it.
    ///
    /// # Errors
    /// When the rule base lacks the sign's weight.
    pub fn sign(&mut self, name: &str, says: String) -> Result<(), RuleError> {
        let log_odds = self.rule(&[Atom::symbol("weight"), Atom::symbol(name)])?;
        let rule = self.rules.last().cloned();
        self.weigh(Reason { says, log_odds, rule });
        Ok(())
    }

    fn weigh(&mut self, reason: Reason) {
        self.log_odds += reason.log_odds;
        self.reasons.push(reason);
    }

    /// Adds the signs of an account.
    ///
    /// # Errors
    /// When the rule base lacks a rule.
    pub fn account(&mut self, account: Address) -> Result<(), RuleError> {
        let market = self.sources.market;
        if let Some((cycle, count)) = market.worst_cycle_of_account(account) {
            let says = format!("{account} took part in {count} round trips; the worst is of asset {}", cycle.asset);
            self.weigh(Reason { says, log_odds: cycle.log_odds, rule: None });
        }
        if let Some((funded, count)) = market.funded_of(account) {
            let says = format!(
                "{account} took part in {count} sales paid with the seller's money, first of asset {}",
                funded.sale.asset
            );
            self.sign(funding_name(funded.funding), says)?;
        }
        if let Some(drain) = market.drain(account) {
            let (payers, receivers) = (drain.payers, drain.receivers.len());
            self.sign(
                "paid-by-many-and-emptied",
                format!("{payers} accounts paid {account}, and it was emptied to {receivers}"),
            )?;
        }
        let copied = market.copies_by(account);
        if copied > 0 {
            self.sign("copied-content", format!("{account} registered {copied} works of others' content"))?;
        }
        self.amounts(account)?;
        self.watched(Watched::Account(account), &account.to_string())
    }

    /// Adds the rules' suspicion about the latest amounts (section 5).
    fn amounts(&mut self, account: Address) -> Result<(), RuleError> {
        let Some(amounts) = self.sources.market.amounts(account) else {
            return self.sign("first-seen", format!("{account} never traded before"));
        };
        let (large, quick) = amounts.suspects(&self.sources.market.limits().amounts);
        // An account has at most a handful of latest amounts.
        let question = [Atom::symbol("suspicion"), Atom::integer(large as i64), Atom::bool(quick)];
        let suspicion = self.rule(&question)?;
        let judged = Atom::expression(vec![Atom::symbol("is-suspicious"), Atom::float(suspicion)]);
        if self.sources.rules.holds(&judged)? {
            let says = format!(
                "{large} of the last amounts of {account} are far above its mean{}",
                if quick { ", the last two at once" } else { "" }
            );
            self.sign("suspicious-amounts", says)?;
        }
        Ok(())
    }

    /// Adds the signs of a work, whoever holds it.
    ///
    /// # Errors
    /// When the rule base lacks a rule.
    pub fn asset(&mut self, asset: AssetId) -> Result<(), RuleError> {
        let market = self.sources.market;
        if let Some(copy) = market.copy(asset) {
            self.sign("copied-content", format!("asset {asset} has the content of asset {}", copy.original))?;
            self.vetoes.push(format!(
                "the content of asset {asset} was registered before, as asset {}, by somebody else",
                copy.original
            ));
        }
        if let Some((cycle, count)) = market.worst_cycle_of_asset(asset) {
            let says = format!("asset {asset} made {count} round trips, one of {} transfers", cycle.transfers.len());
            self.weigh(Reason { says, log_odds: cycle.log_odds, rule: None });
        }
        self.watched(Watched::Work(asset), &format!("asset {asset}"))
    }

    fn watched(&mut self, what: Watched, name: &str) -> Result<(), RuleError> {
        let Some(entry) = self.sources.watch_list.get(what) else { return Ok(()) };
        let full = self.rule(&[Atom::symbol("weight"), Atom::symbol("watched")])?;
        let rule = self.rules.last().cloned();
        self.weigh(Reason { says: format!("{name} is watched: {}", entry.why), log_odds: full * entry.score, rule });
        Ok(())
    }

    /// Adds the signs of a sale that happened, besides those of its parties.
    fn sale(&mut self, sale: &Transfer, range: Option<PriceRange>) -> Result<(), RuleError> {
        let market = self.sources.market;
        if let Some(cycle) = market.cycle_of(sale) {
            let says = format!(
                "it is part of a round trip of {} transfers within {} hours",
                cycle.transfers.len(),
                cycle.seconds / 3_600
            );
            self.weigh(Reason { says, log_odds: cycle.log_odds, rule: None });
        }
        if let Some(funding) = market.funding_of(sale) {
            self.sign(funding_name(funding), "the buyer paid with the seller's money".to_owned())?;
        }
        if let Some(copy) = market.copy(sale.asset) {
            self.sign("copied-content", format!("asset {} has the content of asset {}", sale.asset, copy.original))?;
        }
        if let (Some(price), Some(range)) = (sale.price, range) {
            self.price(price, range)?;
        }
        for account in [sale.from, sale.to] {
            self.watched(Watched::Account(account), &account.to_string())?;
        }
        self.watched(Watched::Work(sale.asset), &format!("asset {}", sale.asset))
    }

    /// Compares a price with the range of the pricing agent.
    ///
    /// # Errors
    /// When the rule base lacks a rule.
    pub fn price(&mut self, price: Amount, range: PriceRange) -> Result<(), RuleError> {
        let below = self.rule(&[Atom::symbol("order"), Atom::symbol("far-below-points")])? as u64;
        let above = self.rule(&[Atom::symbol("order"), Atom::symbol("far-above-points")])? as u64;
        if !super::trade::at_least(price, range.low, below) {
            self.sign("price-far-below", format!("the price {price} is far below the range from {}", range.low))?;
        } else if super::trade::at_least(price, range.high, above) && price > range.high {
            self.sign("price-far-above", format!("the price {price} is far above the range to {}", range.high))?;
        }
        Ok(())
    }

    /// Returns the advice that follows from the signs.
    ///
    /// # Errors
    /// When the rule base lacks a rule.
    pub fn advice(mut self, question: &impl Serialize, asset_risk: Option<f64>) -> Result<Advice, RuleError> {
        let probability = self.sources.calibration.probability(self.log_odds);
        let rules = self.sources.rules;
        let mut word = |name: &str, value: f64| rules.word(&[Atom::symbol(name), Atom::float(value)], &mut self.rules);
        let level = word("level", probability)?;
        let asset_risk = asset_risk.map(|risk| Ok::<_, RuleError>((risk, word("level", risk)?))).transpose()?;
        let stake_level = asset_risk.as_ref().map_or(&level, |(_, level)| level).clone();
        let escrow = self.points("escrow-points", &level)?;
        let haircut = self.points("haircut-points", &stake_level)?;
        self.reasons.sort_by(|a, b| b.log_odds.abs().total_cmp(&a.log_odds.abs()).then_with(|| a.says.cmp(&b.says)));
        Ok(Advice {
            probability,
            level,
            calibrated_on: self.sources.calibration.outcomes(),
            reasons: self.reasons,
            vetoes: self.vetoes,
            asset_risk,
            escrow,
            haircut,
            rules: self.rules,
            inputs: inputs(&self.sources, question),
            rule_base: rules.version().to_owned(),
            model: self.sources.learned.map(|learned| learned.model.clone()),
        })
    }

    fn points(&mut self, name: &str, level: &str) -> Result<BasisPoints, RuleError> {
        let points = self.rule(&[Atom::symbol(name), Atom::symbol(level)])?;
        Ok(BasisPoints::try_from(points.clamp(0.0, 10_000.0) as u16).unwrap_or(BasisPoints::FULL))
    }
}

fn funding_name(funding: Funding) -> &'static str {
    match funding {
        Funding::Advance | Funding::Refund => "funded-by-seller",
        Funding::Through(_) => "funded-through-another",
    }
}

/// Returns the SHA-256 over everything on which the advice depends, except for rules and model, which have
/// versions of their own.
fn inputs(sources: &Sources, question: &impl Serialize) -> String {
    let mut digest = Digest::default();
    digest.json(question);
    digest.json(&sources.watch_list.entries());
    digest.json(&sources.learned);
    digest.fixed(sources.market.digest());
    digest.count(sources.calibration.outcomes());
    sources.calibration.line().iter().for_each(|number| digest.fixed(number.to_be_bytes()));
    digest.hex()
}

/// Assesses an account, a work or a sale.
///
/// # Errors
/// When the rule base lacks a rule, or has none for one of the question's words.
pub fn assess(sources: Sources, subject: &Subject) -> Result<Advice, RuleError> {
    match subject {
        Subject::Account(account) => {
            let mut signs = Signs::new(sources, "account")?;
            signs.account(*account)?;
            signs.advice(subject, None)
        }
        Subject::Work(work) => {
            let mut signs = Signs::new(sources, "work")?;
            signs.asset(work.asset)?;
            let risk = asset_risk(&mut signs, work)?;
            signs.advice(subject, Some(risk))
        }
        Subject::Sale { sale, range } => {
            let mut signs = Signs::new(sources, "sale")?;
            signs.sale(sale, *range)?;
            signs.advice(subject, None)
        }
    }
}

/// Returns base x market x max(.5, 1 - reputation / 100), by the rules.
fn asset_risk(signs: &mut Signs, work: &WorkFacts) -> Result<f64, RuleError> {
    let reputation = match work.reputation.filter(|reputation| reputation.is_finite()) {
        Some(reputation) => reputation.clamp(0.0, 100.0),
        None => signs.rule(&[Atom::symbol("first-reputation")])?,
    };
    let words =
        [Atom::symbol("asset-risk"), Atom::symbol(&work.kind), Atom::symbol(&work.market), Atom::float(reputation)];
    signs.rule(&words)
}

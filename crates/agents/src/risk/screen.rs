//! Whether an order is shown, and whether it may be bought.

use domain::{Address, Amount, AssetId};
use metta::Atom;
use serde::{Deserialize, Serialize};

use super::advice::{Advice, PriceRange, Signs, Sources};
use crate::rules::RuleError;

/// A signed offer to sell.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Order {
    pub asset: AssetId,
    pub maker: Address,
    /// The asset's epoch, which every transfer raises, when it was signed.
    pub asset_epoch: u64,
    /// What it costs now.
    pub price: Amount,
    /// Seconds since 1970.
    pub signed: i64,
    pub ends: i64,
}

/// The standing of the order's asset and maker.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Context {
    /// Seconds since 1970.
    pub now: i64,
    pub owner: Option<Address>,
    pub asset_epoch: u64,
    /// Whether the market may move the asset.
    pub approved: bool,
    /// Whether the maker cancelled the order.
    pub cancelled: bool,
    pub frozen_until: Option<i64>,
    /// The 90 % range of the pricing agent, if it has one.
    pub range: Option<PriceRange>,
    /// Who wants to buy. `None` while the order is only shown.
    pub buyer: Option<Address>,
}

/// What to do with an order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Decision {
    Allow,
    /// It may be bought by somebody who read the warning.
    Warn,
    Block,
}

/// A decision and its reasons.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Screening {
    pub decision: Decision,
    /// Why it is blocked or has a warning, in words. The reasons of the probability are in the
    /// advice.
    pub reasons: Vec<String>,
    pub advice: Advice,
}

/// Screens an order before it is shown, and, with a buyer, before it is bought.
///
/// # Errors
/// When the rule base lacks a rule.
pub fn screen(sources: Sources, order: &Order, context: &Context) -> Result<Screening, RuleError> {
    let mut signs = Signs::new(sources, "order")?;
    signs.account(order.maker)?;
    signs.asset(order.asset)?;
    if let Some(range) = context.range {
        signs.price(order.price, range)?;
    }
    signs.vetoes.extend(stale(order, context));
    let mut warnings = Vec::new();
    let old = signs.rule(&[Atom::symbol("order"), Atom::symbol("old-days")])?;
    if context.now.saturating_sub(order.signed) as f64 > old * 86_400.0 {
        warnings.push(format!("it was signed more than {old} days ago, at the prices of then"));
    }
    if let Some(range) = context.range {
        if order.price < range.low {
            warnings.push(format!("the price {} is below the range from {}", order.price, range.low));
        } else if order.price > range.high {
            warnings.push(format!("the price {} is above the range to {}", order.price, range.high));
        }
    }
    let (warns, blocks) = (signs.rule(&[Atom::symbol("order-warns")])?, signs.rule(&[Atom::symbol("order-blocks")])?);
    let advice = signs.advice(&(order, context), None)?;
    let percent = advice.probability * 100.0;
    let decision = if !advice.vetoes.is_empty() || advice.probability >= blocks {
        Decision::Block
    } else if !warnings.is_empty() || advice.probability >= warns {
        Decision::Warn
    } else {
        Decision::Allow
    };
    let mut reasons = advice.vetoes.clone();
    if advice.probability >= warns {
        reasons.push(format!("fraud is likely to {percent:.0} %"));
    }
    reasons.append(&mut warnings);
    Ok(Screening { decision, reasons, advice })
}

/// Returns what makes an order impossible or unsafe to fill.
fn stale(order: &Order, context: &Context) -> Vec<String> {
    let frozen = context.frozen_until.is_some_and(|until| until > context.now);
    let facts = [
        (context.owner != Some(order.maker), "its maker does not own the asset"),
        (context.asset_epoch != order.asset_epoch, "the asset changed hands since it was signed"),
        (!context.approved, "its maker withdrew the market's approval"),
        (context.cancelled, "its maker took it back"),
        (order.ends <= context.now, "its time is over"),
        (frozen, "the asset is frozen by a dispute"),
        (context.buyer == Some(order.maker), "its maker is the buyer"),
    ];
    facts.into_iter().filter(|(holds, _)| *holds).map(|(_, why)| why.to_owned()).collect()
}

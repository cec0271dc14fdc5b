//! Detectors over what happened in the market: transfers of assets, payments, registrations.
//!
//! Each detector says what it found and why, with a weight in log-odds. Weights and limits are rules
//! (`rules/risk.metta`). Prices are compared exactly, in whole base units.
//!
//! | module | what it finds |
//! |---|---|
//! | `cycles` | assets that come back to an account that sold them: round trips and rings |
//! | `funding` | purchases paid with the seller's own money |
//! | `drains` | accounts that many pay and that are emptied at once |
//! | `copies` | content registered again by somebody else |

mod copies;
mod cycles;
mod drains;
mod funding;

use domain::{Address, Amount, AssetId};
use serde::{Deserialize, Serialize};

pub use copies::{Copy, Registration, copies};
pub use cycles::{Cycle, CycleLimits, CycleWeights, cycles};
pub use drains::{Drain, DrainLimits, drains};
pub use funding::{Funding, FundingLimits, Payments};

/// An asset that changed hands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Transfer {
    pub asset: AssetId,
    pub from: Address,
    pub to: Address,
    /// Seconds since 1970.
    pub time: i64,
    /// What was paid for it, in base units of the currency in question. `None` if nothing was paid, or in another
    /// currency.
    pub price: Option<Amount>,
}

/// Money that went from one account to another, other than by a sale.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Payment {
    pub from: Address,
    pub to: Address,
    /// Seconds since 1970.
    pub time: i64,
    /// The amount, in base units of the currency in question.
    pub amount: Amount,
}

/// Returns whether two amounts differ by at most `tolerance` basis points of the larger.
pub(super) fn close(a: Amount, b: Amount, tolerance: u64) -> bool {
    let (low, high) = if a <= b { (a, b) } else { (b, a) };
    at_least(low, high, 10_000_u64.saturating_sub(tolerance))
}

/// Returns whether `part` is at least `share` basis points of `whole`.
pub(super) fn at_least(part: Amount, whole: Amount, share: u64) -> bool {
    use alloy_primitives::{U256, U512};
    let product = |amount: Amount, points: u64| -> U512 { amount.0.widening_mul::<256, 4, 512, 8>(U256::from(points)) };
    product(part, 10_000) >= product(whole, share)
}

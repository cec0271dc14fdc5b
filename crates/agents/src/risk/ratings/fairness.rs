//! Fairness and goodness (Kumar, Spezzano, Subrahmanian, Faloutsos, ICDM 2016).
//!
//! ```text
//! goodness(v) = mean over its raters u of fairness(u) x w(u, v)
//! fairness(u) = 1 - mean over those it rated of |w(u, v) - goodness(v)| / 2         (w in [-1, 1])
//! ```
//!
//! The fixed point is approached by sweeps while ratings come. Each sweep starts from the previous
//! one.

use super::history::{Account, REMEMBERED};

fn goodness(accounts: &[Account], place: usize) -> Option<f64> {
    let votes = accounts.get(place)?.received.latest(REMEMBERED);
    let sum: f64 = votes.iter().filter_map(|vote| Some(accounts.get(vote.other)?.fairness * vote.value)).sum();
    (!votes.is_empty()).then(|| sum / votes.len() as f64)
}

fn fairness(accounts: &[Account], place: usize) -> Option<f64> {
    let votes = accounts.get(place)?.given.latest(REMEMBERED);
    let sum: f64 =
        votes.iter().filter_map(|vote| Some((vote.value - accounts.get(vote.other)?.goodness).abs() / 2.0)).sum();
    (!votes.is_empty()).then(|| 1.0 - sum / votes.len() as f64)
}

/// Updates after one rating: first the goodness of the rated account, then the fairness of the
/// rater.
pub(super) fn touch(accounts: &mut [Account], source: usize, target: usize) {
    if let Some(value) = goodness(accounts, target)
        && let Some(account) = accounts.get_mut(target)
    {
        account.goodness = value;
    }
    if let Some(value) = fairness(accounts, source)
        && let Some(account) = accounts.get_mut(source)
    {
        account.fairness = value;
    }
}

/// Does one round over all accounts.
pub(super) fn sweep(accounts: &mut [Account]) {
    for place in 0..accounts.len() {
        touch(accounts, place, place);
    }
}

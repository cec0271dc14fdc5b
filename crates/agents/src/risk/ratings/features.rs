//! Features of two accounts just before one rates the other. Values that are not known are NaN.

use super::{
    History,
    history::{REMEMBERED, Vote, Votes},
    relations,
};

const HOUR: i64 = 3_600;
const DAY: i64 = 24 * HOUR;

/// Receives features: group, name, value.
pub(super) type Put<'a> = &'a mut dyn FnMut(&'static str, &'static str, f64);

/// Returns the features of `source` rating `target` at `now` (seconds since 1970), in the order of [`names`]. Only `history`
/// is used.
pub fn features(history: &History, source: u64, target: u64, now: i64) -> Vec<f64> {
    let mut row = Vec::with_capacity(160);
    visit(history, source, target, now, &mut |_, _, value| row.push(value));
    row
}

/// Returns the names of the features, in words.
pub fn names() -> Vec<String> {
    let mut names = Vec::new();
    visit(&History::default(), 0, 0, 0, &mut |group, name, _| names.push(format!("{group}: {name}")));
    names
}

fn visit(history: &History, source: u64, target: u64, now: i64, put: Put) {
    let (source_place, target_place) = (history.place(source), history.place(target));
    let (from, to) = (history.account(source_place), history.account(target_place));
    let none = Votes::default();
    summary("ratings the source gave", from.map_or(&none, |account| &account.given), now, put);
    summary("ratings the source received", from.map_or(&none, |account| &account.received), now, put);
    summary("ratings the target gave", to.map_or(&none, |account| &account.given), now, put);
    summary("ratings the target received", to.map_or(&none, |account| &account.received), now, put);

    let age = |account: Option<&super::history::Account>| {
        account.map_or(f64::NAN, |account| now.saturating_sub(account.first_seen) as f64 / DAY as f64)
    };
    put("source", "days since first seen", age(from));
    put("target", "days since first seen", age(to));
    let newest = history.newest_number().unwrap_or(0);
    put("source", "accounts opened since", newest.max(source) as f64 - source as f64);
    put("target", "accounts opened since", newest.max(target) as f64 - target as f64);
    put("pair", "accounts opened between", target as f64 - source as f64);
    put("source", "fairness", from.map_or(f64::NAN, |account| account.fairness));
    put("source", "goodness", from.map_or(f64::NAN, |account| account.goodness));
    put("target", "fairness", to.map_or(f64::NAN, |account| account.fairness));
    put("target", "goodness", to.map_or(f64::NAN, |account| account.goodness));
    let expected = from.zip(to).map_or(f64::NAN, |(from, to)| from.fairness * to.goodness);
    put("pair", "fairness times goodness", expected);

    let opinion = history.factors.opinion(source_place, target_place);
    put("source", "severity", opinion.severity);
    put("target", "badness", opinion.badness);
    put("pair", "affinity of factors", opinion.affinity);
    put("pair", "log-odds of the factor model", opinion.total);

    market(&history.latest, target_place, now, put);
    relations::visit(history, (source, source_place), (target, target_place), now, put);
}

/// Gives the mood of the whole market.
fn market(latest: &[Vote], target: Option<usize>, now: i64, put: Put) {
    let negatives = |count: usize| {
        let votes = latest.get(latest.len().saturating_sub(count)..).unwrap_or(&[]);
        share(votes.iter().filter(|vote| vote.value < 0.0).count(), votes.len())
    };
    put("market", "share of negatives among the last 20", negatives(20));
    put("market", "share of negatives among the last 200", negatives(200));
    put("market", "minutes since the last rating", latest.last().map_or(f64::NAN, |vote| minutes(now, vote.time)));
    let place = latest.iter().rev().take(20).position(|vote| Some(vote.other) == target);
    put("market", "ratings since one of the target", place.map_or(f64::NAN, |place| place as f64));
}

pub(super) fn share(part: usize, whole: usize) -> f64 {
    if whole == 0 { f64::NAN } else { part as f64 / whole as f64 }
}

pub(super) fn minutes(now: i64, then: i64) -> f64 {
    now.saturating_sub(then) as f64 / 60.0
}

fn summary(group: &'static str, votes: &Votes, now: i64, put: Put) {
    let count = votes.count();
    let mean = votes.mean();
    put(group, "count", count as f64);
    put(group, "negatives", votes.negatives as f64);
    // This counts as if there were ten earlier ratings, one of them negative, so that short histories say little.
    put(group, "smoothed share of negatives", (votes.negatives as f64 + 1.0) / (count as f64 + 10.0));
    put(group, "mean", mean.unwrap_or(f64::NAN));
    let variance = mean.map_or(f64::NAN, |mean| (votes.squares / count as f64 - mean * mean).max(0.0));
    put(group, "standard deviation", variance.sqrt());

    let latest = votes.latest(REMEMBERED);
    let nth = |back: usize| latest.iter().rev().nth(back);
    put(group, "last", nth(0).map_or(f64::NAN, |vote| vote.value));
    put(group, "last but one", nth(1).map_or(f64::NAN, |vote| vote.value));
    put(group, "mean of the last 3", mean_of(latest, 3));
    put(group, "mean of the last 10", mean_of(latest, 10));
    put(group, "length of the last run of one sign", run(latest));
    put(group, "minutes since the last", nth(0).map_or(f64::NAN, |vote| minutes(now, vote.time)));
    let negative = latest.iter().rev().find(|vote| vote.value < 0.0);
    put(group, "minutes since the last negative", negative.map_or(f64::NAN, |vote| minutes(now, vote.time)));
    let positive = latest.iter().rev().find(|vote| vote.value > 0.0);
    put(group, "minutes since the last positive", positive.map_or(f64::NAN, |vote| minutes(now, vote.time)));
    put(group, "lowest", latest.iter().map(|vote| vote.value).reduce(f64::min).unwrap_or(f64::NAN));
    put(group, "highest", latest.iter().map(|vote| vote.value).reduce(f64::max).unwrap_or(f64::NAN));
    windows(group, votes, now, put);

    let (mut weights, mut sum, mut negative) = (0.0, 0.0, 0.0);
    for vote in latest {
        let weight = 0.5_f64.powf(now.saturating_sub(vote.time) as f64 / (14 * DAY) as f64);
        weights += weight;
        sum += weight * vote.value;
        negative += if vote.value < 0.0 { weight } else { 0.0 };
    }
    put(group, "mean, half as heavy each 14 days", if weights > 1e-9 { sum / weights } else { f64::NAN });
    put(group, "weight of negatives, half each 14 days", negative);
}

fn windows(group: &'static str, votes: &Votes, now: i64, put: Put) {
    for (length, all, negative) in [
        (HOUR, "within an hour", "negatives within an hour"),
        (DAY, "within a day", "negatives within a day"),
        (7 * DAY, "within 7 days", "negatives within 7 days"),
        (30 * DAY, "within 30 days", "negatives within 30 days"),
    ] {
        let (count, negatives) = votes
            .after(now.saturating_sub(length))
            .fold((0, 0), |(count, negatives), vote| (count + 1, negatives + usize::from(vote.value < 0.0)));
        put(group, all, count as f64);
        put(group, negative, negatives as f64);
    }
}

fn mean_of(votes: &[Vote], count: usize) -> f64 {
    let last = votes.get(votes.len().saturating_sub(count)..).unwrap_or(&[]);
    if last.is_empty() { f64::NAN } else { last.iter().map(|vote| vote.value).sum::<f64>() / last.len() as f64 }
}

/// Returns how many ratings of the same sign came last. The number is negative for negative ratings.
fn run(votes: &[Vote]) -> f64 {
    let Some(last) = votes.last() else { return f64::NAN };
    let negative = last.value < 0.0;
    let length = votes.iter().rev().take_while(|vote| (vote.value < 0.0) == negative).count() as f64;
    if negative { -length } else { length }
}

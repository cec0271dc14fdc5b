//! Relations between two accounts: how they rated each other, third accounts that know both, raters who judge alike, and
//! accounts that were opened about the same time.

use std::collections::HashMap;

use super::{
    History,
    features::{Put, minutes, share},
    history::{Account, Vote},
};

/// How many of an account's latest votes are compared with others' one by one.
const COMPARED: usize = 200;
const WEEK: i64 = 7 * 24 * 3_600;

type End = (u64, Option<usize>);

pub(super) fn visit(history: &History, source: End, target: End, now: i64, put: Put) {
    let back = history.between(target.1, source.1);
    put("pair", "what the target said of the source", back.map_or(f64::NAN, |(value, _)| value));
    put("pair", "minutes since the target rated the source", back.map_or(f64::NAN, |(_, then)| minutes(now, then)));
    let before = history.between(source.1, target.1);
    put("pair", "what the source said of the target before", before.map_or(f64::NAN, |(value, _)| value));

    raters(history, target.1, put);
    triads(history, source.1, target.1, put);
    alike(history, source.1, target.1, put);
    neighbours(history, source, target, now, put);
}

fn mean(sum: f64, count: f64) -> f64 {
    if count > 0.0 { sum / count } else { f64::NAN }
}

/// Gives the worth of the target's raters.
fn raters(history: &History, target: Option<usize>, put: Put) {
    let votes = history.account(target).map_or(&[][..], |account| account.received.latest(COMPARED));
    let (mut fair, mut fair_sum, mut good, mut good_sum) = (0.0, 0.0, 0.0, 0.0);
    let (mut relative, mut standing, mut surprise) = (0.0, 0.0, 0.0);
    let mut known: usize = 0;
    for vote in votes {
        let Some(rater) = history.account(Some(vote.other)) else { continue };
        known += 1;
        fair += rater.fairness;
        fair_sum += rater.fairness * vote.value;
        let trusted = rater.goodness.max(0.0) * (rater.received.count() as f64).ln_1p();
        good += trusted;
        good_sum += trusted * vote.value;
        relative += vote.value - rater.given.mean().unwrap_or(0.0);
        standing += rater.goodness;
        let usual = (rater.given.negatives as f64 + 1.0) / (rater.given.count() as f64 + 10.0);
        surprise += if vote.value < 0.0 { -usual.ln() } else { (1.0 - usual).ln() };
    }
    put("raters of the target", "mean by fairness", mean(fair_sum, fair));
    put("raters of the target", "mean by trust", mean(good_sum, good));
    put("raters of the target", "sum by trust", good_sum);
    put("raters of the target", "mean beside the raters' own means", mean(relative, known as f64));
    put("raters of the target", "mean goodness", mean(standing, known as f64));
    put("raters of the target", "surprise of negatives", surprise);
}

/// Gives the third accounts: for each way in which one can know both, their number, and the mean of the products of the
/// ratings.
fn triads(history: &History, source: Option<usize>, target: Option<usize>, put: Put) {
    type Direction = fn(&Account) -> &[Vote];
    let given: Direction = |account| account.given.latest(COMPARED);
    let received: Direction = |account| account.received.latest(COMPARED);
    let mut by_target: HashMap<(bool, usize), f64> = HashMap::new();
    if let Some(account) = history.account(target) {
        by_target.extend(received(account).iter().map(|vote| ((true, vote.other), vote.value)));
        by_target.extend(given(account).iter().map(|vote| ((false, vote.other), vote.value)));
    }
    for (group, direction, rates_target) in [
        ("the source's rated who rated the target", given, true),
        ("the source's rated whom the target rated", given, false),
        ("the source's raters who rated the target", received, true),
        ("the source's raters whom the target rated", received, false),
    ] {
        let (mut count, mut products, mut said, mut distrusted) = (0.0, 0.0, 0.0, 0.0);
        for vote in history.account(source).map_or(&[][..], direction) {
            if let Some(other) = by_target.get(&(rates_target, vote.other)) {
                count += 1.0;
                products += vote.value * other;
                said += other;
                distrusted += f64::from(u8::from(vote.value < 0.0 || *other < 0.0));
            }
        }
        put(group, "count", count);
        put(group, "sum of products", products);
        put(group, "mean of what was said", mean(said, count));
        put(group, "negatives", distrusted);
    }
}

/// Gives the raters of the target who judged others as the source did, and their ratings.
fn alike(history: &History, source: Option<usize>, target: Option<usize>, put: Put) {
    let mut agreement: HashMap<usize, (f64, f64)> = HashMap::new();
    for vote in history.account(source).map_or(&[][..], |account| account.given.latest(COMPARED)) {
        for other in history.account(Some(vote.other)).map_or(&[][..], |rated| rated.received.latest(COMPARED)) {
            let entry = agreement.entry(other.other).or_default();
            entry.0 += 1.0;
            entry.1 += if (vote.value < 0.0) == (other.value < 0.0) { 1.0 } else { -1.0 };
        }
    }
    let (mut weights, mut sum, mut signed, mut common) = (0.0, 0.0, 0.0, 0.0);
    for vote in history.account(target).map_or(&[][..], |account| account.received.latest(COMPARED)) {
        if let Some((shared, agreed)) = agreement.get(&vote.other).filter(|_| Some(vote.other) != source) {
            // This counts as if two more judgements had been compared, one that agreed and one that did not.
            let weight = agreed / (shared + 2.0);
            common += 1.0;
            weights += weight.abs();
            sum += weight * vote.value;
            signed += weight * if vote.value < 0.0 { -1.0 } else { 1.0 };
        }
    }
    put("raters alike", "count", common);
    put("raters alike", "mean by likeness", if weights > 0.0 { sum / weights } else { f64::NAN });
    put("raters alike", "sum of signs by likeness", signed);
}

/// Gives the accounts that were opened about the same time, because somebody who opens many uses them for the same purpose.
fn neighbours(history: &History, (source, source_place): End, (target, target_place): End, now: i64, put: Put) {
    let (mut count, mut negatives, mut sum, mut recent, mut said, mut said_sum) = (0, 0, 0.0, 0, 0.0, 0.0);
    for (place, account) in history.opened_near(target, 5) {
        count += account.received.count();
        negatives += account.received.negatives;
        sum += account.received.sum;
        recent += account.received.after(now.saturating_sub(WEEK)).filter(|vote| vote.value < 0.0).count();
        if let Some((value, _)) = history.between(source_place, Some(place)) {
            said += 1.0;
            said_sum += value;
        }
    }
    put("accounts opened with the target", "ratings", count as f64);
    put("accounts opened with the target", "share of negatives", share(negatives, count));
    put("accounts opened with the target", "mean", mean(sum, count as f64));
    put("accounts opened with the target", "negatives within 7 days", recent as f64);
    put("accounts opened with the target", "rated by the source", said);
    put("accounts opened with the target", "mean of the source", mean(said_sum, said));

    let (mut votes, mut votes_sum, mut given, mut harsh) = (0.0, 0.0, 0, 0);
    for (place, account) in history.opened_near(source, 10) {
        given += account.given.count();
        harsh += account.given.negatives;
        if let Some((value, _)) = history.between(Some(place), target_place) {
            votes += 1.0;
            votes_sum += value;
        }
    }
    put("accounts opened with the source", "share of negatives given", share(harsh, given));
    put("accounts opened with the source", "that rated the target", votes);
    put("accounts opened with the source", "mean of the target", mean(votes_sum, votes));
}

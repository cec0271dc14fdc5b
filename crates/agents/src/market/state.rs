//! The state of a market: how much is sold and how easily, in which range, what was unusual, and what may honestly be said
//! about its direction.

use learning::statistics::{median, quantile};
use metta::Atom;
use serde::{Deserialize, Serialize};

use crate::{
    pricing::{History, Mood},
    rules::{Applied, RuleBase, RuleError},
    sales::Day,
};

/// Prices and counts of a day are compared with this many days before it.
const ANOMALY_DAYS: i32 = 30;
/// Anomalies are reported for this many days before `day`.
const ANOMALIES_OF: i32 = 7;

/// The state on a day, computed from sales of the days before it. Prices are in the market's currency.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct MarketState {
    pub day: String,
    /// The low percentile of the prices of 7 days.
    pub floor: Option<f64>,
    /// For 30 days: the median, and the range that held 80 % of prices.
    pub median: Option<f64>,
    pub low: Option<f64>,
    pub high: Option<f64>,
    pub sales_7_days: usize,
    pub sales_30_days: usize,
    /// Sum of prices of 7 days.
    pub volume_7_days: f64,
    /// Sales of 30 days over items ever sold.
    pub turnover: Option<f64>,
    /// Mean time between two sales in 30 days, in hours.
    pub hours_between_sales: Option<f64>,
    /// Upper over lower quartile of prices of 7 days.
    pub spread: Option<f64>,
    pub drift: Drift,
    /// Sales of 7 days over the weekly mean of the 28 days before.
    pub volume_ratio: Option<f64>,
    /// Buyers of 30 days over the monthly mean of the 90 days before.
    pub demand_ratio: Option<f64>,
    pub mood: Mood,
    pub anomalies: Vec<Anomaly>,
    /// The rules behind direction and mood.
    pub reasons: Vec<Applied>,
    /// The rule base's version.
    pub rules: String,
}

/// The daily change of the price level of similar items, and whether it may be called a direction.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Drift {
    /// Mean daily change of the log of the level.
    pub daily: Option<f64>,
    /// The same in standard errors.
    pub errors: Option<f64>,
    /// The direction in words. It is "no evidence of direction" unless it is significant.
    pub says: String,
}

/// A day on which something was unusual.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Anomaly {
    pub day: String,
    /// "price" or "sales".
    pub of: String,
    /// Robust standard deviations from the median.
    pub z: f64,
}

impl MarketState {
    /// Computes the state of the market on a day.
    ///
    /// # Errors
    /// When the rule base lacks a rule.
    pub fn on(history: &History, rules: &RuleBase, day: Day) -> Result<Self, RuleError> {
        let setting = |name: &str| rules.number(&[Atom::symbol(name)]);
        let month = prices(history, day, 30);
        let week = prices(history, day, 7);
        let price = |values: &[f64], level| quantile(values, level).map(f64::exp);
        let mut reasons = Vec::new();
        let (daily, errors) = drift(history, day, setting("trend-days")? as i32, setting("trend-fewest")? as usize);
        let direction = word(rules, "direction", Atom::float(errors.unwrap_or(0.0)), &mut reasons)?;
        let before = |days: i32, of: i32| history.window(day.plus(-of), days).len();
        let volume_ratio = ratio(week.len() as f64, before(28, 7) as f64 / 4.0);
        let demand_ratio = ratio(buyers(history, day, 30), buyers(history, day.plus(-30), 90) / 3.0);
        let mood = Mood {
            sentiment: word(rules, "sentiment", Atom::symbol(&direction), &mut reasons)?,
            volume: word(rules, "volume", Atom::float(volume_ratio.unwrap_or(1.0)), &mut reasons)?,
            demand: word(rules, "demand", Atom::float(demand_ratio.unwrap_or(1.0)), &mut reasons)?,
        };
        let says = match direction.as_str() {
            "rising" => "prices of like items rise",
            "falling" => "prices of like items fall",
            _ => "no evidence of direction",
        };
        Ok(Self {
            day: day.to_string(),
            floor: history.log_floor(day, 7).map(f64::exp),
            median: price(&month, 0.5),
            low: price(&month, 0.1),
            high: price(&month, 0.9),
            sales_7_days: week.len(),
            sales_30_days: month.len(),
            volume_7_days: week.iter().map(|price| price.exp()).sum(),
            turnover: ratio(month.len() as f64, history.items.len() as f64),
            hours_between_sales: ratio(30.0 * 24.0, month.len() as f64),
            spread: quantile(&week, 0.75).zip(quantile(&week, 0.25)).map(|(high, low)| (high - low).exp()),
            drift: Drift { daily, errors, says: says.to_owned() },
            volume_ratio,
            demand_ratio,
            mood,
            anomalies: anomalies(history, day, setting("anomaly-threshold")?),
            reasons,
            rules: rules.version().to_owned(),
        })
    }
}

fn word(rules: &RuleBase, name: &str, of: Atom, reasons: &mut Vec<Applied>) -> Result<String, RuleError> {
    rules.word(&[Atom::symbol(name), of], reasons)
}

fn ratio(value: f64, by: f64) -> Option<f64> {
    (by > 0.0).then(|| value / by)
}

fn prices(history: &History, day: Day, days: i32) -> Vec<f64> {
    history.records[history.window(day, days)].iter().map(|record| record.log_price).collect()
}

/// Returns how many accounts bought in the `days` days before `day`.
fn buyers(history: &History, day: Day, days: i32) -> f64 {
    let mut buyers: Vec<u64> = history.records[history.window(day, days)].iter().map(|record| record.buyer).collect();
    buyers.sort_unstable();
    buyers.dedup();
    buyers.len() as f64
}

/// Returns the mean daily change of the level over days with sales, and that mean in its standard errors. A walk without
/// direction has changes with mean 0. The noise of a day's level only widens the error, so a direction is claimed too rarely
/// rather than too often.
fn drift(history: &History, day: Day, days: i32, fewest: usize) -> (Option<f64>, Option<f64>) {
    let records = &history.records[history.window(day, days.clamp(1, 3650))];
    let levels: Vec<(Day, f64)> = records
        .chunk_by(|a, b| a.day == b.day)
        .filter_map(|sold| {
            let levels: Vec<f64> = sold.iter().map(|record| history.level(record)).collect();
            Some((sold.first()?.day, median(&levels)?))
        })
        .collect();
    let ([first, .., last], true) = (levels.as_slice(), levels.len() >= fewest.max(3)) else { return (None, None) };
    // Changes over gaps are spread over their days, as in a random walk: the change divided by the square root of the days has
    // equal variance.
    let total_days = f64::from(last.0.since(first.0));
    let daily = (last.1 - first.1) / total_days;
    let variance = levels
        .windows(2)
        .map(|pair| {
            let days = f64::from(pair[1].0.since(pair[0].0));
            let rest = pair[1].1 - pair[0].1 - daily * days;
            rest * rest / days
        })
        .sum::<f64>()
        / (levels.len() as f64 - 2.0);
    let error = (variance / total_days).sqrt();
    let errors = if error > 0.0 { daily / error } else { 0.0 };
    (Some(daily), Some(errors))
}

/// Returns the days of the last week whose level or number of sales was far from those of the 30 days before each.
fn anomalies(history: &History, day: Day, threshold: f64) -> Vec<Anomaly> {
    let mut found = Vec::new();
    let daily = |back: i32| {
        let sold = &history.records[history.window(day.plus(1 - back), 1)];
        let levels: Vec<f64> = sold.iter().map(|record| history.level(record)).collect();
        (median(&levels), (sold.len() as f64).ln_1p())
    };
    // The newest comes first, so yesterday is at the beginning.
    let days: Vec<_> = (1..=ANOMALIES_OF + ANOMALY_DAYS).map(daily).collect();
    for (back, days) in days.windows(ANOMALY_DAYS as usize + 1).enumerate().rev() {
        // There are at most ANOMALIES_OF of them.
        let ([(level, count), past @ ..], of) = (days, day.plus(-1 - back as i32)) else { continue };
        let levels: Vec<f64> = past.iter().filter_map(|day| day.0).collect();
        let counts: Vec<f64> = past.iter().map(|day| day.1).collect();
        let kinds = [("price", *level, levels, price_noise as fn(f64) -> f64), ("sales", Some(*count), counts, chance)];
        for (name, value, past, least) in kinds {
            if let Some(z) = value.and_then(|value| robust_z(value, &past, least))
                && z.abs() >= threshold
            {
                found.push(Anomaly { day: of.to_string(), of: name.to_owned(), z });
            }
        }
    }
    found
}

/// Returns the distance from the median in robust standard deviations, which are at least what `least` gives for that median.
/// `None` for fewer than ten values.
fn robust_z(value: f64, past: &[f64], least: fn(f64) -> f64) -> Option<f64> {
    let middle = median(past).filter(|_| past.len() >= 10)?;
    let deviations: Vec<f64> = past.iter().map(|other| (other - middle).abs()).collect();
    let spread = 1.4826 * median(&deviations)?;
    Some((value - middle) / spread.max(least(middle)))
}

/// Returns the least deviation of prices: no price is unusual by less than 1 %.
fn price_noise(_: f64) -> f64 {
    0.01
}

/// Returns the standard deviation of the logarithm of 1 + the number of sales when sales come by chance (Poisson), given the
/// logarithm for their usual number. However similar the days before were, one sale more or less says little in a market of a
/// few sales a day.
fn chance(usual: f64) -> f64 {
    let mean = usual.exp_m1().max(1.0);
    mean.sqrt() / (1.0 + mean)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sales::{Item, Sale};

    /// Returns a market with forty days of ten sales each, at the price that `price` gives for the day.
    fn market(price: impl Fn(i32) -> f64, sales: impl Fn(i32) -> u64) -> (History, Day) {
        let mut history = History::default();
        for day in 0..40 {
            let sold: Vec<Sale> = (0..sales(day))
                .map(|item| Sale {
                    day: Day(day),
                    item: Item { id: item, traits: vec![] },
                    seller: item,
                    buyer: item + 100 * day as u64,
                    price: price(day) * (1.0 + 0.01 * (item % 3) as f64),
                })
                .collect();
            history.add(Day(day), &sold);
        }
        (history, Day(40))
    }

    fn state(price: impl Fn(i32) -> f64, sales: impl Fn(i32) -> u64) -> MarketState {
        let (history, day) = market(price, sales);
        MarketState::on(&history, &RuleBase::market().unwrap(), day).unwrap()
    }

    #[test]
    fn claims_a_direction_only_with_evidence() {
        for (name, price, sentiment, says) in [
            ("rise", (|day| 1.03f64.powi(day)) as fn(i32) -> f64, "bullish", "prices of like items rise"),
            ("fall", |day| 0.97f64.powi(day), "bearish", "prices of like items fall"),
            ("up and down", |day| if day % 2 == 0 { 1.0 } else { 1.1 }, "neutral", "no evidence of direction"),
            ("one jump", |day| if day < 20 { 1.0 } else { 1.2 }, "neutral", "no evidence of direction"),
        ] {
            let state = state(price, |_| 10);
            assert_eq!(
                (state.mood.sentiment.as_str(), state.drift.says.as_str()),
                (sentiment, says),
                "{name}: {:?}",
                state.drift
            );
            assert!(state.reasons.iter().any(|rule| rule.place.starts_with("market.metta:")));
        }
    }

    #[test]
    fn words_follow_the_thresholds() {
        for (sales, volume) in [
            ((|_| 10) as fn(i32) -> u64, "stable"),
            (|day| if day < 33 { 10 } else { 13 }, "increasing"),
            (|day| if day < 33 { 10 } else { 7 }, "decreasing"),
        ] {
            assert_eq!(state(|_| 1.0, sales).mood.volume, volume);
        }
        assert_eq!(state(|_| 1.0, |_| 10).mood.demand, "high", "all buyers are new, and there were ten days before");
    }

    #[test]
    fn tells_days_out_of_the_ordinary() {
        let state = state(|day| if day == 38 { 3.0 } else { 1.0 }, |day| if day == 37 { 200 } else { 10 });
        let found: Vec<_> = state.anomalies.iter().map(|found| (found.day.as_str(), found.of.as_str())).collect();
        assert_eq!(found, [(Day(37).to_string().as_str(), "sales"), (Day(38).to_string().as_str(), "price")]);
    }

    #[test]
    fn a_sale_more_or_less_a_day_is_ordinary_where_there_are_few() {
        let found = |sales: fn(i32) -> u64| {
            let found = state(|_| 1.0, sales).anomalies.into_iter();
            found.map(|found| (found.day, found.of)).collect::<Vec<_>>()
        };
        assert_eq!(found(|day| if day == 37 { 3 } else { 2 }), []);
        assert_eq!(found(|day| u64::from(day > 36)), [], "the first sales of all");
        assert_eq!(found(|day| if day == 37 { 40 } else { 2 }), [(Day(37).to_string(), "sales".to_owned())]);
    }

    #[test]
    fn an_empty_market_has_a_state() {
        let state = MarketState::on(&History::default(), &RuleBase::market().unwrap(), Day(1)).unwrap();
        assert_eq!((state.floor, state.sales_30_days, state.mood), (None, 0, Mood::default()));
        assert_eq!(state.drift.says, "no evidence of direction");
    }
}

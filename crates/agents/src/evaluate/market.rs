//! Predictions of weeks: week (its Monday), price_pred, lo80, hi80, count_pred, for every week with a test sale.

use std::{collections::BTreeMap, fmt::Write, path::Path};

use learning::statistics::median;

use super::{EvaluateError, Figures, Sales, coverage, mean};
use crate::{
    csv::Table,
    market::WeekForecaster,
    pricing::{History, LOWEST_RATIO, State},
    sales::{Day, by_day},
};

const HEADER: &str = "week,price_pred,lo80,hi80,count_pred\n";

pub(super) fn predict(sales: &Sales) -> String {
    let mut out = HEADER.to_owned();
    let Some(start) = sales.sales.get(sales.first).map(|sale| sale.day.monday()) else { return out };
    let mut forecaster = WeekForecaster::default();
    let mut newest = None;
    for (day, today) in by_day(&sales.sales) {
        let week = day.monday();
        if week >= start && newest != Some(week) {
            newest = Some(week);
            // Before the first week is over, nothing is known.
            let (price, low, high, count) = match forecaster.forecast(day) {
                Some(f) => (f.price, f.low80, f.high80, f.count),
                None => (1.0, 0.01, 100.0, 0.0),
            };
            // Writing to a String does not fail.
            let _ = writeln!(out, "{week},{price:.6},{low:.6},{high:.6},{count:.3}");
        }
        forecaster.learn(day, today);
    }
    out
}

/// A week's median log price, and its sales at a price.
struct Week {
    log_prices: Vec<f64>,
    count: u32,
}

pub(super) fn score(sales: &Sales, predictions: &Path) -> Result<Figures, EvaluateError> {
    let weeks = weeks(sales);
    let start = sales.sales.get(sales.first).map(|sale| sale.day.monday());
    let table = Table::read(predictions)?;
    let [week, price, low, high, count] =
        ["week", "price_pred", "lo80", "hi80", "count_pred"].map(|name| table.column(name));
    let (week, price, low, high, count) = (week?, price?, low?, high?, count?);
    let mut errors: BTreeMap<&str, Vec<f64>> = BTreeMap::new();
    let (mut truths, mut ranges) = (Vec::new(), Vec::new());
    let all: Vec<&Week> = weeks.values().collect();
    let mut rows = table.rows();
    for (at, (monday, now)) in weeks.iter().enumerate().filter(|(_, (monday, _))| Some(**monday) >= start) {
        let row = rows.next().ok_or_else(|| EvaluateError::Predictions(format!("they end before {monday}")))??;
        if row.text(week) != monday.to_string() {
            return Err(row.error(format!("not the week of {monday}")).into());
        }
        let said = row.number(count, "count")?;
        errors.entry("count sMAPE, %").or_default().push(smape(said, f64::from(now.count)));
        let before = all.get(..at).unwrap_or(&[]);
        let recent: Vec<f64> = before.iter().rev().take(4).map(|week| f64::from(week.count)).collect();
        if let Some(last) = recent.first() {
            errors.entry("count sMAPE, % of no change").or_default().push(smape(*last, f64::from(now.count)));
            errors
                .entry("count sMAPE, % of four-week mean")
                .or_default()
                .push(smape(mean(&recent), f64::from(now.count)));
        }
        let Some(truth) = median(&now.log_prices) else { continue };
        truths.push(truth);
        ranges.push((row.number(low, "price")?.ln(), row.number(high, "price")?.ln()));
        errors.entry("price MAE of the log").or_default().push((row.number(price, "price")?.ln() - truth).abs());
        if let Some(last) = before.last().and_then(|week| median(&week.log_prices)) {
            errors.entry("price MAE of the log of no change").or_default().push((last - truth).abs());
        }
    }
    let mut figures = Figures::default();
    figures.push("weeks", truths.len() as f64);
    for (name, errors) in errors {
        figures.push(name, mean(&errors));
    }
    let widths: Vec<f64> = ranges.iter().map(|range| range.1 - range.0).collect();
    figures.push("coverage of 80 % ranges, %", 100.0 * coverage(&truths, &ranges));
    figures.push("hi/lo of 80 %, geometric mean", mean(&widths).exp());
    Ok(figures)
}

fn smape(said: f64, truth: f64) -> f64 {
    200.0 * (said - truth).abs() / (said.abs() + truth.abs()).max(f64::MIN_POSITIVE)
}

fn weeks(sales: &Sales) -> BTreeMap<Day, Week> {
    let mut history = History::default();
    let mut weeks = BTreeMap::new();
    for (day, today) in by_day(&sales.sales) {
        let week = weeks.entry(day.monday()).or_insert(Week { log_prices: Vec::new(), count: 0 });
        let state = State::on(&history, day);
        for sale in today.iter().filter(|sale| sale.price > 0.0) {
            week.count += 1;
            if state.as_ref().is_some_and(|state| sale.price.ln() - state.log_floor >= LOWEST_RATIO.ln()) {
                week.log_prices.push(sale.price.ln());
            }
        }
        history.add(day, today);
    }
    weeks
}

//! Predictions of prices: date, punk_id, pred, lo80, hi80, lo90, hi90, abstain, for every test sale at a price.

use std::{collections::BTreeMap, fmt::Write, path::Path};

use learning::statistics::median;

use super::{EvaluateError, Figures, Sales, coverage, mean};
use crate::{
    csv::Table,
    pricing::{AT_ONCE, Forecast, Forecaster, HIGHEST_RATIO, History, LOWEST_RATIO, Limits, Range, Settings, State},
    rules::RuleBase,
    sales::{Day, Sale, by_day},
};

const HEADER: &str = "date,punk_id,pred,lo80,hi80,lo90,hi90,abstain\n";
/// For this many days before the test, forecasts are made too, so that the margins of intervals are known when it
/// starts.
const CALIBRATION: i32 = 60;

pub(super) fn predict(sales: &Sales, progress: &mut dyn FnMut(&str)) -> Result<String, EvaluateError> {
    let mut out = HEADER.to_owned();
    let Some(start) = sales.sales.get(sales.first).map(|sale| sale.day) else { return Ok(out) };
    let mut forecaster = Forecaster::new(Settings::default());
    let limits = Limits::new(&RuleBase::pricing()?, &mut Vec::new())?;
    let mut at = 0;
    for (day, today) in by_day(&sales.sales) {
        let mut forecasts = Vec::new();
        if day >= start.plus(-CALIBRATION) {
            if forecaster.refit(day)? {
                progress(&format!("{day}: fitted anew, from {} sales", forecaster.history().len()));
            }
            for sales_at_once in today.chunks(AT_ONCE) {
                let said = forecaster.forecasts(day, sales_at_once);
                for (place, sale) in sales_at_once.iter().enumerate() {
                    if at + place >= sales.first && sale.price > 0.0 {
                        let forecast = said.get(place);
                        let doubted = forecast.is_none_or(|said| forecaster.doubt(said, day, limits).is_some());
                        write_row(&mut out, sale, forecast, doubted);
                    }
                }
                at += sales_at_once.len();
                forecasts = if forecasts.is_empty() { said } else { forecasts };
            }
        } else {
            at += today.len();
        }
        forecaster.learn(day, today, &forecasts)?;
    }
    Ok(out)
}

fn write_row(out: &mut String, sale: &Sale, forecast: Option<&Forecast>, doubted: bool) {
    // Before the very first sale, nothing is known. The forecast is 1, in any currency, and abstains.
    let (price, range80, range90) =
        forecast.map_or((0.0, UNKNOWN, UNKNOWN), |said| (said.log_price, said.range80, said.range90));
    let numbers = [price, range80.low, range80.high, range90.low, range90.high];
    let [price, low80, high80, low90, high90] = numbers.map(f64::exp);
    let (day, item, abstain) = (sale.day, sale.item.id, u8::from(doubted));
    // Writing to a String does not fail.
    let _ = writeln!(out, "{day},{item},{price:.6},{low80:.6},{high80:.6},{low90:.6},{high90:.6},{abstain}");
}

const UNKNOWN: Range = Range { low: -5.0, high: 5.0 };

/// A prediction and its outcome, as logarithms.
struct Outcome {
    truth: f64,
    predicted: f64,
    range80: (f64, f64),
    range90: (f64, f64),
    abstained: bool,
    last_sale: Option<f64>,
    median20: Option<f64>,
}

pub(super) fn score(sales: &Sales, predictions: &Path) -> Result<Figures, EvaluateError> {
    let outcomes = outcomes(sales, predictions)?;
    let mut figures = Figures::default();
    let (said, all): (Vec<_>, Vec<_>) =
        (outcomes.iter().filter(|row| !row.abstained).collect(), outcomes.iter().collect());
    figures.push("rows", all.len() as f64);
    figures.push("share abstained, %", 100.0 * (all.len() - said.len()) as f64 / all.len() as f64);
    for (label, rows) in [("", all), (" without abstained", said)] {
        let truths: Vec<f64> = rows.iter().map(|row| row.truth).collect();
        let pairs = |of: fn(&Outcome) -> Option<f64>| -> Vec<(f64, f64)> {
            rows.iter().filter_map(|row| Some((row.truth, of(row)?))).collect()
        };
        errors(&mut figures, label, &pairs(|row| Some(row.predicted)));
        for (level, of) in [("80", (|row| row.range80) as fn(&Outcome) -> (f64, f64)), ("90", |row| row.range90)] {
            let ranges: Vec<_> = rows.iter().map(|row| of(row)).collect();
            let widths: Vec<f64> = ranges.iter().map(|range| range.1 - range.0).collect();
            figures.push(format!("coverage of {level} % ranges, %{label}"), 100.0 * coverage(&truths, &ranges));
            figures.push(format!("hi/lo of {level} %, geometric mean{label}"), mean(&widths).exp());
            figures.push(format!("hi/lo of {level} %, median{label}"), median(&widths).unwrap_or(f64::NAN).exp());
        }
        if label.is_empty() {
            errors(&mut figures, " of last sale", &pairs(|row| row.last_sale));
            errors(&mut figures, " of median of last 20", &pairs(|row| row.median20));
        }
    }
    Ok(figures)
}

fn errors(figures: &mut Figures, label: &str, pairs: &[(f64, f64)]) {
    let shares: Vec<f64> = pairs.iter().map(|(truth, said)| ((said - truth).exp() - 1.0).abs()).collect();
    let squares: Vec<f64> = pairs.iter().map(|(truth, said)| (said - truth) * (said - truth)).collect();
    figures.push(format!("MdAPE, %{label}"), 100.0 * median(&shares).unwrap_or(f64::NAN));
    figures.push(format!("RMSE of the log{label}"), mean(&squares).sqrt());
}

/// Returns the test's sales between 0.25 and 500 times the floor of the 7 days before: prices outside are not real
/// sales.
fn outcomes(sales: &Sales, predictions: &Path) -> Result<Vec<Outcome>, EvaluateError> {
    let table = Table::read(predictions)?;
    let columns = ["date", "punk_id", "pred", "lo80", "hi80", "lo90", "hi90", "abstain"].map(|name| table.column(name));
    let mut rows = table.rows();
    let mut history = History::default();
    let mut last_prices = BTreeMap::new();
    let mut prices: Vec<f64> = Vec::new();
    let (mut outcomes, mut at) = (Vec::new(), 0);
    let [date, item, columns @ ..] = columns;
    let (date, item) = (date?, item?);
    let columns = columns.into_iter().collect::<Result<Vec<usize>, _>>()?;
    for (day, today) in by_day(&sales.sales) {
        let state = State::on(&history, day);
        let median20 = median(&prices[prices.len().saturating_sub(20)..]);
        for (place, sale) in today.iter().enumerate() {
            if at + place < sales.first || sale.price <= 0.0 {
                continue;
            }
            let row = rows.next().ok_or_else(|| EvaluateError::Predictions(format!("they end before {day}")))??;
            if row.text(date) != day.to_string() || row.parse::<u64>(item, "number of an item")? != sale.item.id {
                return Err(row.error(format!("not the sale of {} on {day}", sale.item.id)).into());
            }
            let numbers =
                columns.iter().map(|column| row.number(*column, "number")).collect::<Result<Vec<f64>, _>>()?;
            let [predicted, low80, high80, low90, high90, abstain] = numbers[..] else { continue };
            let truth = sale.price.ln();
            let ratio = state.as_ref().map_or(f64::NAN, |state| (truth - state.log_floor).exp());
            if (LOWEST_RATIO..=HIGHEST_RATIO).contains(&ratio) {
                outcomes.push(Outcome {
                    truth,
                    predicted: predicted.ln(),
                    range80: (low80.ln(), high80.ln()),
                    range90: (low90.ln(), high90.ln()),
                    abstained: abstain != 0.0,
                    last_sale: last_prices.get(&sale.item.id).copied(),
                    median20,
                });
            }
        }
        at += today.len();
        learn(day, today, &mut history, &mut last_prices, &mut prices);
    }
    match rows.next() {
        Some(row) => Err(row?.error("more predictions than sales").into()),
        None => Ok(outcomes),
    }
}

fn learn(day: Day, today: &[Sale], history: &mut History, last: &mut BTreeMap<u64, f64>, prices: &mut Vec<f64>) {
    history.add(day, today);
    for sale in today.iter().filter(|sale| sale.price > 0.0) {
        last.insert(sale.item.id, sale.price.ln());
        prices.push(sale.price.ln());
    }
}

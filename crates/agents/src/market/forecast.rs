//! The next week's price and number of sales: forecasts of simple experts, weighted by how well each did lately.
//!
//! Weekly prices are close to a random walk, which no single rule beats for long. A mean over experts that were right lately
//! (Bates and Granger 1969: weights by the inverse of squared errors, here discounted, and its third power) is as good as the
//! best of them in most years.

use learning::conformal::{Conformal, Outcome};

use crate::{
    pricing::{History, median_log_price},
    sales::{Day, Sale},
};

/// The result of a week, or its forecast.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct WeekForecast {
    /// Its Monday.
    pub week: Day,
    /// The median price, and the range that covers 80 % of outcomes.
    pub price: f64,
    pub low80: f64,
    pub high80: f64,
    /// Sales at a price.
    pub count: f64,
}

#[derive(Clone, Copy, Debug)]
struct Week {
    /// The logarithm of the median price, or that of the week before if nothing was sold.
    log_price: f64,
    /// ln(1 + sales).
    log_count: f64,
}

/// Learns day by day, and forecasts a week when the one before is over.
#[derive(Clone, Debug)]
pub struct WeekForecaster {
    history: History,
    /// The current week, with its sales so far.
    current: Option<(Day, u32)>,
    weeks: Vec<Week>,
    price: Experts,
    count: Experts,
    /// The recent mean absolute error of the price, which determines the width of the band.
    scale: f64,
    conformal: Conformal,
    forecast: Option<(Forecast, Option<f64>)>,
}

#[derive(Clone, Copy, Debug)]
struct Forecast {
    log_price: f64,
    log_count: f64,
    scale: f64,
}

impl Default for WeekForecaster {
    fn default() -> Self {
        Self {
            history: History::default(),
            current: None,
            weeks: Vec::new(),
            price: Experts::default(),
            count: Experts::default(),
            scale: 0.2,
            conformal: Conformal::with_window(0.8, 104, 0.02),
            forecast: None,
        }
    }
}

impl WeekForecaster {
    /// Returns the forecast for the week of `day`, from the weeks before it. `None` as long as no week is over.
    pub fn forecast(&mut self, day: Day) -> Option<WeekForecast> {
        let week = day.monday();
        self.advance(week);
        let (Forecast { log_price, log_count, scale }, margin) = self.forecast?;
        let half = margin.unwrap_or(1.0).max(0.0) * scale;
        Some(WeekForecast {
            week,
            price: log_price.exp(),
            low80: (log_price - half).exp(),
            high80: (log_price + half).exp(),
            count: log_count.exp_m1().max(0.0),
        })
    }

    /// Adds a whole day.
    pub fn learn(&mut self, day: Day, sales: &[Sale]) {
        self.advance(day.monday());
        self.history.add(day, sales);
        let priced = sales.iter().filter(|sale| sale.price > 0.0).count() as u32;
        if let Some((_, count)) = &mut self.current {
            *count = count.saturating_add(priced);
        }
    }

    /// Closes the weeks before `week`.
    fn advance(&mut self, week: Day) {
        let (mut running, mut count) = *self.current.get_or_insert((week, 0));
        // A gap of years says no more than a gap of a hundred weeks.
        if week.since(running) > 700 {
            running = week.plus(-700);
        }
        while running < week {
            self.close(running, count);
            running = running.plus(7);
            count = 0;
        }
        if week >= running {
            self.current = Some((running, count));
        }
    }

    fn close(&mut self, monday: Day, count: u32) {
        let window = self.history.window(monday.plus(7), 7);
        let sold = median_log_price(&self.history, window);
        let Some(log_price) = sold.or_else(|| self.weeks.last().map(|week| week.log_price)) else { return };
        let week = Week { log_price, log_count: f64::from(count).ln_1p() };
        if let Some((forecast, margin)) = self.forecast {
            if sold.is_some() {
                let error = (log_price - forecast.log_price).abs();
                self.conformal.observe(margin, [Outcome { value: error / forecast.scale, low: 0.0, high: 0.0 }]);
                self.scale = (0.85 * self.scale + 0.15 * error).max(0.005);
                self.price.learn(log_price);
            }
            self.count.learn(week.log_count);
        }
        self.weeks.push(week);
        self.price.say(price_experts(&self.history, &self.weeks, monday.plus(7)));
        self.count.say(count_experts(&self.weeks));
        let forecast = Forecast { log_price: self.price.mean(), log_count: self.count.mean(), scale: self.scale };
        self.forecast = Some((forecast, self.conformal.margin()));
    }
}

/// Several forecasts, with the recent errors of each.
#[derive(Clone, Debug, Default)]
struct Experts {
    said: Vec<f64>,
    /// Discounted sums of squared errors.
    errors: Vec<f64>,
}

impl Experts {
    fn say(&mut self, said: Vec<f64>) {
        self.errors.resize(said.len(), 0.0);
        self.said = said;
    }

    fn learn(&mut self, truth: f64) {
        for (said, error) in self.said.iter().zip(&mut self.errors) {
            *error = 0.95 * *error + (said - truth) * (said - truth);
        }
    }

    fn mean(&self) -> f64 {
        let weights = || self.errors.iter().map(|error| (error + 0.01).powi(-3));
        let sum: f64 = weights().zip(&self.said).map(|(weight, said)| weight * said).sum();
        sum / weights().sum::<f64>()
    }
}

fn mean_of(weeks: &[Week], count: usize, of: fn(&Week) -> f64) -> f64 {
    let latest = &weeks[weeks.len().saturating_sub(count)..];
    latest.iter().map(of).sum::<f64>() / latest.len() as f64
}

fn price_experts(history: &History, weeks: &[Week], monday: Day) -> Vec<f64> {
    let price = |week: &Week| week.log_price;
    let last = mean_of(weeks, 1, price);
    let two = mean_of(weeks, 2, price);
    let all = history.window(monday, i32::MAX);
    let of_latest = |count: usize| median_log_price(history, all.end.saturating_sub(count)..all.end).unwrap_or(last);
    let days = history.window(monday, 3);
    let lately = if days.len() >= 5 { median_log_price(history, days).unwrap_or(last) } else { last };
    vec![last, two, of_latest(50), lately, last + 0.3 * (last - two)]
}

/// Returns means of the latest weeks, and the same drawn towards the mean of half a year, because busy and quiet times end.
fn count_experts(weeks: &[Week]) -> Vec<f64> {
    let [last, two, four, eight, half_year] =
        [1, 2, 4, 8, 26].map(|count| mean_of(weeks, count, |week| week.log_count));
    let drawn = |lately: f64| 0.7 * lately + 0.3 * half_year;
    vec![last, two, four, eight, drawn(last), drawn(two), drawn(four)]
}

//! Measures how long advice takes with a market's history in memory: `latency [SALES] [QUESTIONS]`, by default 100 000
//! and 1000. Prints `name value` lines in milliseconds, and how long learning took in seconds.

#![allow(clippy::expect_used, clippy::unwrap_used, reason = "a measurement that fails ends there")]

#[path = "../../learning/tests/noise/mod.rs"]
mod noise;

use std::{error::Error, hint::black_box, time::Instant};

use agents::{
    market::MarketState,
    pricing::{Facts, Forecaster, Question, Settings, Today, advise},
    rules::RuleBase,
    sales::{Day, Item, Sale},
};
use noise::noise;

fn traits(next: &mut impl FnMut() -> f64) -> Vec<String> {
    let kinds = ["image", "code", "music", "text"];
    let mut traits = vec![format!("kind:{}", kinds[(next() * 4.0) as usize])];
    for place in 0..4 {
        // Few traits are frequent, many are rare.
        traits.push(format!("{place}:{}", (next() * next() * 40.0) as u32));
    }
    traits
}

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1).map(|argument| argument.parse::<u64>());
    let count = arguments.next().transpose()?.unwrap_or(100_000);
    let questions = arguments.next().transpose()?.unwrap_or(1000);
    let mut next = noise(1);
    let works: Vec<Item> = (0..count / 10 + 1).map(|id| Item { id, traits: traits(&mut next) }).collect();
    let pick = |part: f64| works[(part * works.len() as f64) as usize].clone();
    let (pricing, market) = (RuleBase::pricing()?, RuleBase::market()?);
    let start = Instant::now();
    let mut forecaster = Forecaster::new(Settings::default());
    let last = 1000;
    for day in 0..last {
        let today: Vec<Sale> = (0..count / last)
            .map(|_| {
                let item = pick(next());
                let worth = item.traits.iter().map(|name| name.len() as f64 / 10.0).sum::<f64>();
                let price = (worth + 0.3 * (next() - 0.5)).exp() * 1.001f64.powi(day as i32);
                let (seller, buyer) = ((next() * 5000.0) as u64, (next() * 5000.0) as u64);
                Sale { day: Day(day as i32), item, seller, buyer, price }
            })
            .collect();
        forecaster.learn(Day(day as i32), &today, &[])?;
    }
    println!("learned_s {:.3}", start.elapsed().as_secs_f64());
    let start = Instant::now();
    let day = Day(last as i32);
    forecaster.refit(day)?;
    println!("fitted_s {:.3}", start.elapsed().as_secs_f64());

    let mut times = Vec::new();
    for _ in 0..questions.clamp(1, 200) {
        let start = Instant::now();
        black_box(MarketState::on(forecaster.history(), &market, day)?);
        times.push(start.elapsed().as_secs_f64() * 1000.0);
    }
    tell("market", times);
    let today = Today::new(&forecaster, &market, day)?;
    let mut times = Vec::new();
    for _ in 0..questions {
        let Item { id, traits } = pick(next());
        let question = Question {
            work: id,
            traits,
            facts: Facts {
                kind: "Digital".to_owned(),
                region: "Global".to_owned(),
                utilities: vec!["usage_rights".to_owned()],
                reputation: 60.0,
                elasticity: None,
            },
            seller: Some((next() * 5000.0) as u64),
        };
        let start = Instant::now();
        black_box(advise(&forecaster, &today, &pricing, &question)?);
        times.push(start.elapsed().as_secs_f64() * 1000.0);
    }
    tell("pricing", times);
    Ok(())
}

fn tell(name: &str, mut times: Vec<f64>) {
    times.sort_unstable_by(f64::total_cmp);
    for (label, level) in [("p50", 0.5), ("p99", 0.99)] {
        let time = learning::statistics::sorted_quantile(&times, level).unwrap_or(f64::NAN);
        println!("{name}_{label}_ms {time:.3}");
    }
}

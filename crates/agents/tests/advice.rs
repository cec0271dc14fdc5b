//! Advice on prices: it is right where the truth is known, honest where it is not, and gives the same
//! bytes again.

#![allow(clippy::expect_used, clippy::unwrap_used, reason = "what fails in a test panics")]

#[path = "../../learning/tests/noise/mod.rs"]
mod noise;

use agents::{
    pricing::{Advice, Doubt, Facts, Forecaster, Question, Settings, Today, advise},
    rules::RuleBase,
    sales::{Day, Item, Sale},
};
use noise::noise;

/// Returns six sales a day at a price of 10, twice that for gold, with 5 % noise, by two sellers.
fn market(days: i32) -> Vec<Sale> {
    let mut next = noise(7);
    let mut sales = Vec::new();
    for day in 0..days {
        for _ in 0..6 {
            let gold = next() < 0.3;
            let id = (next() * 500.0) as u64;
            let price = 10.0 * if gold { 2.0 } else { 1.0 } * (1.0 + 0.1 * (next() - 0.5));
            let item = Item { id, traits: traits(gold) };
            sales.push(Sale {
                day: Day(day),
                item,
                seller: (next() * 2.0) as u64,
                buyer: (next() * 90.0) as u64,
                price,
            });
        }
    }
    sales
}

fn traits(gold: bool) -> Vec<String> {
    vec!["kind:image".to_owned(), if gold { "gold" } else { "plain" }.to_owned()]
}

fn forecaster(sales: &[Sale], fitted: Day) -> Forecaster {
    let mut forecaster = Forecaster::new(Settings::default());
    for (day, today) in agents::sales::by_day(sales) {
        forecaster.learn(day, today, &[]).unwrap();
    }
    forecaster.refit(fitted).unwrap();
    forecaster
}

fn question(gold: bool) -> Question {
    let facts = Facts {
        kind: "Phygital".to_owned(),
        region: "Mumbai".to_owned(),
        utilities: vec!["revenue_share".to_owned()],
        reputation: 95.0,
        elasticity: Some(-2.0),
    };
    Question { work: 1000, traits: traits(gold), facts, seller: None }
}

fn ask(forecaster: &Forecaster, day: Day, question: &Question) -> Advice {
    let today = Today::new(forecaster, &RuleBase::market().unwrap(), day).unwrap();
    advise(forecaster, &today, &RuleBase::pricing().unwrap(), question).unwrap()
}

fn number(decimal: rust_decimal::Decimal) -> f64 {
    decimal.to_string().parse().unwrap()
}

#[test]
fn the_model_leads_once_there_are_sales() {
    let forecaster = forecaster(&market(80), Day(80));
    for (gold, price) in [(true, 20.0), (false, 10.0)] {
        let advice = ask(&forecaster, Day(80), &question(gold));
        let fair = number(advice.fair);
        assert!((fair / price - 1.0).abs() < 0.04, "{fair} for {price}");
        assert!(advice.range90.low <= advice.range80.low && advice.range80.low <= advice.fair);
        assert!(advice.fair <= advice.range80.high && advice.range80.high <= advice.range90.high);
        assert!(number(advice.range90.high) / number(advice.range90.low) < 1.5, "{:?}", advice.range90);
        assert_eq!(advice.abstains, None);
        assert_eq!(advice.comparables.len(), 5);
        assert!(
            advice
                .comparables
                .iter()
                .all(|other| (number(other.price) / price - 1.0).abs() < 0.1 && other.likeness == 1.0)
        );
        assert!(!advice.effects.is_empty() && advice.model.is_some());
        assert!(
            advice.rules.iter().any(|rule| rule.call == "(list-share)" && rule.place.starts_with("pricing.metta:"))
        );
        // With elastic demand, the price is 5 % above the fair price, less a tenth.
        assert!((number(advice.suggestions.list) / fair - 1.05 * 0.9).abs() < 1e-4);
        assert!((number(advice.suggestions.licence) / fair - 0.15).abs() < 1e-4);
        assert!(advice.suggestions.reserve <= advice.suggestions.list);
    }
}

#[test]
fn the_rules_say_the_price_of_a_cold_start() {
    let advice = ask(&Forecaster::new(Settings::default()), Day(1), &question(true));
    // The price is 2.5 x 1.2 x 1.8 x 1.8 in a neutral market.
    assert_eq!(advice.fair.to_string(), "9.72");
    assert_eq!(
        (advice.range80.low.to_string(), advice.range80.high.to_string()),
        ("3.24".to_owned(), "29.16".to_owned())
    );
    assert_eq!(advice.abstains.map(|abstention| abstention.doubt), Some(Doubt::NoModel));
    assert_eq!((advice.model, advice.comparables.len()), (None, 0));
    for call in ["(base Phygital)", "(region-factor Mumbai)", "(utility-factor revenue_share)", "(prior-spread 80)"] {
        assert!(advice.rules.iter().any(|rule| rule.call == call), "{call} in {:?}", advice.rules);
    }
}

#[test]
fn old_sales_are_not_relied_on() {
    let forecaster = forecaster(&market(80), Day(80));
    let advice = ask(&forecaster, Day(500), &question(true));
    assert_eq!(advice.abstains.map(|abstention| abstention.doubt), Some(Doubt::FewSales));
}

#[test]
fn the_same_inputs_give_the_same_bytes_and_others_another_hash() {
    let sales = market(60);
    let bytes = |sales: &[Sale], gold| {
        let advice = ask(&forecaster(sales, Day(60)), Day(60), &question(gold));
        (serde_json::to_string(&advice).unwrap(), advice.inputs)
    };
    let (first, inputs) = bytes(&sales, true);
    assert_eq!(bytes(&sales, true).0, first);
    assert_ne!(bytes(&sales, false).1, inputs);
    let mut other = sales.clone();
    other[17].price += 0.01;
    assert_ne!(bytes(&other, true).1, inputs);
    let advice: Advice = serde_json::from_str(&first).unwrap();
    assert_eq!(advice.inputs, inputs);
}

#[test]
fn strange_prices_are_left_out() {
    let mut sales = market(60);
    for (place, price) in [(3, f64::NAN), (50, f64::INFINITY), (90, -5.0), (120, 0.0), (200, 1e300), (300, 1e-300)] {
        sales[place].price = price;
    }
    let advice = ask(&forecaster(&sales, Day(60)), Day(60), &question(false));
    assert!((number(advice.fair) / 10.0 - 1.0).abs() < 0.05, "{}", advice.fair);
}

#[test]
fn unknown_words_are_named() {
    let forecaster = Forecaster::new(Settings::default());
    let today = Today::new(&forecaster, &RuleBase::market().unwrap(), Day(1)).unwrap();
    let mut question = question(true);
    question.facts.region = "Atlantis".to_owned();
    let error = advise(&forecaster, &today, &RuleBase::pricing().unwrap(), &question).unwrap_err();
    assert!(error.to_string().contains("(region-factor Atlantis)"), "{error}");
}

/// What a forecaster knows besides its history can be stored, and taken over by another one later.
#[test]
fn what_was_kept_says_the_same_again() {
    let sales = market(70);
    let mut first = Forecaster::new(Settings::default());
    first.live(&sales).unwrap();
    let knowledge = first.knowledge().unwrap();
    let mut second = Forecaster::new(Settings::default());
    assert_eq!(second.knowledge(), None);
    for (day, today) in agents::sales::by_day(&sales) {
        second.learn(day, today, &[]).unwrap();
    }
    second.take_up(&knowledge).unwrap();
    assert_eq!(second.knowledge().unwrap(), knowledge);
    assert_eq!(ask(&second, Day(70), &question(true)), ask(&first, Day(70), &question(true)));

    for end in (0..knowledge.len()).step_by(977) {
        assert!(Forecaster::new(Settings::default()).take_up(&knowledge[..end]).is_err(), "{end}");
    }
    assert!(second.take_up(&[&knowledge[..], &[0]].concat()).is_err());
}

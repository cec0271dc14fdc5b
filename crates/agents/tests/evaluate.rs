//! Measuring: predictions never know what comes after them, and files are written completely or not at all.

#![allow(clippy::expect_used, clippy::unwrap_used, reason = "what fails in a test panics")]

#[path = "../../learning/tests/noise/mod.rs"]
mod noise;

use std::{fmt::Write, fs, path::Path};

use agents::{
    evaluate::{Figures, Kind, evaluate, score},
    sales::Day,
};
use noise::noise;

const HEADER: &str = "date,punk_id,seller_id,buyer_id,price_eth,type,gender,skin_tone,attr_count,attributes\n";
/// 2021-01-04, a Monday.
const START: i32 = 737_794;

/// Returns eight sales a day at a price that grows by 0.2 % a day, higher for hats and highest for gold, with 10 % noise and an
/// occasional gift.
fn sales(days: std::ops::Range<i32>, seed: u64) -> Vec<String> {
    let mut next = noise(seed);
    let mut rows = Vec::new();
    for day in days {
        for _ in 0..8 {
            let (item, hat, gold) = ((next() * 300.0) as u32, next() < 0.3, next() < 0.1);
            let mut price = 2.0 * 1.002f64.powi(day) * (1.0 + 0.2 * (next() - 0.5));
            price *= if hat { 1.3 } else { 1.0 } * if gold { 2.0 } else { 1.0 };
            if next() < 0.02 {
                price = 0.0;
            }
            let attributes =
                [("Hat", hat), ("Gold", gold), ("Smile", true)].iter().filter(|a| a.1).map(|a| a.0).collect::<Vec<_>>();
            let (seller, buyer) = ((next() * 50.0) as u32, (next() * 50.0) as u32);
            let date = Day(START + day);
            rows.push(format!(
                "{date},{item},{seller},{buyer},{price:.4},Human,Male,Dark,{},{}",
                attributes.len(),
                attributes.join("|")
            ));
        }
    }
    rows
}

struct Folders(tempfile::TempDir);

impl Folders {
    fn new(train: &[String], test: &[String]) -> Self {
        let folders = Self(tempfile::tempdir().unwrap());
        for (name, rows) in [("train", train), ("test", test)] {
            fs::create_dir(folders.path(name)).unwrap();
            let mut text = HEADER.to_owned();
            for row in rows {
                writeln!(text, "{row}").unwrap();
            }
            fs::write(folders.path(name).join("pricing_sales.csv"), text).unwrap();
        }
        folders
    }

    fn path(&self, name: &str) -> std::path::PathBuf {
        Path::new(self.0.path()).join(name)
    }

    fn evaluate(&self, kind: Kind) -> Result<Vec<String>, String> {
        let out = self.path("out.csv");
        evaluate(kind, &self.path("train"), &self.path("test"), &out, &mut |_| ())
            .map_err(|error| error.to_string())?;
        Ok(fs::read_to_string(out).unwrap().lines().map(str::to_owned).collect())
    }

    fn score(&self, kind: Kind) -> Figures {
        score(kind, Some(&self.path("train")), &self.path("test"), &self.path("out.csv")).unwrap()
    }
}

#[test]
fn later_rows_never_change_earlier_predictions() {
    let train = sales(0..60, 1);
    let test = sales(60..75, 2);
    for kind in [Kind::Pricing, Kind::Market] {
        let whole = Folders::new(&train, &test).evaluate(kind).unwrap();
        for (same_days, seed) in [(1, 3), (8, 4), (14, 5)] {
            // The rows are the same up to a day. On that day, the same items have other prices, and after it everything is
            // different.
            let kept = same_days as usize * 8;
            let mut other = test[..kept].to_vec();
            other.extend(test[kept..kept + 8].iter().map(|row| {
                let mut fields: Vec<_> = row.split(',').collect();
                fields[4] = "77.7";
                fields.join(",")
            }));
            if same_days < 14 {
                other.extend(sales(60 + same_days + 1..75, seed));
            }
            let changed = Folders::new(&train, &other).evaluate(kind).unwrap();
            let last = Day(START + 60 + same_days).to_string();
            let until = |lines: &[String]| {
                let rows = lines.iter().skip(1).filter(|line| line[..10] <= *last);
                // A sale that is a gift in one file must be predicted in the other.
                rows.filter(|line| !line.is_empty()).cloned().collect::<Vec<_>>()
            };
            let (a, b) = (until(&whole), until(&changed));
            let common: Vec<_> = b.iter().filter(|row| a.contains(row)).collect();
            assert_eq!(common.len(), a.len(), "{kind:?}: predictions up to {last} depend on what came later");
            assert!(!a.is_empty());
        }
    }
}

#[test]
fn predictions_are_good_and_ranges_honest_where_noise_is_known() {
    let folders = Folders::new(&sales(0..90, 6), &sales(90..130, 7));
    folders.evaluate(Kind::Pricing).unwrap();
    let figures = folders.score(Kind::Pricing);
    let get = |name: &str| figures.get(name).unwrap();
    assert!(get("MdAPE, %") < 7.0, "{figures}");
    assert!(get("MdAPE, %") < get("MdAPE, % of median of last 20") / 1.5, "{figures}");
    assert!((get("coverage of 80 % ranges, %") - 80.0).abs() < 8.0, "{figures}");
    assert!((get("coverage of 90 % ranges, %") - 90.0).abs() < 6.0, "{figures}");
    folders.evaluate(Kind::Market).unwrap();
    let figures = folders.score(Kind::Market);
    assert!(figures.get("price MAE of the log").unwrap() < 0.1, "{figures}");
    assert!(figures.get("count sMAPE, %").unwrap() < 10.0, "{figures}");
}

#[test]
fn a_malformed_row_is_named_and_nothing_is_written() {
    let train = sales(0..10, 8);
    let mut test = sales(10..12, 9);
    test[3] = test[3].replacen("2021", "soon", 1);
    let folders = Folders::new(&train, &test);
    fs::write(folders.path("out.csv"), "as it was").unwrap();
    for kind in [Kind::Pricing, Kind::Market] {
        let error = folders.evaluate(kind).unwrap_err();
        assert!(error.contains("test/pricing_sales.csv, line 5: "), "{error}");
        assert_eq!(fs::read_to_string(folders.path("out.csv")).unwrap(), "as it was");
    }
    let early = Folders::new(&sales(5..10, 8), &sales(0..3, 9)).evaluate(Kind::Pricing).unwrap_err();
    assert!(early.contains("before the training file ends"), "{early}");
}

#[test]
fn nothing_to_learn_from_is_said() {
    let folders = Folders::new(&[], &sales(0..2, 10));
    let lines = folders.evaluate(Kind::Pricing).unwrap();
    assert!(
        lines.len() > 10 && lines.iter().skip(1).all(|line| line.ends_with(",1")),
        "without a model every row abstains"
    );
    assert_eq!(Folders::new(&sales(0..2, 10), &[]).evaluate(Kind::Market).unwrap().len(), 1);
    assert_eq!(Folders::new(&[], &[]).evaluate(Kind::Pricing).unwrap().len(), 1);
}

#[test]
fn predictions_of_other_rows_are_refused() {
    let folders = Folders::new(&sales(0..30, 11), &sales(30..33, 12));
    let lines = folders.evaluate(Kind::Pricing).unwrap();
    for (text, problem) in [
        (lines[..lines.len() - 1].join("\n"), "they end before"),
        (format!("{}\n{}", lines.join("\n"), lines[1]), "more predictions than sales"),
        ([&lines[..1], &lines[2..]].concat().join("\n"), "line 2: not the sale of"),
    ] {
        fs::write(folders.path("out.csv"), text).unwrap();
        let error =
            score(Kind::Pricing, None, &folders.path("test"), &folders.path("out.csv")).unwrap_err().to_string();
        assert!(error.contains(problem), "{error}");
    }
}

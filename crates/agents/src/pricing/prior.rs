//! The price of a work by the rules alone, which is the start for a work without a history.

use metta::Atom;

use crate::rules::{Applied, RuleBase, RuleError};

/// The facts about a work and its market that the rules need. Kind, region and utilities are words of the rule base.
#[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Facts {
    /// NFT, Phygital, Digital or RealWorldAsset.
    pub kind: String,
    pub region: String,
    pub utilities: Vec<String>,
    /// The creator's reputation, from 0 to 100.
    pub reputation: f64,
    /// By how many percent demand changes when the price rises by 1 %, if that is known.
    pub elasticity: Option<f64>,
}

/// The market's mood, in the words of RULES: see `market::State`.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Mood {
    pub sentiment: String,
    pub volume: String,
    pub demand: String,
}

impl Default for Mood {
    fn default() -> Self {
        Self { sentiment: "neutral".to_owned(), volume: "stable".to_owned(), demand: "medium".to_owned() }
    }
}

/// Returns base x region x product of utilities x reputation x sentiment x volume x demand, in the market's currency, and the
/// applied rules.
///
/// # Errors
/// When the rules have no factor for a word.
pub fn prior(rules: &RuleBase, facts: &Facts, mood: &Mood) -> Result<(f64, Vec<Applied>), RuleError> {
    let mut applied = Vec::new();
    let mut factor = |name: &str, value: Atom| rules.explained(&[Atom::symbol(name), value], &mut applied);
    let mut price = factor("base", Atom::symbol(&facts.kind))? * factor("region-factor", Atom::symbol(&facts.region))?;
    for utility in &facts.utilities {
        price *= factor("utility-factor", Atom::symbol(utility))?;
    }
    price *= factor("reputation-factor", Atom::float(facts.reputation))?;
    price *= factor("sentiment-factor", Atom::symbol(&mood.sentiment))?;
    price *= factor("volume-factor", Atom::symbol(&mood.volume))?;
    price *= factor("demand-factor", Atom::symbol(&mood.demand))?;
    Ok((price, applied))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn facts(kind: &str, region: &str, utilities: &[&str], reputation: f64) -> Facts {
        let utilities = utilities.iter().map(|utility| (*utility).to_owned()).collect();
        Facts { kind: kind.to_owned(), region: region.to_owned(), utilities, reputation, elasticity: None }
    }

    fn mood(sentiment: &str, volume: &str, demand: &str) -> Mood {
        Mood { sentiment: sentiment.to_owned(), volume: volume.to_owned(), demand: demand.to_owned() }
    }

    #[test]
    fn known_answers() {
        let rules = RuleBase::pricing().unwrap();
        for (facts, mood, expected) in [
            (facts("NFT", "Global", &[], 55.0), Mood::default(), 1.0),
            (facts("Phygital", "Mumbai", &[], 55.0), Mood::default(), 3.0),
            (facts("Digital", "Delhi", &["ai_credits"], 95.0), Mood::default(), 0.8 * 1.1 * 1.4 * 1.8),
            (
                facts("RealWorldAsset", "International", &["rental_income", "virtual_tours"], 85.0),
                mood("bullish", "increasing", "high"),
                5.0 * 1.5 * 1.7 * 1.1 * 1.5 * 1.4 * 1.2 * 1.3,
            ),
            (facts("NFT", "Bangalore", &[], 10.0), mood("bearish", "decreasing", "low"), 1.3 * 0.7 * 0.7 * 0.8 * 0.7),
        ] {
            let (price, applied) = prior(&rules, &facts, &mood).unwrap();
            assert!((price - expected).abs() < 1e-12, "{facts:?}: {price} instead of {expected}");
            assert!(applied.iter().all(|rule| rule.place.starts_with("pricing.metta:")));
            assert!(applied.len() >= 6 + facts.utilities.len());
        }
    }

    /// Checks every constant of the table, so that a changed rule changes a test.
    #[test]
    fn every_factor() {
        let rules = RuleBase::pricing().unwrap();
        let table = "base NFT 1.0, base Phygital 2.5, base Digital 0.8, base RealWorldAsset 5.0, \
            region-factor Mumbai 1.2, region-factor Delhi 1.1, region-factor Bangalore 1.3, region-factor Global 1.0, \
            region-factor International 1.5, utility-factor streaming_rights 1.3, utility-factor revenue_share 1.8, \
            utility-factor exclusive_access 1.5, utility-factor commercial_license 1.6, utility-factor platform_access 1.2, \
            utility-factor ai_credits 1.4, utility-factor rental_income 1.7, utility-factor virtual_tours 1.1, \
            utility-factor metaverse_presence 1.9, utility-factor usage_rights 1.3, utility-factor tracking_data 1.2, \
            utility-factor maintenance_records 1.1, sentiment-factor bullish 1.4, sentiment-factor neutral 1, \
            sentiment-factor bearish 0.7, volume-factor increasing 1.2, volume-factor stable 1, volume-factor decreasing 0.8, \
            demand-factor high 1.3, demand-factor medium 1, demand-factor low 0.7";
        for line in table.split(", ") {
            let [name, word, value] = line.split(' ').collect::<Vec<_>>()[..] else { panic!("{line}") };
            let found = rules.number(&[Atom::symbol(name), Atom::symbol(word)]).unwrap();
            assert_eq!(found, value.parse::<f64>().unwrap(), "{line}");
        }
        for (name, cases) in [
            (
                "reputation-factor",
                &[
                    (100.0, 1.8),
                    (90.0, 1.5),
                    (80.5, 1.5),
                    (80.0, 1.3),
                    (70.0, 1.1),
                    (60.0, 1.0),
                    (50.0, 0.9),
                    (40.0, 0.8),
                    (30.0, 0.7),
                    (0.0, 0.7),
                ][..],
            ),
            ("elasticity-factor", &[(-2.0, 0.9), (-1.0, 1.0), (-0.5, 1.0), (-0.4, 1.1)]),
        ] {
            for (value, expected) in cases {
                assert_eq!(
                    rules.number(&[Atom::symbol(name), Atom::float(*value)]).unwrap(),
                    *expected,
                    "{name} {value}"
                );
            }
        }
    }

    #[test]
    fn an_unknown_word_is_an_error() {
        let error =
            prior(&RuleBase::pricing().unwrap(), &facts("Castle", "Global", &[], 50.0), &Mood::default()).unwrap_err();
        assert!(error.to_string().contains("(base Castle)"), "{error}");
    }
}

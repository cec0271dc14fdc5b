//! Rule bases: files of rules in MeTTa, which give answers with their reasons.

use std::fmt;

use metta::{Atom, Metta, ParseError, StepKind};
use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::digest::Digest;

#[derive(Debug, Error)]
pub enum RuleError {
    #[error("{file} is no rule base")]
    Parse { file: String, source: ParseError },
    #[error("the rules give no {wanted} for {question}: {found}")]
    Answer { wanted: &'static str, question: String, found: String },
}

/// A rule that was applied, and its place in the file.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Applied {
    /// What was asked, and what the rule made of it.
    pub call: String,
    pub result: String,
    /// file:line:column
    pub place: String,
}

impl fmt::Display for Applied {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{} = {} ({})", self.call, self.result, self.place)
    }
}

const MARKET: (&str, &str) = ("market.metta", include_str!("../rules/market.metta"));
const PRICING: (&str, &str) = ("pricing.metta", include_str!("../rules/pricing.metta"));

/// The rules of prices and of the market's state that come with the market, with names and texts.
pub const PRICES: &[(&str, &str)] = &[MARKET, PRICING];
/// The rules of risk.
pub const RISK: &[(&str, &str)] = &[("risk.metta", include_str!("../rules/risk.metta"))];
/// The rules of collaboration.
pub const COLLABORATION: &[(&str, &str)] = &[("collaboration.metta", include_str!("../rules/collaboration.metta"))];

/// Rules that were read, with their version.
#[derive(Clone)]
pub struct RuleBase {
    metta: Metta,
    version: String,
}

impl RuleBase {
    /// Reads files of rules, given by name and text.
    ///
    /// # Errors
    /// When a text is not MeTTa.
    pub fn read(files: &[(&str, &str)]) -> Result<Self, RuleError> {
        let mut metta = Metta::new();
        let mut digest = Digest::default();
        for (name, text) in files {
            metta.run(name, text).map_err(|source| RuleError::Parse { file: (*name).to_owned(), source })?;
            digest.part(name);
            digest.part(text);
        }
        Ok(Self { metta, version: digest.hex() })
    }

    /// Reads the rules of prices that come with the market.
    ///
    /// # Errors
    /// When they are not MeTTa, which does not happen.
    pub fn pricing() -> Result<Self, RuleError> {
        Self::read(&[PRICING])
    }

    /// Reads the rules of the market's state that come with the market.
    ///
    /// # Errors
    /// When they are not MeTTa, which does not happen.
    pub fn market() -> Result<Self, RuleError> {
        Self::read(&[MARKET])
    }

    /// Reads the rules of risk that come with the market.
    ///
    /// # Errors
    /// When they are not MeTTa, which does not happen.
    pub fn risk() -> Result<Self, RuleError> {
        Self::read(RISK)
    }

    /// Reads the rules of collaboration that come with the market.
    ///
    /// # Errors
    /// When they are not MeTTa, which does not happen.
    pub fn collaboration() -> Result<Self, RuleError> {
        Self::read(COLLABORATION)
    }

    /// Returns the SHA-256 over names and texts of the files, in hex.
    pub fn version(&self) -> &str {
        &self.version
    }

    /// Returns the number that the rules give, without reasons.
    ///
    /// # Errors
    /// When the rules give none, or several.
    pub fn number(&self, question: &[Atom]) -> Result<f64, RuleError> {
        let question = Atom::expression(question.to_vec());
        let results = self.metta.clone().evaluate(&question);
        number(&question, &results)
    }

    /// Returns the number that the rules give, with the rules that led to it, in order.
    ///
    /// # Errors
    /// When the rules give none, or several.
    pub fn explained(&self, question: &[Atom], applied: &mut Vec<Applied>) -> Result<f64, RuleError> {
        let question = Atom::expression(question.to_vec());
        let derived = self.derive(&question, applied);
        number(&question, &derived)
    }

    /// Returns the symbol that the rules give, with the rules that led to it.
    ///
    /// # Errors
    /// When the rules give none, or several.
    pub fn word(&self, question: &[Atom], applied: &mut Vec<Applied>) -> Result<String, RuleError> {
        let question = Atom::expression(question.to_vec());
        let results = self.derive(&question, applied);
        match results.as_slice() {
            [one] => one.as_symbol().map(str::to_owned),
            _ => None,
        }
        .ok_or_else(|| failed("word", &question, &results))
    }

    /// Returns whether the rules say so.
    ///
    /// # Errors
    /// When the rules say neither True nor False, or give several answers.
    pub fn holds(&self, question: &Atom) -> Result<bool, RuleError> {
        let results = self.metta.clone().evaluate(question);
        match results.as_slice() {
            [one] => one.as_bool(),
            _ => None,
        }
        .ok_or_else(|| failed("truth", question, &results))
    }

    fn derive(&self, question: &Atom, applied: &mut Vec<Applied>) -> Vec<Atom> {
        let derived = self.metta.clone().derive(question);
        for derived in &derived {
            for step in &derived.steps {
                if step.kind == StepKind::Rule
                    && let Some(place) = &step.place
                {
                    applied.push(Applied {
                        call: step.call.to_string(),
                        result: step.result.to_string(),
                        place: place.to_string(),
                    });
                }
            }
        }
        derived.into_iter().map(|derived| derived.atom).collect()
    }
}

fn number(question: &Atom, results: &[Atom]) -> Result<f64, RuleError> {
    let number = match results {
        [one] => one.as_number().filter(|number| number.is_finite()),
        _ => None,
    };
    number.ok_or_else(|| failed("number", question, results))
}

fn failed(wanted: &'static str, question: &Atom, found: &[Atom]) -> RuleError {
    let found: Vec<String> = found.iter().map(Atom::to_string).collect();
    RuleError::Answer { wanted, question: question.to_string(), found: format!("[{}]", found.join(", ")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rule_bases_have_no_findings() {
        for (name, text) in [PRICES, RISK, COLLABORATION].concat() {
            let findings = Metta::new().lint(name, text).unwrap();
            assert!(findings.is_empty(), "{findings:?}");
        }
    }

    #[test]
    fn every_change_is_another_version() {
        let version = |files: &[(&str, &str)]| RuleBase::read(files).unwrap().version().to_owned();
        let first = version(&[("a.metta", "(= (f) 1)")]);
        assert_eq!(first, version(&[("a.metta", "(= (f) 1)")]));
        for other in
            [&[("a.metta", "(= (f) 2)")][..], &[("b.metta", "(= (f) 1)")], &[("a.metta", "(= (f) 1)"), ("b.metta", "")]]
        {
            assert_ne!(first, version(other));
        }
        assert!(RuleBase::read(&[("a.metta", "(= (f")]).is_err());
    }

    #[test]
    fn answers_must_be_one_number() {
        let rules = RuleBase::read(&[(
            "a.metta",
            "(= (one) 1.5) (= (two) 1) (= (two) 2) (= (word) yes) (= (nan) (/ 0.0 0.0))",
        )])
        .unwrap();
        assert_eq!(rules.number(&[Atom::symbol("one")]).unwrap(), 1.5);
        for name in ["two", "word", "none", "nan"] {
            assert!(rules.number(&[Atom::symbol(name)]).is_err(), "{name}");
        }
    }
}

//! Measures coherence instead of asking for it: what a commit of a repository shows about the work (rules, section 1).
//!
//! [`survey()`] reads the files of the commit once. [`Survey::measure`] combines what it found with what the market knows,
//! and says for each input where its value comes from. The survey of a commit is always the same, so it can be kept, and
//! measured again when the market has changed.
//!
//! | input | from |
//! |---|---|
//! | code quality | a SARIF report in the repository: module `code_quality` |
//! | test coverage | an lcov report in the repository, or the share of test code: `test_coverage` |
//! | documentation | the README, pages and comments: `documentation` |
//! | network | works that use it, and how evenly contributors share its cost: `network` |
//! | novelty | the signatures of earlier works: `novelty`, [`signature`] |
//! | architecture alignment, value added | nothing measures them, so they count as 0.5 and lower the confidence |

mod code_quality;
mod documentation;
mod language;
pub mod lcov;
mod lines;
mod names;
mod network;
mod novelty;
mod origin;
pub mod sarif;
mod sarif_rules;
pub mod signature;
mod survey;
mod test_coverage;

use domain::coherence::{Inputs, Weight};
use rust_decimal::{Decimal, RoundingStrategy::MidpointAwayFromZero};
use serde::{Deserialize, Serialize};

pub use self::{
    lines::Lines,
    network::contributor_weights,
    signature::{Signature, similarity},
    survey::{
        LeftOut, MAX_BYTES, MAX_FILE_BYTES, MAX_FILES, MAX_REPORT_BYTES, MAX_REPORTS, ReportedCoverage,
        ReportedFindings, Skipped, Survey, Unreadable, survey,
    },
};

/// What the market knows about a work and its neighbours.
#[derive(Debug, Clone, Copy, Default)]
pub struct Surroundings<'a> {
    /// How many works use this one. `None` if that is not known.
    pub downstream: Option<u64>,
    /// The weighted cost of each contributor, one entry for each.
    pub contributors: &'a [Weight],
    /// Earlier works, without other versions of this one. Works that share no hash of the signature may be missing. `None`
    /// if the catalogue was not searched.
    pub earlier: Option<&'a [Earlier]>,
}

/// An earlier work of the catalogue.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Earlier {
    /// Its name in an explanation.
    pub name: String,
    /// Its content.
    pub signature: Signature,
}

/// One input of coherence.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Input {
    /// [`Inputs::code_quality`].
    CodeQuality,
    /// [`Inputs::architecture_alignment`].
    ArchitectureAlignment,
    /// [`Inputs::value_add`].
    ValueAdd,
    /// [`Inputs::test_coverage`].
    TestCoverage,
    /// [`Inputs::documentation`].
    Documentation,
    /// [`Inputs::network`].
    Network,
    /// [`Inputs::novelty`].
    Novelty,
}

/// What a value rests on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// Counted in the files of the commit.
    Counted,
    /// Taken from a report in the repository. The authors of the repository wrote the report, perhaps for an older commit.
    Reported,
    /// Taken from this market's own records.
    Recorded,
    /// Not measured, so there is no value.
    Unmeasured,
}

/// Where the value of an input comes from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Source {
    /// The input.
    pub input: Input,
    /// Its value, in [0, 1], to 4 decimals. `None` if nothing was measured.
    pub value: Option<Decimal>,
    /// What it rests on.
    pub kind: Kind,
    /// The same in plain words, with the numbers.
    pub how: String,
}

impl Source {
    fn counted(input: Input, value: Decimal, how: String) -> Self {
        Self { input, value: Some(value), kind: Kind::Counted, how }
    }

    fn reported(input: Input, value: Decimal, how: String) -> Self {
        Self { input, value: Some(value), kind: Kind::Reported, how }
    }

    fn recorded(input: Input, value: Decimal, how: String) -> Self {
        Self { input, value: Some(value), kind: Kind::Recorded, how }
    }

    fn unmeasured(input: Input, why: &str) -> Self {
        Self {
            input,
            value: None,
            kind: Kind::Unmeasured,
            how: format!("{why} It counts as 0.5 and lowers the confidence."),
        }
    }
}

/// The coherence of a commit, and where each part of it comes from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Measured {
    /// The commit's full id.
    pub commit: String,
    /// What the rules ask for.
    pub inputs: Inputs,
    /// One for each input, in the order of the rules.
    pub sources: Vec<Source>,
    /// The signature by which the content of works is compared. It is to be kept with the version.
    pub signature: Option<Signature>,
}

impl Survey {
    /// Combines the survey with what the market knows.
    pub fn measure(&self, surroundings: &Surroundings<'_>) -> Measured {
        let mut sources = vec![
            code_quality::source(self),
            Source::unmeasured(
                Input::ArchitectureAlignment,
                "Nothing measures how well it fits the shape of the work.",
            ),
            Source::unmeasured(Input::ValueAdd, "Nothing measures what it adds for users."),
            test_coverage::source(self),
            documentation::source(self),
            network::source(surroundings),
            novelty::source(self, surroundings),
        ];
        for Unreadable { input, why } in &self.unreadable {
            for source in sources.iter_mut().filter(|source| source.input == *input) {
                source.how.push_str(&format!(" A report could not be read: {why}."));
            }
        }
        for Skipped { input, report, records, first } in &self.skipped {
            for source in sources.iter_mut().filter(|source| source.input == *input) {
                let count = plural(*records, "record");
                source.how.push_str(&format!(" {count} of {report} could not be read, the first in {first}."));
            }
        }
        let mut inputs = Inputs::default();
        for Source { input, value, .. } in &sources {
            let place = match input {
                Input::CodeQuality => &mut inputs.code_quality,
                Input::ArchitectureAlignment => &mut inputs.architecture_alignment,
                Input::ValueAdd => &mut inputs.value_add,
                Input::TestCoverage => &mut inputs.test_coverage,
                Input::Documentation => &mut inputs.documentation,
                Input::Network => &mut inputs.network,
                Input::Novelty => &mut inputs.novelty,
            };
            *place = *value;
        }
        Measured { commit: self.commit.clone(), inputs, sources, signature: self.signature.clone() }
    }
}

/// The parts of a report that could not be read.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Odd {
    /// How many there are.
    pub count: u64,
    /// The line of the first one, and what is wrong there.
    pub first: Option<String>,
}

impl Odd {
    fn add(&mut self, line: usize, what: impl FnOnce() -> String) {
        self.add_many(1, line, what);
    }

    /// Adds some, the first of which is in this line.
    fn add_many(&mut self, count: u64, line: usize, what: impl FnOnce() -> String) {
        self.count += count;
        self.first.get_or_insert_with(|| format!("line {line}: {}", what()));
    }
}

/// Returns a share to 4 decimals. A share of nothing is 0.
fn ratio(part: u64, whole: u64) -> Decimal {
    if whole == 0 { Decimal::ZERO } else { rounded(Decimal::from(part) / Decimal::from(whole)) }
}

fn rounded(value: Decimal) -> Decimal {
    value.round_dp_with_strategy(4, MidpointAwayFromZero).normalize()
}

/// Returns a number and what is counted, for an explanation.
fn plural(count: u64, noun: &str) -> String {
    format!("{count} {noun}{}", if count == 1 { "" } else { "s" })
}

/// Returns a repository's own text for an explanation: on one line, not longer than a line or two.
fn plain(text: &str) -> String {
    text.chars().take(200).map(|letter| if letter.is_control() { ' ' } else { letter }).collect()
}

//! Test coverage: what a coverage report in the repository says, or the share of test code.
//!
//! ```text
//! with a report     value = lines that tests ran / lines that could be run
//! without           value = min(1, 3 x lines of code that test / lines of code)
//! ```
//!
//! In well tested works, about a third of all code is in tests. The share says that there are tests, not what they
//! reach.

use rust_decimal::Decimal;

use super::{Input, Source, Survey, plural, ratio};

pub(super) fn source(survey: &Survey) -> Source {
    if let Some(report) = &survey.coverage {
        let how = format!(
            "{} says that tests ran {} of {} in {}.",
            report.reports.join(", "),
            report.lines_hit,
            plural(report.lines, "line"),
            plural(report.files, "file")
        );
        return Source::reported(Input::TestCoverage, ratio(report.lines_hit, report.lines), how);
    }
    let (tests, all) = (survey.lines.tests, survey.lines.code + survey.lines.tests);
    if all == 0 {
        return Source::unmeasured(Input::TestCoverage, "There is no code in a language that is known.");
    }
    let how = format!(
        "Of {} of code {tests} are tests, a share of {}; a third or more counts as 1. There is no coverage report.",
        plural(all, "line"),
        ratio(tests, all)
    );
    Source::counted(Input::TestCoverage, ratio(3 * tests, all).min(Decimal::ONE), how)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::coherence::{Kind, lines::Lines, survey::ReportedCoverage};

    #[test]
    fn share_of_tests() {
        for (code, tests, value) in [(100, 0, "0"), (90, 10, "0.3"), (200, 100, "1"), (0, 5, "1"), (7, 1, "0.375")] {
            let survey = Survey { lines: Lines { code, tests, comments: 0 }, ..Survey::default() };
            let source = source(&survey);
            assert_eq!((source.value, source.kind), (Some(value.parse().unwrap()), Kind::Counted), "{}", source.how);
        }
        assert_eq!(source(&Survey::default()).kind, Kind::Unmeasured);
    }

    #[test]
    fn a_report_outranks_the_share() {
        let survey = Survey {
            lines: Lines { code: 10, tests: 90, comments: 0 },
            coverage: Some(ReportedCoverage {
                reports: vec!["lcov.info".to_owned()],
                files: 2,
                lines: 8,
                lines_hit: 5,
            }),
            ..Survey::default()
        };
        let source = source(&survey);
        assert_eq!((source.value, source.kind), (Some("0.625".parse().unwrap()), Kind::Reported));
        assert_eq!(source.how, "lcov.info says that tests ran 5 of 8 lines in 2 files.");
    }
}

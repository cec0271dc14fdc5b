//! Code quality: what linters found, if the repository contains their report.
//!
//! ```text
//! density = (errors + 0.5 x warnings + 0.1 x notes) / lines of code x 1000
//! value   = 10 / (10 + density)
//! ```
//!
//! No findings give 1, and ten errors in a thousand lines give 0.5. Without a report, nothing is measured, because a missing
//! report says nothing about the code.

use rust_decimal::Decimal;

use super::{Input, Source, Survey, plural, rounded};

pub(super) fn source(survey: &Survey) -> Source {
    let lines = survey.lines.code + survey.lines.tests;
    let Some(reported) = survey.findings.as_ref().filter(|_| lines > 0) else {
        return Source::unmeasured(Input::CodeQuality, "No SARIF report with results lies in the repository.");
    };
    let found = &reported.findings;
    let tenths = 10 * u128::from(found.errors) + 5 * u128::from(found.warnings) + u128::from(found.notes);
    // A report has at most 2^25 bytes, so its findings easily fit in 64 bits.
    let density = Decimal::from(tenths * 100) / Decimal::from(lines);
    let value = rounded(Decimal::TEN / (Decimal::TEN + density));
    let how = format!(
        "{} ({}) has {}, {} and {} for {} of code: {} weighted findings in 1000 lines.",
        reported.reports.join(", "),
        found.tools.join(", "),
        plural(found.errors, "error"),
        plural(found.warnings, "warning"),
        plural(found.notes, "note"),
        plural(lines, "line"),
        density.round_dp(2).normalize(),
    );
    Source::reported(Input::CodeQuality, value, how)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::coherence::{Kind, lines::Lines, sarif::Findings, survey::ReportedFindings};

    #[test]
    fn quality_falls_with_findings() {
        for (errors, warnings, notes, code, value) in [
            (0, 0, 0, 1000, "1"),
            (10, 0, 0, 1000, "0.5"),
            (0, 20, 0, 1000, "0.5"),
            (0, 0, 100, 1000, "0.5"),
            (1, 1, 1, 10_000, "0.9843"), // 0.16 in 1000
            (1_000_000, 0, 0, 1, "0"),
        ] {
            let findings = Findings { errors, warnings, notes, tools: vec!["lint".to_owned()] };
            let survey = Survey {
                lines: Lines { code, ..Lines::default() },
                findings: Some(ReportedFindings { reports: vec!["a.sarif".to_owned()], findings }),
                ..Survey::default()
            };
            let source = source(&survey);
            assert_eq!((source.value, source.kind), (Some(value.parse().unwrap()), Kind::Reported), "{}", source.how);
        }
        assert_eq!(source(&Survey::default()).value, None);
    }
}

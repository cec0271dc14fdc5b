//! Reads SARIF 2.1.0, which says what linters found in the code.
//!
//! Only runs that looked for something count; a run without `results` looked for nothing. Results that are suppressed, that
//! went away since the baseline, or whose kind is not `fail` are not findings. A result without a level has the level of its
//! rule, and a rule without a level is a warning.

use std::collections::HashMap;

use serde::{Deserialize, Serialize};

use super::plain;

/// A larger report is refused.
pub const MAX_BYTES: u64 = 32 << 20;
/// The version that is read.
const VERSION: &str = "2.1.0";

/// What linters found.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Findings {
    /// Findings of level `error`.
    pub errors: u64,
    /// Findings of level `warning`.
    pub warnings: u64,
    /// Findings of level `note`.
    pub notes: u64,
    /// The linters that ran, sorted.
    pub tools: Vec<String>,
}

#[derive(Deserialize)]
struct Log {
    version: String,
    #[serde(default)]
    runs: Vec<Run>,
}

#[derive(Deserialize)]
struct Run {
    tool: Tool,
    results: Option<Vec<Finding>>,
}

#[derive(Deserialize)]
struct Tool {
    driver: Driver,
}

#[derive(Deserialize)]
struct Driver {
    name: String,
    #[serde(default)]
    rules: Vec<Rule>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Rule {
    id: String,
    #[serde(default)]
    default_configuration: Configuration,
}

#[derive(Default, Deserialize)]
struct Configuration {
    #[serde(default)]
    level: Level,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Finding {
    /// When it is missing, the level of the rule counts.
    level: Option<Level>,
    rule_id: Option<String>,
    rule_index: Option<i64>,
    #[serde(default)]
    kind: Kind,
    #[serde(default)]
    baseline_state: Baseline,
    #[serde(default)]
    suppressions: Option<Vec<Suppression>>,
}

#[derive(Deserialize)]
struct Suppression {
    #[serde(default)]
    status: Status,
}

#[derive(Clone, Copy, Default, Deserialize, PartialEq)]
#[serde(rename_all = "camelCase")]
enum Level {
    Error,
    #[default]
    Warning,
    Note,
    None,
}

#[derive(Default, Deserialize, PartialEq)]
#[serde(rename_all = "camelCase")]
enum Kind {
    #[default]
    Fail,
    #[serde(other)]
    Other,
}

#[derive(Default, Deserialize, PartialEq)]
#[serde(rename_all = "camelCase")]
enum Baseline {
    Absent,
    #[default]
    #[serde(other)]
    There,
}

/// A suppression counts unless it was only asked for, or was refused.
#[derive(Default, Deserialize, PartialEq)]
#[serde(rename_all = "camelCase")]
enum Status {
    UnderReview,
    Rejected,
    #[default]
    #[serde(other)]
    Accepted,
}

impl Finding {
    fn counts(&self) -> bool {
        let mut suppressions = self.suppressions.iter().flatten();
        let suppressed = suppressions.any(|suppression| suppression.status == Status::Accepted);
        self.kind == Kind::Fail && self.baseline_state != Baseline::Absent && !suppressed
    }
}

impl Findings {
    /// Adds a report. When it cannot be read, nothing of it is added.
    ///
    /// # Errors
    /// When the report is too large, is not SARIF, or has another version. The error is a sentence that names the line.
    pub fn add(&mut self, report: &[u8]) -> Result<(), String> {
        if report.len() as u64 > MAX_BYTES {
            return Err(format!("the report has {} bytes, the limit is {MAX_BYTES}", report.len()));
        }
        let report = report.strip_prefix(b"\xef\xbb\xbf").unwrap_or(report);
        let log: Log = serde_json::from_slice(report).map_err(|error| error.to_string())?;
        if log.version != VERSION {
            let version: String = log.version.chars().take(20).collect();
            return Err(format!("its version is {version:?}, only {VERSION} is read"));
        }
        for run in log.runs {
            let Some(results) = run.results else { continue };
            let rules = &run.tool.driver.rules;
            let by_id: HashMap<&str, Level> =
                rules.iter().map(|rule| (&*rule.id, rule.default_configuration.level)).collect();
            for finding in results.iter().filter(|finding| finding.counts()) {
                let by_index = finding.rule_index.and_then(|index| rules.get(usize::try_from(index).ok()?));
                let of_rule = by_index.map(|rule| rule.default_configuration.level);
                let of_id = || finding.rule_id.as_deref().and_then(|id| by_id.get(id).copied());
                match finding.level.or(of_rule).or_else(of_id).unwrap_or_default() {
                    Level::Error => self.errors += 1,
                    Level::Warning => self.warnings += 1,
                    Level::Note => self.notes += 1,
                    Level::None => {}
                }
            }
            self.tools.push(plain(&run.tool.driver.name));
        }
        self.tools.sort();
        self.tools.dedup();
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Findings, String> {
        let mut findings = Findings::default();
        findings.add(text.as_bytes()).map(|()| findings)
    }

    fn run(results: &str) -> String {
        format!(
            r#"{{"version": "2.1.0", "runs": [{{"tool": {{"driver": {{"name": "lint"}}}}, "results": {results}}}]}}"#
        )
    }

    #[test]
    fn findings_are_counted_by_level() {
        let found = read(&run(r#"[
            {"message": {"text": "a"}, "level": "error", "locations": []},
            {"message": {"text": "b"}}, {"level": "warning", "baselineState": "new"}, {"level": "note"}, {"level": "none"},
            {"kind": "pass"}, {"kind": "notApplicable", "level": "none"}, {"baselineState": "absent"},
            {"suppressions": [{"kind": "inSource"}]}, {"suppressions": []},
            {"suppressions": [{"kind": "external", "status": "rejected"}]}
        ]"#));
        let expected = Findings { errors: 1, warnings: 4, notes: 1, tools: vec!["lint".to_owned()] };
        assert_eq!(found, Ok(expected));
        assert_eq!(read(&format!("\u{feff}{}", run("[]"))).unwrap().tools, ["lint"]);
    }

    #[test]
    fn a_finding_without_level_has_that_of_its_rule() {
        let rules = r#"{"name": "lint", "rules": [
            {"id": "a", "defaultConfiguration": {"level": "error"}}, {"id": "b", "defaultConfiguration": {"level": "note"}},
            {"id": "c"}
        ]}"#;
        let results = r#"[{"ruleIndex": 0, "ruleId": "a"}, {"ruleId": "b"}, {"ruleIndex": -1, "ruleId": "c"},
            {"ruleIndex": 9}, {"ruleId": "a", "level": "note"}]"#;
        let found = read(&run(results).replace(r#"{"name": "lint"}"#, rules)).unwrap();
        assert_eq!((found.errors, found.warnings, found.notes), (1, 2, 2));
    }

    #[test]
    fn a_run_without_results_looked_for_nothing() {
        assert_eq!(read(r#"{"version": "2.1.0", "runs": []}"#), Ok(Findings::default()));
        assert_eq!(read(&run("null")), Ok(Findings::default()));
    }

    #[test]
    fn what_cannot_be_read_adds_nothing() {
        let mut findings = Findings::default();
        for (text, part) in [
            ("", "line 1"),
            ("{\n\"version\": 3}", "line 2"),
            (r#"{"version": "2.0.0", "runs": []}"#, "2.0.0"),
            (&run(r#"[{"level": "grave"}]"#), "grave"),
            (&run("[").replace("]}", ""), "line 1"),
        ] {
            let error = findings.add(text.as_bytes()).unwrap_err();
            assert!(error.contains(part), "{error}");
        }
        assert!(findings.add(&vec![b' '; MAX_BYTES as usize + 1]).unwrap_err().contains("33554432"));
        assert_eq!(findings, Findings::default());
    }
}

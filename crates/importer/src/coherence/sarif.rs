//! Reads SARIF 2.1.0, which says what linters found in the code.
//!
//! Only runs that looked for something count; a run without `results` looked for nothing. Results that are suppressed, that
//! went away since the baseline, or whose kind is not `fail` are not findings. A result without a level has the level that
//! its run gave the rule, else that of the rule itself, else `warning`; the rule may be one of the tool's own or of one of
//! its extensions.
//!
//! Tools leave out what is optional, or write `null`. A result, a rule or a run that is not well-formed costs only itself,
//! and is counted. Where a finding lies does not matter.

use serde::{Deserialize, Serialize};
use serde_json::{Value, value::RawValue};

use super::{
    Odd, plain,
    sarif_rules::{Level, Reference, Rules, Tool},
};
use crate::text;

/// A larger report is refused.
pub const MAX_BYTES: u64 = 32 << 20;
/// The version that is read; drafts of it have something after it.
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
struct Log<'a> {
    #[serde(rename = "$schema")]
    schema: Option<Value>,
    version: Option<Value>,
    #[serde(borrow)]
    runs: Option<Vec<&'a RawValue>>,
}

#[derive(Deserialize)]
struct Run<'a> {
    #[serde(borrow)]
    tool: Option<&'a RawValue>,
    #[serde(borrow)]
    results: Option<Vec<&'a RawValue>>,
    #[serde(borrow)]
    invocations: Option<&'a RawValue>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Finding {
    /// When it is missing, the level of the rule counts.
    level: Option<Level>,
    rule_id: Option<String>,
    rule_index: Option<i64>,
    rule: Option<Reference>,
    kind: Option<String>,
    baseline_state: Option<String>,
    suppressions: Option<Vec<Suppression>>,
    provenance: Option<Provenance>,
}

#[derive(Deserialize)]
struct Suppression {
    status: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Provenance {
    invocation_index: Option<i64>,
}

impl Finding {
    fn counts(&self) -> bool {
        let fails = self.kind.as_deref().is_none_or(|kind| kind.eq_ignore_ascii_case("fail"));
        let is_gone = self.baseline_state.as_deref().is_some_and(|state| state.eq_ignore_ascii_case("absent"));
        // A suppression counts unless it was only asked for, or was refused.
        let accepted = |suppression: &Suppression| {
            suppression.status.as_deref().is_none_or(|status| status != "underReview" && status != "rejected")
        };
        fails && !is_gone && !self.suppressions.iter().flatten().any(accepted)
    }

    fn level(&self, rules: &Rules) -> Level {
        let reference = Reference::of(self.rule.as_ref(), self.rule_id.as_deref(), self.rule_index);
        let invocation = self.provenance.as_ref().and_then(|provenance| provenance.invocation_index);
        self.level.or_else(|| rules.level(&reference, invocation)).unwrap_or_default()
    }
}

impl Findings {
    /// Adds a report, and returns what of it could not be read.
    ///
    /// # Errors
    /// When the report is too large, is not SARIF, or has another version. The error is a sentence that names the line.
    /// Nothing of the report is added then.
    pub fn add(&mut self, report: &[u8]) -> Result<Odd, String> {
        if report.len() as u64 > MAX_BYTES {
            return Err(format!("the report has {} bytes, the limit is {MAX_BYTES}", report.len()));
        }
        let content = text::lossy(report)?;
        let log: Log<'_> = serde_json::from_str(&content).map_err(|error| text::json_error(&error))?;
        check_version(&log)?;
        let mut odd = Odd::default();
        for raw in log.runs.into_iter().flatten() {
            match serde_json::from_str::<Run<'_>>(raw.get()) {
                Ok(run) => self.add_run(&run, &content, &mut odd),
                Err(error) => odd
                    .add(line_in(&content, raw), || format!("a run is not well-formed: {}", text::json_detail(&error))),
            }
        }
        self.tools.sort();
        self.tools.dedup();
        Ok(odd)
    }

    fn add_run(&mut self, run: &Run<'_>, content: &str, odd: &mut Odd) {
        let Some(results) = &run.results else { return };
        let tool = run.tool.and_then(|raw| match serde_json::from_str::<Tool>(raw.get()) {
            Ok(tool) => Some(tool),
            Err(error) => {
                odd.add(line_in(content, raw), || format!("a tool is not well-formed: {}", text::json_detail(&error)));
                None
            }
        });
        let (name, rules) = Rules::read(tool, run.invocations);
        if rules.odd > 0 {
            let at = run.tool.map_or(1, |raw| line_in(content, raw));
            let what = || "the tool that is described here has rules that are not well-formed".to_owned();
            odd.add_many(rules.odd, at, what);
        }
        for raw in results {
            let finding = match serde_json::from_str::<Finding>(raw.get()) {
                Ok(finding) => finding,
                Err(error) => {
                    odd.add(line_in(content, raw), || {
                        format!("a result is not well-formed: {}", text::json_detail(&error))
                    });
                    continue;
                }
            };
            if !finding.counts() {
                continue;
            }
            match finding.level(&rules) {
                Level::Error => self.errors += 1,
                Level::Warning => self.warnings += 1,
                Level::Note => self.notes += 1,
                Level::None => {}
            }
        }
        self.tools.push(plain(name.as_deref().unwrap_or("a tool without a name")));
    }
}

/// Refuses other versions. A log without a version may name it in its schema.
fn check_version(log: &Log<'_>) -> Result<(), String> {
    let version = match &log.version {
        Some(Value::String(version)) => version.clone(),
        Some(Value::Null) | None => {
            let schema = log.schema.as_ref().and_then(Value::as_str).unwrap_or_default();
            if schema.contains(VERSION) { VERSION.to_owned() } else { String::new() }
        }
        Some(other) => other.to_string(),
    };
    if version.is_empty() {
        return Err(format!("line 1: it names no version, so it is not SARIF {VERSION}"));
    }
    if version == VERSION || version.strip_prefix(VERSION).is_some_and(|rest| rest.starts_with('-')) {
        return Ok(());
    }
    let version: String = version.chars().take(20).collect();
    Err(format!("its version is {version:?}, only {VERSION} is read"))
}

/// Returns the line of a part of the text, which is borrowed from it.
fn line_in(text: &str, part: &RawValue) -> usize {
    let start = (part.get().as_ptr() as usize).saturating_sub(text.as_ptr() as usize);
    text::line_at(text, start)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Findings, String> {
        let mut findings = Findings::default();
        findings.add(text.as_bytes()).map(|_| findings)
    }

    /// Returns errors, warnings and notes, how many parts were wrong, and the first of them.
    fn counted(text: &str) -> ((u64, u64, u64), u64, String) {
        let mut found = Findings::default();
        let odd = found.add(text.as_bytes()).unwrap();
        ((found.errors, found.warnings, found.notes), odd.count, odd.first.unwrap_or_default())
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
    fn rules_are_found_in_extensions_and_overrides() {
        let tool = r#"{"driver": {"name": "lint", "rules": [{"id": "a", "guid": "G0"}]}, "extensions": [
            {"name": "one", "guid": "E1", "rules": [{"id": "x", "defaultConfiguration": {"level": "note"}},
                {"id": "y", "guid": "G1", "defaultConfiguration": {"level": "error"}}]},
            {"name": "two", "rules": [{"id": "y", "defaultConfiguration": {"level": "none"}}, null]}, {}]}"#;
        let log = |results: &str| {
            format!(
                r#"{{"version": "2.1.0", "runs": [{{"tool": {tool}, "results": [{results}], "invocations": [null,
                {{"ruleConfigurationOverrides": [{{"descriptor": {{"id": "a"}}, "configuration": {{"level": "error"}}}}]}}]}}]}}"#
            )
        };
        for (result, levels) in [
            (r#"{"ruleId": "a"}"#, (0, 1, 0)),
            (r#"{"ruleId": "x"}"#, (0, 0, 1)),
            (r#"{"ruleId": "x/sub/part"}"#, (0, 0, 1)),
            (r#"{"rule": {"id": "y", "index": 1, "toolComponent": {"index": 0}}, "ruleIndex": 1}"#, (1, 0, 0)),
            (r#"{"rule": {"index": 0, "toolComponent": {"index": 1}}}"#, (0, 0, 0)),
            (r#"{"ruleId": "y", "rule": {"toolComponent": {"name": "two"}}}"#, (0, 0, 0)),
            (r#"{"ruleIndex": 0, "rule": {"toolComponent": {"guid": "E1"}}}"#, (0, 0, 1)),
            (r#"{"rule": {"guid": "G1"}}"#, (1, 0, 0)),
            (r#"{"ruleIndex": 0, "ruleId": "x"}"#, (0, 0, 1)),
            (r#"{"ruleId": "a", "provenance": {"invocationIndex": 1}}"#, (1, 0, 0)),
            (r#"{"ruleId": "a", "provenance": {"invocationIndex": 0}}"#, (0, 1, 0)),
            (r#"{"ruleId": "unknown"}"#, (0, 1, 0)),
            (
                r#"{"ruleIndex": 0, "level": null, "kind": null, "rule": null, "suppressions": null, "locations": null,
                "baselineState": "unchanged", "message": null}"#,
                (0, 1, 0),
            ),
            (
                r#"{"locations": [{"physicalLocation": {"artifactLocation": {"uri": "a%20b.c", "uriBaseId": "%SRCROOT%"}}}]}"#,
                (0, 1, 0),
            ),
            (r#"{"kind": "informational"}, {"kind": "open"}, {"kind": "review", "level": "none"}"#, (0, 0, 0)),
            (r#"{"level": "Error"}, {"baselineState": "updated", "level": "error"}"#, (2, 0, 0)),
        ] {
            let (found, odd, _) = counted(&log(result));
            // The one rule that is null is always counted as odd.
            assert_eq!((found, odd), (levels, 1), "{result}");
        }
    }

    #[test]
    fn odd_rules_are_counted() {
        let rules = r#"{"name": "lint", "rules": [null, 3, {"id": "a", "defaultConfiguration": {"level": "error"}}]}"#;
        let (found, odd, first) = counted(&run(r#"[{"ruleId": "a"}]"#).replace(r#"{"name": "lint"}"#, rules));
        assert_eq!((found, odd), ((1, 0, 0), 2));
        assert!(first.starts_with("line 1: the tool that is described here has rules"), "{first}");
    }

    #[test]
    fn an_odd_part_costs_only_itself() {
        let log = "{\"version\": \"2.1.0\", \"runs\": [\n3,\n{\"results\": [{\"level\": \"error\"}]},\n\
            {\"tool\": {\"driver\": {\"name\": \"lint\"}}, \"results\": [\n{\"level\": \"grave\"},\n{\"ruleIndex\": \"x\"},\n\
            {\"level\": \"note\"}]}, {\"tool\": {\"driver\": {}}, \"results\": null}, null]}";
        let (found, odd, first) = counted(log);
        assert_eq!((found, odd), ((1, 0, 1), 4), "{first}");
        assert!(first.starts_with("line 2: a run is not well-formed"), "{first}");
        let (found, odd, first) = counted(&run("[{},\n{\"level\": \"grave\"}]"));
        assert_eq!((found, odd), ((0, 1, 0), 1));
        assert!(first.starts_with("line 2: ") && first.contains("grave"), "{first}");
        assert_eq!(read(log).unwrap().tools, ["a tool without a name", "lint"]);
        assert_eq!(read(r#"{"version": "2.1.0", "runs": null}"#), Ok(Findings::default()));
    }

    #[test]
    fn encodings_and_versions_are_those_of_tools() {
        let log = run(r#"[{"message": {"text": "ü"}}]"#);
        let wide: Vec<u8> = log.encode_utf16().flat_map(u16::to_le_bytes).collect();
        let latin: Vec<u8> = log.chars().map(|letter| u8::try_from(u32::from(letter)).unwrap()).collect();
        for report in [[b"\xff\xfe", &*wide].concat(), latin] {
            let mut found = Findings::default();
            assert_eq!(found.add(&report), Ok(Odd::default()));
            assert_eq!(found.warnings, 1);
        }
        for version in [r#""version": "2.1.0-rtm.5""#, r#""$schema": "https://h.example/sarif-schema-2.1.0.json""#] {
            assert_eq!(read(&log.replace(r#""version": "2.1.0""#, version)).unwrap().warnings, 1, "{version}");
        }
    }

    #[test]
    fn what_cannot_be_read_adds_nothing() {
        let mut findings = Findings::default();
        for (text, part) in [
            ("", "it is empty"),
            ("{\n\"version\": 3}", "its version is \"3\""),
            ("{}", "it names no version"),
            ("{\"version\": \"2.1.0\",\n\"runs\": 3}", "line 2"),
            ("{\"version\": \"2.1.0\",\n\"runs\": [", "line 2"),
            ("[\n<<<<<<< a\n=======\n>>>>>>> b\n]", "merge conflict"),
            (r#"{"version": "2.0.0", "runs": []}"#, "2.0.0"),
            (&run("[").replace("]}", ""), "line 1"),
        ] {
            let error = findings.add(text.as_bytes()).unwrap_err();
            assert!(error.contains(part), "{error}");
        }
        assert!(findings.add(&vec![b' '; MAX_BYTES as usize + 1]).unwrap_err().contains("33554432"));
        assert_eq!(findings, Findings::default());
    }
}

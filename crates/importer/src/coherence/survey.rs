//! One pass over the files of a commit, which counts lines, reads reports and takes the signature.
//!
//! Only regular files count; a report may also be a symbolic link to one. Files are left out when the person who imports
//! excludes them, when the repository's `.gitattributes` or their paths call them generated or vendored, when they say so
//! at their beginning, or when they have more than [`MAX_FILE_BYTES`]. Files beyond the limits for all files together are
//! left out too, in the order of paths. The survey says how many files were left out, and why.

use std::{collections::HashSet, path::Path};

use serde::{Deserialize, Serialize};

use super::{
    Input, Odd,
    language::Form,
    lcov,
    lines::{self, Lines},
    names::Names,
    origin, plain, plural,
    sarif::{self, Findings},
    signature::{Signature, Sketch},
};
use crate::{
    FileLeftOut, ImportError, Options, about,
    exclusion::Exclusion,
    git::Git,
    links::Links,
    locks, paths,
    tree::{self, Entry},
};

/// A larger file is left out, unless it is a report.
pub const MAX_FILE_BYTES: u64 = 1 << 20;
/// Files beyond this number are left out.
pub const MAX_FILES: u64 = 200_000;
/// Files are left out once those before them have this many bytes.
pub const MAX_BYTES: u64 = 512 << 20;
/// Reports of one kind beyond this number are left out.
pub const MAX_REPORTS: u64 = 16;
/// Reports of one kind are left out once those before them have this many bytes.
pub const MAX_REPORT_BYTES: u64 = 64 << 20;
/// Folders of documentation.
const DOCS: [&str; 8] = ["doc", "docs", "documentation", "guide", "guides", "book", "man", "manual"];

/// Files that were not counted.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct LeftOut {
    /// Made by programs, or used as input by tests.
    pub generated: u64,
    /// Written by others.
    pub vendored: u64,
    /// Larger than [`MAX_FILE_BYTES`].
    pub large: u64,
    /// Files beyond [`MAX_FILES`] or [`MAX_BYTES`], and reports beyond their limits.
    pub beyond: u64,
    /// Excluded by the person who imports, or by `tributary-exclude` in `.gitattributes`.
    #[serde(default)]
    pub excluded: u64,
}

/// What a run of tests reached, according to reports in the repository.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReportedCoverage {
    /// The reports' paths.
    pub reports: Vec<String>,
    /// Files that the reports name.
    pub files: u64,
    /// Lines that could be run.
    pub lines: u64,
    /// Lines that were.
    pub lines_hit: u64,
}

/// What linters found, according to reports in the repository.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReportedFindings {
    /// The reports' paths.
    pub reports: Vec<String>,
    /// What they say.
    pub findings: Findings,
}

/// A report that could not be read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Unreadable {
    /// What it would have measured.
    pub input: Input,
    /// The line, and what is wrong there.
    pub why: String,
}

/// Records of a report that could not be read. The others count.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Skipped {
    /// What they would have measured.
    pub input: Input,
    /// The report's path.
    pub report: String,
    /// How many there are.
    pub records: u64,
    /// The line of the first one, and what is wrong there.
    pub first: String,
}

/// The survey of the files of one commit. The same commit always gives the same survey.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Survey {
    /// The commit's full id.
    pub commit: String,
    /// Files that were read.
    pub files: u64,
    /// Lines of all languages.
    pub lines: Lines,
    /// How many words the README has. `None` if there is no README.
    pub readme_words: Option<u64>,
    /// Lines with text in files of prose in folders of documentation.
    pub docs_lines: u64,
    /// The coverage from lcov reports.
    pub coverage: Option<ReportedCoverage>,
    /// The findings from SARIF reports.
    pub findings: Option<ReportedFindings>,
    /// Reports that could not be read.
    pub unreadable: Vec<Unreadable>,
    /// Records of reports that could not be read.
    #[serde(default)]
    pub skipped: Vec<Skipped>,
    /// What was not counted.
    pub left_out: LeftOut,
    /// The signature by which the content of works is compared. `None` for a work without content.
    pub signature: Option<Signature>,
}

/// Surveys the repository at `path` at a commit, named by its full id, or at HEAD.
///
/// # Errors
/// When there is no readable, complete repository or no such commit, or when `git` is missing or too old. A report that
/// cannot be read is an error only with [`Options::strict`]; otherwise the survey names it.
pub fn survey(path: &Path, commit: Option<&str>, options: &Options) -> Result<Survey, ImportError> {
    let mut git = Git::open(&options.git, path)?;
    if let Some(commit) = commit {
        git = git.at(commit)?;
    }
    let entries = tree::list(&git)?;
    let links = Links::read(&git, &entries, |path| report(path).is_some())?;
    let mut surveyor =
        Surveyor { exclusion: Exclusion::read(&git, &entries, &options.exclude)?, ..Surveyor::default() };
    let chosen = surveyor.choose(&entries, &links);
    read(&git, chosen, &entries, &mut surveyor)?;
    let survey = surveyor.finish(git.head());
    let left_out = survey.left_out_files();
    if options.strict && !left_out.is_empty() { Err(ImportError::Strict { left_out }) } else { Ok(survey) }
}

impl Survey {
    /// Says which reports could not be read, in whole or in part, for the person who imports.
    pub fn notes(&self) -> Vec<String> {
        let mut notes = locks::named(&self.unreadable_files());
        notes.extend(self.skipped.iter().map(|skipped| {
            let Skipped { report, first, .. } = skipped;
            format!("{} of {report} cannot be read, the first in {first}. The rest counts", skipped.count())
        }));
        notes
    }

    /// Returns the reports that could not be read, in whole or in part.
    fn left_out_files(&self) -> Vec<FileLeftOut> {
        let mut files = self.unreadable_files();
        files.extend(self.skipped.iter().map(|skipped| FileLeftOut {
            path: skipped.report.clone(),
            why: format!("{}, the first in {}", skipped.count(), skipped.first),
        }));
        files
    }

    fn unreadable_files(&self) -> Vec<FileLeftOut> {
        let file = |Unreadable { why, .. }: &Unreadable| {
            let (path, why) = why.split_once(": ").unwrap_or(("a report", why));
            FileLeftOut { path: path.to_owned(), why: why.to_owned() }
        };
        self.unreadable.iter().map(file).collect()
    }
}

impl Skipped {
    fn count(&self) -> String {
        plural(self.records, "record")
    }
}

/// The purpose for which a file is read.
#[derive(Debug, Clone, Copy)]
enum Task {
    Coverage,
    Findings,
    /// The file is counted. `ours` is set if the attributes say that no program made it.
    Count {
        form: Form,
        ours: bool,
    },
}

impl Task {
    /// Returns what a report of this kind measures.
    fn input(self) -> Input {
        if matches!(self, Self::Coverage) { Input::TestCoverage } else { Input::CodeQuality }
    }
}

/// The reports that were chosen: how many of each kind and how many bytes, and which files.
#[derive(Default)]
struct Reports<'a> {
    coverage: (u64, u64),
    findings: (u64, u64),
    seen: HashSet<&'a str>,
}

/// One file that is read. A report's path may be that of a link to the file.
struct Chosen<'a> {
    task: Task,
    path: &'a [u8],
    object: &'a str,
}

/// Reads files in their order, through one process.
fn read(git: &Git, chosen: Vec<Chosen<'_>>, entries: &[Entry], surveyor: &mut Surveyor) -> Result<(), ImportError> {
    if chosen.is_empty() {
        return Ok(());
    }
    let request: String = chosen.iter().flat_map(|file| [file.object, "\n"]).collect();
    let mut running = git.run(&["cat-file", "--batch", "--buffer"], Some(request.into_bytes()))?;
    let mut content = Vec::new();
    for Chosen { task, path, object } in chosen {
        content.clear();
        let (_, sha256) = tree::blob(&mut running, object, Some(&mut content))?;
        match task {
            Task::Coverage => surveyor.coverage(path, &content, entries),
            Task::Findings => surveyor.findings(path, &content),
            Task::Count { form, ours } => {
                if ours || origin::is_binary(&content) || !origin::says_generated(&content) {
                    surveyor.count(path, form, &content, &sha256);
                } else {
                    surveyor.survey.left_out.generated += 1;
                }
            }
        }
    }
    running.finish()
}

/// Returns the kind of report that a path names.
fn report(path: &[u8]) -> Option<Task> {
    let name = String::from_utf8_lossy(paths::file_name(path)).to_ascii_lowercase();
    if name.ends_with("lcov.info") || name == "coverage.info" || name.ends_with(".lcov") {
        Some(Task::Coverage)
    } else if name.ends_with(".sarif") || name.ends_with(".sarif.json") {
        Some(Task::Findings)
    } else {
        None
    }
}

#[derive(Default)]
struct Surveyor {
    exclusion: Exclusion,
    coverage: lcov::Coverage,
    coverage_reports: Vec<String>,
    findings: Findings,
    findings_reports: Vec<String>,
    sketch: Sketch,
    survey: Survey,
}

impl Surveyor {
    /// Returns which files are read, and for which purpose. Nothing is read yet, so that all limits are applied
    /// beforehand.
    fn choose<'a>(&mut self, entries: &'a [Entry], links: &Links<'a>) -> Vec<Chosen<'a>> {
        let mut chosen = Vec::new();
        let mut bytes = 0;
        let mut reports = Reports::default();
        for entry in entries {
            if let Some(task) = report(&entry.path).filter(|_| !self.exclusion.has(&entry.path)) {
                match links.file(entry) {
                    Ok(file) => chosen.extend(self.choose_report(task, entry, file, &mut reports)),
                    Err(why) => self.refuse(task, &entry.path, &why),
                }
                continue;
            }
            if !entry.is_regular() || report(&entry.path).is_some() && paths::is_foreign(&entry.path) {
                continue;
            }
            let marks = self.exclusion.marks(&entry.path);
            // What is expressly not excluded is the work's own, whatever its path says.
            let own = (marks.excluded == Some(false)).then_some(false);
            let left_out = &mut self.survey.left_out;
            if marks.excluded == Some(true) {
                left_out.excluded += 1;
            } else if marks.vendored.or(own).unwrap_or_else(|| origin::is_vendored(&entry.path)) {
                left_out.vendored += 1;
            } else if marks.generated.or(own).unwrap_or_else(|| origin::is_generated(&entry.path)) {
                left_out.generated += 1;
            } else if entry.size > MAX_FILE_BYTES {
                left_out.large += 1;
            } else if chosen.len() as u64 >= MAX_FILES || bytes + entry.size > MAX_BYTES {
                left_out.beyond += 1;
            } else {
                bytes += entry.size;
                let form = Form::of(paths::file_name(&entry.path));
                let task = Task::Count { form, ours: marks.generated.is_some() };
                chosen.push(Chosen { task, path: &entry.path, object: &entry.object });
            }
        }
        chosen
    }

    fn choose_report<'a>(
        &mut self,
        task: Task,
        entry: &'a Entry,
        file: &'a Entry,
        reports: &mut Reports<'a>,
    ) -> Option<Chosen<'a>> {
        if !reports.seen.insert(&file.object) && entry.is_link() {
            return None;
        }
        let ((count, together), limit) = match task {
            Task::Coverage => (&mut reports.coverage, lcov::MAX_BYTES),
            _ => (&mut reports.findings, sarif::MAX_BYTES),
        };
        if file.size > limit {
            self.refuse(task, &entry.path, &format!("it has {} bytes, the limit is {limit}", file.size));
        } else if *count >= MAX_REPORTS || *together + file.size > MAX_REPORT_BYTES {
            self.survey.left_out.beyond += 1;
        } else {
            *count += 1;
            *together += file.size;
            return Some(Chosen { task, path: &entry.path, object: &file.object });
        }
        None
    }

    fn coverage(&mut self, path: &[u8], report: &[u8], entries: &[Entry]) {
        let mut coverage = lcov::Coverage::default();
        match coverage.add(report) {
            Ok(skipped) => {
                let names = Names::new(path, entries, coverage.files.keys().map(String::as_str));
                if let Err(error) = self.coverage.merge(coverage.renamed(|name| names.path(name))) {
                    return self.refuse(Task::Coverage, path, &error.to_string());
                }
                self.coverage_reports.push(plain(&String::from_utf8_lossy(path)));
                self.skip(Task::Coverage, path, skipped);
            }
            Err(error) => self.refuse(Task::Coverage, path, &error.to_string()),
        }
    }

    fn findings(&mut self, path: &[u8], report: &[u8]) {
        match self.findings.add(report) {
            Ok(skipped) => {
                self.findings_reports.push(plain(&String::from_utf8_lossy(path)));
                self.skip(Task::Findings, path, skipped);
            }
            Err(why) => self.refuse(Task::Findings, path, &why),
        }
    }

    fn skip(&mut self, task: Task, path: &[u8], odd: Odd) {
        if let Some(first) = odd.first {
            let report = plain(&String::from_utf8_lossy(path));
            self.survey.skipped.push(Skipped { input: task.input(), report, records: odd.count, first: plain(&first) });
        }
    }

    fn refuse(&mut self, task: Task, path: &[u8], why: &str) {
        let input = task.input();
        let why = format!("{}: {}", plain(&String::from_utf8_lossy(path)), plain(why));
        self.survey.unreadable.push(Unreadable { input, why });
    }

    fn count(&mut self, path: &[u8], form: Form, content: &[u8], sha256: &[u8; 32]) {
        let survey = &mut self.survey;
        let is_text = !origin::is_binary(content);
        survey.files += 1;
        // Licences and empty files are common to works that have nothing else in common.
        if !content.is_empty() && !about::is_license(paths::file_name(path)) {
            self.sketch.add_content(sha256);
            if is_text && !matches!(form, Form::Data) {
                self.sketch.add_text(content);
            }
        }
        if !is_text {
            return;
        }
        if about::is_readme(path) {
            let words = content.split(u8::is_ascii_whitespace).filter(|word| !word.is_empty()).count() as u64;
            survey.readme_words = survey.readme_words.max(Some(words));
        }
        match form {
            Form::Code(language) => survey.lines.add(lines::count(language, paths::is_test(path), content)),
            Form::Prose if !paths::is_test(path) && paths::folders(path).any(|folder| paths::one_of(folder, &DOCS)) => {
                let lines = content.split(|byte| *byte == b'\n').filter(|line| !line.trim_ascii().is_empty());
                survey.docs_lines += lines.count() as u64;
            }
            Form::Prose | Form::Data | Form::Other => {}
        }
    }

    fn finish(mut self, commit: &str) -> Survey {
        self.survey.commit = commit.to_owned();
        let lcov::Reached { found, hit } = self.coverage.reached();
        self.survey.coverage = (found > 0).then_some(ReportedCoverage {
            reports: self.coverage_reports,
            files: self.coverage.files.len() as u64,
            lines: found,
            lines_hit: hit,
        });
        self.survey.findings = (!self.findings.tools.is_empty())
            .then_some(ReportedFindings { reports: self.findings_reports, findings: self.findings });
        self.survey.signature = self.sketch.finish();
        self.survey
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn beyond(extension: &str, count: u64, size: u64) -> (u64, u64) {
        let entry = |number| Entry {
            mode: "100644".to_owned(),
            object: String::new(),
            size,
            path: format!("src/{number:06}.{extension}").into_bytes(),
        };
        let entries: Vec<Entry> = (0..count).map(entry).collect();
        let mut surveyor = Surveyor::default();
        let chosen = surveyor.choose(&entries, &Links::none(&entries)).len() as u64;
        (surveyor.survey.left_out.beyond, chosen)
    }

    #[test]
    fn a_tree_has_limits() {
        assert_eq!(beyond("rs", MAX_BYTES / MAX_FILE_BYTES + 2, MAX_FILE_BYTES), (2, MAX_BYTES / MAX_FILE_BYTES));
        assert_eq!(beyond("rs", MAX_FILES + 1, 1), (1, MAX_FILES));
        assert_eq!(beyond("lcov", 3, MAX_REPORT_BYTES / 2), (1, 2));
        assert_eq!(beyond("sarif", MAX_REPORTS + 3, 1), (3, MAX_REPORTS));
    }
}

//! A small real repository, made with `git` and no configuration of the machine.

use std::{fs, path::Path, process::Command};

use anyhow::{Result, ensure};
use importer::{Options, Repository};
use tempfile::TempDir;

pub const ADA: &str = "Ada <ada@example.org>";
pub const BOB: &str = "Bob <bob@example.org>";

pub struct Repo {
    folder: TempDir,
    seconds: u64,
}

impl Repo {
    pub fn new() -> Result<Self> {
        let repo = Self { folder: TempDir::new()?, seconds: 1_700_000_000 };
        repo.git(ADA, &["init", "--quiet", "--initial-branch=main"])?;
        Ok(repo)
    }

    fn path(&self) -> &Path {
        self.folder.path()
    }

    fn git(&self, who: &str, arguments: &[&str]) -> Result<()> {
        let (name, email) = who.split_once(" <").unwrap_or((who, ""));
        let (email, date) = (email.trim_end_matches('>'), format!("{} +0000", self.seconds));
        let mut command = Command::new("git");
        command.current_dir(self.path()).env("GIT_CONFIG_NOSYSTEM", "1").env("GIT_CONFIG_GLOBAL", "/dev/null");
        command.env("GIT_AUTHOR_NAME", name).env("GIT_AUTHOR_EMAIL", email).env("GIT_AUTHOR_DATE", &date);
        command.env("GIT_COMMITTER_NAME", name).env("GIT_COMMITTER_EMAIL", email).env("GIT_COMMITTER_DATE", &date);
        let output = command.env_remove("GIT_DIR").args(arguments).output()?;
        ensure!(output.status.success(), "git {arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
        Ok(())
    }

    /// Writes a file and commits it.
    pub fn commit(&mut self, who: &str, path: &str, content: &str, message: &str) -> Result<()> {
        self.seconds += 60;
        fs::create_dir_all(self.path().join(path).parent().unwrap_or(self.path()))?;
        fs::write(self.path().join(path), content)?;
        self.git(who, &["add", "--all"])?;
        self.git(who, &["commit", "--quiet", "--message", message])
    }

    /// Reads it, with addresses as a mapping file gives them.
    pub fn read(&self, mapping: &str) -> Result<Repository> {
        let options = Options { mapping: importer::parse_mapping(mapping)?, ..Options::default() };
        Ok(importer::read(self.path(), &options, &mut |_| {})?)
    }
}

/// A lock file of one own package that uses others, each by its name alone.
pub fn lock(packages: &[(&str, &[&str])]) -> String {
    let mut text = "version = 4\n".to_owned();
    for (name, dependencies) in packages {
        text += &format!("[[package]]\nname = \"{name}\"\nversion = \"1.0.0\"\n");
        if *name != "own" {
            text += "source = \"sparse+https://crates.example/index/\"\n";
        }
        text += &format!("dependencies = {dependencies:?}\n");
    }
    text
}

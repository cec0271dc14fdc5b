//! The demo is killed at fourteen points, and must end in the same amounts as an undisturbed run.

use std::{
    io::{BufRead, BufReader},
    path::Path,
    process::{Child, Command, Stdio},
    thread,
    time::Duration,
};

use anyhow::{Context, Result, ensure};
use serde_json::Value;
use tempfile::TempDir;
use testkit::Chain;

/// The lines after which the process is killed, each with a pause in milliseconds, so that it is killed in
/// the middle of the next step.
const POINTS: [(&str, u64); 14] = [
    ("Contracts:", 0),
    ("Contracts:", 120),
    ("Imported", 0),
    ("Registered asset 1", 40),
    ("Listed asset 1", 15),
    ("Sold asset 1", 10),
    ("Staked", 15),
    ("Licensed", 0),
    ("Derived", 60),
    ("Sold asset 2", 15),
    ("Raised", 25),
    ("Settled", 400),
    ("Distributed the pot of asset 1", 0),
    ("Published", 30),
];
/// How many stacks run at the same time.
const LANES: usize = 2;

/// A database, a chain and a folder that outlive the process under test.
struct Stack {
    url: String,
    chain: Chain,
    folder: TempDir,
}

impl Stack {
    async fn new() -> Result<Self> {
        Ok(Self { url: testkit::database_url().await?, chain: Chain::start().await?, folder: TempDir::new()? })
    }

    fn start(&self, repository: &Path) -> Result<Child> {
        Ok(Command::new(env!("CARGO_BIN_EXE_tributary"))
            .arg("demo")
            .arg(repository)
            .env("DATABASE_URL", &self.url)
            .env("RPC_URL", self.chain.url())
            .env("WS_URL", self.chain.ws_url())
            .env("DATA_DIR", self.folder.path())
            .env("RUST_LOG", "error")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::inherit())
            .spawn()?)
    }

    /// Runs to the end, and returns the amounts of the last line.
    fn finish(&self, repository: &Path) -> Result<Value> {
        let output = self.start(repository)?.wait_with_output()?;
        let text = String::from_utf8(output.stdout)?;
        let last = text.lines().last().context("the demo printed nothing")?;
        ensure!(output.status.success(), "the demo failed:\n{text}");
        let mut report: Value = serde_json::from_str(last)?;
        report.as_object_mut().context("the last line is an object")?.remove("seconds");
        Ok(report)
    }

    /// Runs until a line and a moment longer, then kills the process.
    fn kill_after(&self, repository: &Path, line: &str, pause: Duration) -> Result<()> {
        let mut child = self.start(repository)?;
        let lines = BufReader::new(child.stdout.take().context("a pipe")?).lines();
        let mut seen = false;
        for read in lines {
            if read?.starts_with(line) {
                seen = true;
                thread::sleep(pause);
                break;
            }
        }
        testkit::kill_9(child.id())?;
        child.wait()?;
        ensure!(seen, "the demo ended before it printed `{line}`");
        Ok(())
    }
}

fn git(folder: &Path, arguments: &[&str], author: &str) -> Result<()> {
    let status = Command::new("git")
        .arg("-C")
        .arg(folder)
        .args(arguments)
        .env("GIT_CONFIG_GLOBAL", "/dev/null")
        .env("GIT_AUTHOR_NAME", author)
        .env("GIT_AUTHOR_EMAIL", format!("{author}@example.org"))
        .env("GIT_COMMITTER_NAME", author)
        .env("GIT_COMMITTER_EMAIL", format!("{author}@example.org"))
        .stdout(Stdio::null())
        .status()?;
    ensure!(status.success(), "git {arguments:?} failed");
    Ok(())
}

/// Returns a repository with three authors and a lock file of five packages.
fn repository() -> Result<TempDir> {
    let folder = TempDir::new()?;
    git(folder.path(), &["init", "-q", "-b", "main"], "ada")?;
    let checksum = "0".repeat(64);
    let mut lock = String::from(
        "version = 4\n\n[[package]]\nname = \"own\"\nversion = \"1.0.0\"\ndependencies = [\"a\", \"b\"]\n",
    );
    for (name, uses) in [("a", "\"c\", \"d\""), ("b", "\"d\", \"e\""), ("c", ""), ("d", "\"e\""), ("e", "")] {
        lock.push_str(&format!(
            "\n[[package]]\nname = \"{name}\"\nversion = \"0.1.0\"\nsource = \"registry+https://example.org/index\"\nchecksum = \"{checksum}\"\ndependencies = [{uses}]\n"
        ));
    }
    std::fs::write(folder.path().join("Cargo.lock"), lock)?;
    for (n, author) in ["ada", "ben", "ada", "cleo", "ben", "ada", "cleo", "ada"].iter().enumerate() {
        std::fs::write(folder.path().join(format!("part_{n}.rs")), "fn part() {}\n".repeat(10 * (n + 1)))?;
        git(folder.path(), &["add", "."], author)?;
        git(folder.path(), &["commit", "-q", "-m", &format!("Part {n}")], author)?;
    }
    Ok(folder)
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_at_fourteen_points_the_demo_ends_in_the_same_amounts() -> Result<()> {
    let repository = repository()?;
    let stack = Stack::new().await?;
    let truth = stack.finish(repository.path())?;
    assert_eq!(truth["exact"], true, "{truth}");
    // A second run on the same stack finds everything done.
    assert_eq!(stack.finish(repository.path())?, truth, "the demo run twice");
    for points in POINTS.chunks(LANES) {
        let mut stacks = Vec::new();
        for _ in points {
            stacks.push(Stack::new().await?);
        }
        thread::scope(|scope| {
            let lanes: Vec<_> = points
                .iter()
                .zip(&stacks)
                .map(|((line, pause), stack)| {
                    let repository = repository.path();
                    scope.spawn(move || -> Result<Value> {
                        stack.kill_after(repository, line, Duration::from_millis(*pause))?;
                        stack.finish(repository)
                    })
                })
                .collect();
            for (lane, (line, pause)) in lanes.into_iter().zip(points) {
                let ended = lane.join().map_err(|_| anyhow::anyhow!("a lane panicked"))??;
                ensure!(ended == truth, "killed {pause} ms after `{line}`: {ended} instead of {truth}");
            }
            Ok(())
        })?;
    }
    Ok(())
}

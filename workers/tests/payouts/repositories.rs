//! Whole histories of thousands of commits are imported, measured, paid, divided, explained and divided again, to the last
//! unit.
//!
//! `REPOSITORIES` may name real ones, separated by colons, which are used in place of the one that is made here. The time and
//! memory that they take are printed.

use std::{
    collections::BTreeMap,
    fmt::Write as _,
    io::Write as _,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    time::Instant,
};

use alloy::primitives::{Address, U256, keccak256};
use anyhow::{Context, Result, ensure};
use commands::{import_repository, measure_work};
use domain::{
    derivation::explain,
    distribution::{Input, Recipient, digest},
};
use importer::{Options, Repository, coherence::survey};
use store::payouts::pots;
use tempfile::TempDir;
use testkit::account;

use crate::stage::{Stage, whole};

/// A work's income, which cannot be divided evenly.
const INCOME: u64 = 1_000_000_000_000_000_003;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn histories_of_thousands_of_commits_are_paid_to_the_last_unit() -> Result<()> {
    let made = TempDir::new()?;
    let paths = match std::env::var("REPOSITORIES") {
        Ok(paths) => paths.split(':').map(PathBuf::from).collect(),
        Err(_) => {
            make_history(made.path(), 5_200, 300)?;
            vec![made.path().to_owned()]
        }
    };
    let stage = Stage::start().await?;
    let mut parents = Vec::new();
    for (n, path) in paths.iter().enumerate() {
        let start = Instant::now();
        let repository = read(path)?;
        let read = start.elapsed();
        ensure!(repository.commits.len() > 5_000, "{} has only {} commits", path.display(), repository.commits.len());
        let commits = store(&stage, 1 + n as u32, path, &repository).await?;
        // Each work is made from the ones before, so that income flows down.
        let asset = stage.register(1 + n as u32, repository.content_hash, &parents, &whole(1 + n as u32)).await?;
        stage.fund(asset, INCOME).await?;
        parents.push(asset);
        println!(
            "{}: asset {asset}, {commits} commits by {} people, {} dependencies, read in {read:.1?}, stored by {:.1?}",
            repository.name,
            repository.people.len(),
            repository.externals.len(),
            start.elapsed()
        );
    }
    stage.settle().await?;
    let start = Instant::now();
    workers::close(&stage.context).await?;
    println!("divided in {:.1?}", start.elapsed());
    stage.check_books().await?;
    for id in 1..=paths.len() as i64 {
        divide_again(&stage, id).await?;
    }
    let (amount, distributed, reserved): (String, String, String) =
        sqlx::query_as("SELECT sum(amount)::text, sum(distributed)::text, sum(reserved)::text FROM distributions")
            .fetch_one(stage.pool())
            .await?;
    let amount: U256 = amount.parse()?;
    assert_eq!(amount, U256::from(INCOME) * U256::from(paths.len()));
    assert_eq!(amount, distributed.parse::<U256>()? + reserved.parse::<U256>()?);
    println!("{amount} wei = {distributed} distributed + {reserved} reserved; peak memory {}", peak_memory());

    // When they are imported again, nothing is new and nothing is divided twice.
    for (n, path) in paths.iter().enumerate() {
        let imported = stage.import(1 + n as u32, &read(path)?).await?;
        assert_eq!((imported.new_work, imported.new_contributions), (false, 0));
    }
    workers::close(&stage.context).await?;
    assert_eq!(stage.number("SELECT count(*) FROM distributions").await?, paths.len() as i64);
    stage.check_books().await
}

/// Reads a repository. Every other person gets an address, which is computed from their identity.
fn read(path: &Path) -> Result<Repository> {
    let mut repository = importer::read(path, &Options::default(), &mut |_| {})?;
    for person in repository.people.iter_mut().step_by(2).filter(|person| !person.system) {
        person.address = Some(Address::from_slice(&keccak256(&person.identity)[..20]));
        person.address_source = Some(importer::AddressSource::Mapping);
    }
    Ok(repository)
}

/// Stores a repository as an import does, and returns how many commits that were.
async fn store(stage: &Stage, owner: u32, path: &Path, repository: &Repository) -> Result<usize> {
    let survey = survey(path, Some(&repository.head), &Options::default())?;
    let mut tx = stage.pool().begin().await?;
    let imported = import_repository::import(&mut tx, account(owner), repository, "bafymanifest").await?;
    let (_, coherence) = measure_work::measure(&mut tx, imported.work_id, repository.content_hash, &survey).await?;
    tx.commit().await?;
    println!("coherence {} with confidence {}", coherence.score, coherence.confidence);
    let parts: usize = repository.commits.iter().map(|commit| commit.authors.len()).sum();
    assert_eq!(imported.new_contributions, parts as u64);
    Ok(repository.commits.len())
}

/// Divides a distribution again from its stored input, with the same result to the last byte, and explains every payout of it.
async fn divide_again(stage: &Stage, id: i64) -> Result<()> {
    let mut conn = stage.pool().acquire().await?;
    let recorded = pots::recorded(&mut conn, id).await?.context("no input is stored")?;
    let start = Instant::now();
    let input = Input::parse(&recorded.input)?;
    let result = input.distribute()?;
    assert_eq!(digest(&recorded.input), recorded.input_hash);
    assert_eq!(digest(&result.canonical(&input.graph)), recorded.result_hash);
    assert_eq!(pots::differing_flow(&mut conn, id, &input.graph, &result).await?, None);
    let again = start.elapsed();
    let rows: Vec<(Vec<u8>, String)> = sqlx::query_as(
        "SELECT account::bytea, amount::text FROM payouts WHERE distribution_id = $1 AND reserve_id IS NULL",
    )
    .bind(id)
    .fetch_all(&mut *conn)
    .await?;
    let paid: BTreeMap<Address, U256> = rows
        .iter()
        .map(|(account, amount)| Ok((Address::from_slice(account), amount.parse()?)))
        .collect::<Result<_>>()?;
    assert_eq!(paid.len(), result.payouts.len());
    let start = Instant::now();
    for (account, amount) in &paid {
        let why = explain(&input.graph, &result, &Recipient::Account(*account));
        assert_eq!(why.total.0, *amount, "{account} of distribution {id}");
        for (place, step) in why.steps.iter().enumerate() {
            let own: U256 = step.paid.iter().map(|part| part.amount.0).sum();
            let beneath = why.steps.iter().filter(|other| other.under == Some(place));
            assert_eq!(step.own.0, own);
            assert_eq!(step.subtotal.0, own + beneath.map(|step| step.subtotal.0).sum::<U256>());
        }
    }
    println!(
        "distribution {id}: {} works, {} flows, {} payouts, {} reserves; divided again in {again:.1?}, explained in {:.1?}",
        input.graph.works().len(),
        result.flows.len(),
        result.payouts.len(),
        result.reserved.len(),
        start.elapsed()
    );
    Ok(())
}

/// Makes a repository with this many commits by this many people. One commit in seven has a co-author, and one in five is to a
/// test.
fn make_history(folder: &Path, commits: usize, people: usize) -> Result<()> {
    let git = |arguments: &[&str]| {
        let mut git = Command::new("git");
        git.arg("-C").arg(folder).args(arguments).env("GIT_CONFIG_GLOBAL", "/dev/null").env_remove("GIT_DIR");
        git
    };
    ensure!(git(&["init", "--quiet", "--initial-branch=main"]).status()?.success(), "git init failed");
    let mut stream = String::new();
    for n in 0..commits {
        let author = (n * n + 7 * n) % people;
        let mut message = format!("Work {n}\n");
        if n % 7 == 0 {
            write!(message, "\nCo-authored-by: P <p{}@example.org>\n", (author + 1) % people)?;
        }
        let folder = if n % 5 == 0 { "tests" } else { "src" };
        let content: String = (0..1 + n % 40).map(|line| format!("let line_{line} = {n};\n")).collect();
        write!(
            stream,
            "commit refs/heads/main\nauthor P{author} <p{author}@example.org> {time} +0000\n\
             committer P{author} <p{author}@example.org> {time} +0000\ndata {}\n{message}M 644 inline {folder}/part_{}.rs\ndata {}\n{content}\n",
            message.len(),
            n % 400,
            content.len(),
            time = 1_600_000_000 + 60 * n,
        )?;
    }
    let mut import = git(&["fast-import", "--quiet"]).stdin(Stdio::piped()).spawn()?;
    import.stdin.take().context("a pipe")?.write_all(stream.as_bytes())?;
    ensure!(import.wait()?.success(), "git fast-import failed");
    Ok(())
}

/// Returns the peak memory of this process, according to the kernel.
fn peak_memory() -> String {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    status.lines().find_map(|line| line.strip_prefix("VmHWM:")).map_or("unknown".into(), |text| text.trim().to_owned())
}

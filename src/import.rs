//! `tributary import git`

use std::path::PathBuf;

use alloy::primitives::Address;
use anyhow::{Context, Result};
use commands::{
    import_repository::{self, Imported},
    measure_work,
};
use domain::coherence::Coherence;
use importer::{
    Exclude, Options, Phase, Progress, Repository,
    coherence::{self, Survey},
};
use service::Settings;
use sqlx::PgPool;
use vault::Vault;

use crate::process;

/// What `tributary import git` is told.
#[derive(Debug, clap::Args)]
pub struct Git {
    path: PathBuf,
    /// The account the work belongs to; FUNDING.json may name it too
    #[arg(long)]
    owner: Option<Address>,
    /// A file of lines `email = 0xaddress`: where people are paid
    #[arg(long)]
    map: Option<PathBuf>,
    /// Paths whose dependencies, reports and lines do not count, as in .gitignore, such as `examples/`; may be repeated
    #[arg(long, value_name = "PATTERN")]
    exclude: Vec<String>,
    /// Refuse the repository when a file of it cannot be read, instead of leaving that file out
    #[arg(long)]
    strict: bool,
}

/// Runs `tributary import git`, which stores a repository as a work and prints what was recorded.
///
/// # Errors
/// When the repository or the mapping cannot be read, when the owner is unknown, or when the
/// database or the vault fails.
pub async fn command(settings: &Settings, git: &Git) -> Result<()> {
    let Git { path, owner, map, exclude, strict } = git;
    let mapping = match map {
        Some(file) => {
            let text = std::fs::read_to_string(file).with_context(|| format!("{} cannot be read", file.display()))?;
            importer::parse_mapping(&text)?
        }
        None => importer::Mapping::default(),
    };
    let mut options = Options { mapping, strict: *strict, ..options(settings)? };
    options.exclude = Exclude::new(settings.repositories.exclude.0.iter().chain(exclude))?;
    let pool = process::database(settings).await?;
    let vault = process::vault(settings)?;
    let source = read(path.clone(), options).await?;
    let owner = owner.or(source.repository.owner_address).context(
        "whose work is this? Give --owner 0xaddress, or put a FUNDING.json with drips.ethereum.ownedBy into the repository",
    )?;
    let stored = store(&pool, &vault, owner, &source).await?;
    if stored.imported.attributed_otherwise > 0 {
        eprintln!(
            "  note: {} commits stay with the people they were recorded for; the history names others now",
            stored.imported.attributed_otherwise
        );
    }
    println!("{}", serde_json::to_string_pretty(&stored)?);
    Ok(())
}

/// Returns how repositories are read, according to the settings.
///
/// # Errors
/// When an excluded path is not understood, or the list of programs cannot be read.
pub fn options(settings: &Settings) -> Result<Options> {
    let exclude =
        Exclude::new(&settings.repositories.exclude.0).context("the setting repositories.exclude is wrong")?;
    Ok(Options { exclude, programs: process::programs(settings)?, ..Options::default() })
}

/// A repository, and the survey of its files.
pub struct Source {
    pub repository: Repository,
    pub survey: Survey,
}

impl Source {
    /// Returns what was left out or is uncertain.
    pub fn notes(&self) -> Vec<String> {
        [self.repository.warnings.clone(), self.survey.notes()].concat()
    }
}

/// What was stored of it.
#[derive(Debug, serde::Serialize)]
pub struct Stored {
    #[serde(flatten)]
    pub imported: Imported,
    /// The work's coherence, and where each part of it comes from.
    pub coherence: Coherence,
    pub inputs: Vec<coherence::Source>,
    /// What was left out or is uncertain.
    pub notes: Vec<String>,
}

/// Reads a repository, showing progress.
///
/// # Errors
/// When the repository cannot be read.
pub async fn read(path: PathBuf, options: Options) -> Result<Source> {
    let source = tokio::task::spawn_blocking(move || {
        let mut shown = std::time::Instant::now();
        let repository = importer::read(&path, &options, &mut |progress: Progress| {
            if shown.elapsed().as_millis() > 500 {
                shown = std::time::Instant::now();
                eprintln!("  {}", shown_progress(&progress));
            }
        })?;
        let survey = importer::coherence::survey(&path, Some(&repository.head), &options)?;
        anyhow::Ok(Source { repository, survey })
    })
    .await??;
    for note in source.notes() {
        eprintln!("  note: {note}");
    }
    Ok(source)
}

fn shown_progress(progress: &Progress) -> String {
    let what = match progress.phase {
        Phase::Commits => "commits read",
        Phase::Files => "files hashed",
        Phase::Dependencies => "dependencies found",
    };
    match progress.total {
        Some(total) => format!("{} of {total} {what}", progress.done),
        None => format!("{} {what}", progress.done),
    }
}

/// Stores a repository's manifest, records and measured coherence. All records are stored, or none.
///
/// # Errors
/// When the vault or the database fails.
pub async fn store(pool: &PgPool, vault: &Vault, owner: Address, source: &Source) -> Result<Stored> {
    let Source { repository, survey } = source;
    let manifest = vault.put_bytes(repository.manifest.clone().into()).await?;
    let mut tx = pool.begin().await?;
    let imported = import_repository::import(&mut tx, owner, repository, &manifest.cid.to_string()).await?;
    let (measured, coherence) =
        measure_work::measure(&mut tx, imported.work_id, repository.content_hash, survey).await?;
    tx.commit().await?;
    Ok(Stored { imported, coherence, inputs: measured.sources, notes: source.notes() })
}

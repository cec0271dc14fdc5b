//! `tributary import git`

use std::path::{Path, PathBuf};

use alloy::primitives::Address;
use anyhow::{Context, Result};
use importer::{Options, Phase, Progress, Repository};
use service::Settings;
use sqlx::PgPool;
use store::imports::{self, Imported};
use vault::Vault;

use crate::process;

pub async fn command(settings: &Settings, path: &Path, owner: Option<Address>, map: Option<&Path>) -> Result<()> {
    let mapping = match map {
        Some(file) => {
            let text = std::fs::read_to_string(file).with_context(|| format!("{} cannot be read", file.display()))?;
            importer::parse_mapping(&text)?
        }
        None => importer::Mapping::default(),
    };
    let pool = process::migrate(settings).await?;
    let vault = process::vault(settings)?;
    let repository = read(path.to_owned(), Options { mapping, ..Options::default() }).await?;
    let owner = owner.or(repository.owner_address).context(
        "whose work is this? Give --owner 0xaddress, or put a FUNDING.json with drips.ethereum.ownedBy into the repository",
    )?;
    let imported = store(&pool, &vault, owner, &repository).await?;
    println!("{}", serde_json::to_string_pretty(&imported)?);
    Ok(())
}

/// Reads a repository, showing progress.
pub async fn read(path: PathBuf, options: Options) -> Result<Repository> {
    let repository = tokio::task::spawn_blocking(move || {
        let mut shown = std::time::Instant::now();
        importer::read(&path, &options, &mut |progress: Progress| {
            if shown.elapsed().as_millis() > 500 {
                shown = std::time::Instant::now();
                eprintln!("  {}", shown_progress(&progress));
            }
        })
    })
    .await??;
    for warning in &repository.warnings {
        eprintln!("  note: {warning}");
    }
    Ok(repository)
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

/// Stores a repository's manifest and records; all of it or nothing.
pub async fn store(pool: &PgPool, vault: &Vault, owner: Address, repository: &Repository) -> Result<Imported> {
    let manifest = vault.put_bytes(repository.manifest.clone().into()).await?;
    let mut tx = pool.begin().await?;
    let imported = imports::store(&mut tx, owner, repository, &manifest.cid.to_string()).await?;
    tx.commit().await?;
    Ok(imported)
}

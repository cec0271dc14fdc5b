//! Imports a repository: its work, its version, people, contributions and external works are recorded in one transaction.
//! Importing it again adds only what is new.

use alloy::primitives::Address;
use domain::cost::Evidence;
use importer::{Person, Repository, User, github};
use sqlx::PgConnection;
use store::{
    StoreError,
    accounts::identities::{self, Named},
    works::{
        self, NewWork,
        commits::{self, Author, Commit, clean},
        contributions,
        dependencies::{self, External, Use},
    },
};

use crate::Tx;

/// The result of an import.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize)]
pub struct Imported {
    pub work_id: i64,
    /// Whether the work was unknown before.
    pub new_work: bool,
    pub new_contributions: u64,
    /// The number of contributions that count, or wait for the owner's decision.
    pub contributions: i64,
    pub new_addresses: u64,
    /// The number of commits that were recorded before for other people than the history names now. They stay with those
    /// people.
    pub attributed_otherwise: u64,
    /// The number of external works that the lock files name.
    pub externals: usize,
}

/// Records a repository as a work of `owner`. `cid` names its manifest in the vault.
///
/// # Errors
/// When the database fails.
pub async fn import(tx: &mut Tx, owner: Address, repository: &Repository, cid: &str) -> Result<Imported, StoreError> {
    let (work_id, new_work) = describe(tx, owner, repository, cid).await?;
    let commits: Vec<Commit<'_>> = repository.commits.iter().map(|commit| of(repository, commit)).collect();
    let recorded = commits::record(tx, work_id, owner, Evidence::FilesAndLines, &commits).await?;
    let new_addresses = record_addresses(tx, work_id, repository).await?;
    replace_dependencies(tx, work_id, repository).await?;
    Ok(Imported {
        work_id,
        new_work,
        new_contributions: recorded.contributions,
        contributions: contributions::count(tx, work_id).await?,
        new_addresses,
        attributed_otherwise: recorded.attributed_otherwise,
        externals: repository.externals.len(),
    })
}

async fn describe(
    tx: &mut PgConnection,
    owner: Address,
    repository: &Repository,
    cid: &str,
) -> Result<(i64, bool), StoreError> {
    let title = repository.title.as_deref().filter(|title| !title.is_empty()).unwrap_or(&repository.name);
    let title: String = title.chars().take(200).collect();
    // A README without prose has its title for a description; said once is enough.
    let description = repository.description.as_deref().filter(|text| *text != title).unwrap_or_default();
    let description: String = description.chars().take(5000).collect();
    let new = NewWork {
        owner,
        kind: "CODE",
        title: &clean(&title),
        description: &clean(&description),
        source: "git",
        source_key: &repository.key,
        source_url: repository.url.as_deref(),
    };
    let work = works::describe(tx, &new).await?;
    works::add_version(tx, work.id, repository.content_hash, cid, &repository.head).await?;
    Ok((work.id, work.is_new))
}

/// Returns a commit in the form in which it is recorded.
fn of<'a>(repository: &'a Repository, commit: &'a importer::Commit) -> Commit<'a> {
    Commit {
        id: &commit.id,
        time: commit.time,
        subject: &commit.subject,
        touches_tests: commit.touches_tests,
        cost: commit.cost,
        evidence: None,
        authors: commit.authors.iter().map(|author| person(&repository.people[*author])).collect(),
        triggered_by: commit.triggered_by.map(|author| person(&repository.people[author])),
    }
}

fn person(person: &Person) -> Author<'_> {
    Author { identity: &person.identity, name: &person.name, system: person.system, also: &person.also }
}

/// Returns the author of a commit that GitHub told of.
pub fn author(author: &github::Author) -> Author<'_> {
    Author { identity: &author.identity, name: &author.name, system: author.system, also: &author.also }
}

/// Records the addresses that differ from the newest known ones of this work, except for people who signed for theirs. An
/// account that signed for the name that the repository gives it is linked to it.
async fn record_addresses(tx: &mut PgConnection, work_id: i64, repository: &Repository) -> Result<u64, StoreError> {
    let people: Vec<(String, Address, String)> = repository
        .people
        .iter()
        .filter_map(|one| {
            let source = one.address_source.map(|source| source.to_string()).unwrap_or_default();
            Some((person(one).key(), one.address?, source))
        })
        .collect();
    let named = people.iter().filter(|(_, _, source)| !source.is_empty());
    let named: Vec<Named> = named.map(|(key, account, source)| Named { key, account: *account, source }).collect();
    identities::prove(tx, work_id, &named).await?;
    let linked = identities::link(tx, None, Some(work_id)).await?;
    let added = identities::record_addresses(tx, work_id, &people).await?;
    Ok(linked + added)
}

async fn replace_dependencies(tx: &mut PgConnection, work_id: i64, repository: &Repository) -> Result<(), StoreError> {
    let externals: Vec<External<'_>> = repository
        .externals
        .iter()
        .map(|external| External {
            purl: &external.purl,
            name: &external.name,
            version: &external.version,
            integrity: external.integrity.as_deref(),
            content_hash: external.content_hash,
        })
        .collect();
    let uses: Vec<Use<'_>> = repository
        .uses
        .iter()
        .map(|edge| Use {
            user: match &edge.from {
                User::Root => None,
                User::External(purl) => Some(purl),
            },
            dependency: &edge.to,
            uses: edge.weight.into(),
        })
        .collect();
    dependencies::replace(tx, work_id, &externals, &uses).await
}

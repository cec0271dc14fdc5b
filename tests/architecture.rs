//! Compares what docs/ARCHITECTURE.md says with the code: who depends on whom, and who writes which table.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result, ensure};

/// Our crates, each with those of our crates that it may depend on. The test fails when a line is missing here, or is no longer
/// needed, so the table is the map.
const DEPENDENCIES: &[(&str, &[&str])] = &[
    ("advisors", &["agents", "domain", "facts", "store"]),
    ("agents", &["domain", "learning", "metta"]),
    (
        "backend",
        &[
            "advisors", "agents", "bindings", "chain", "commands", "domain", "facts", "importer", "service", "store",
            "vault",
        ],
    ),
    ("bindings", &[]),
    ("chain", &["outbound"]),
    ("commands", &["advisors", "bindings", "domain", "facts", "importer", "store", "vault"]),
    ("domain", &[]),
    ("facts", &["domain"]),
    ("importer", &["domain"]),
    ("indexer", &["bindings", "chain", "facts", "service", "store"]),
    ("learning", &[]),
    ("metta", &[]),
    ("outbound", &[]),
    ("queue", &["facts", "service", "store"]),
    ("sender", &["bindings", "chain", "facts", "service", "store"]),
    ("service", &["domain"]),
    ("store", &["domain", "facts"]),
    ("testkit", &["bindings", "chain", "facts", "queue", "sender", "service", "store"]),
    ("vault", &["domain", "outbound"]),
    (
        "workers",
        &[
            "advisors", "agents", "bindings", "commands", "domain", "facts", "queue", "sender", "service", "store",
            "vault",
        ],
    ),
];

/// The tables that our code writes by name, each with its only writer: a module, given by the path with which all its files
/// begin.
const WRITERS: &[(&str, &str)] = &[
    ("account_names", "crates/store/src/accounts/identities.rs"),
    ("advice", "crates/store/src/advice/mod.rs"),
    ("agent_models", "crates/store/src/advice/mod.rs"),
    ("book_checks", "crates/store/src/payouts/books/"),
    ("book_people", "crates/store/src/payouts/books/"),
    ("book_positions", "crates/store/src/payouts/books/"),
    ("book_senders", "crates/store/src/payouts/books/"),
    ("book_totals", "crates/store/src/payouts/books/"),
    ("chain.blocks", "indexer/src/"),
    ("chain.cursors", "indexer/src/"),
    ("chain.deployments", "crates/store/src/deployments.rs"),
    ("chain.leaders", "indexer/src/"),
    ("contributions", "crates/store/src/works/contributions.rs"),
    ("contributor_addresses", "crates/store/src/accounts/identities.rs"),
    ("contributors", "crates/store/src/works/contributions.rs"),
    ("distributed_incomes", "crates/store/src/payouts/pots.rs"),
    ("distribution_carries", "crates/store/src/payouts/pots.rs"),
    ("distribution_flows", "crates/store/src/payouts/pots.rs"),
    ("distributions", "crates/store/src/payouts/pots.rs"),
    ("external_works", "crates/store/src/works/dependencies.rs"),
    ("github_deliveries", "crates/store/src/github.rs"),
    ("github_hooks", "crates/store/src/github.rs"),
    ("identity_claims", "crates/store/src/accounts/identities.rs"),
    ("identity_proofs", "crates/store/src/accounts/identities.rs"),
    ("ledger.events", "crates/store/src/ledger/"),
    ("ledger.head", "crates/store/src/ledger/"),
    ("ledger.nodes", "crates/store/src/ledger/"),
    ("ledger.pending", "crates/store/src/ledger/"),
    ("ledger.streams", "crates/store/src/ledger/"),
    ("market_days", "crates/store/src/market/days.rs"),
    ("order_screenings", "crates/store/src/market/screenings.rs"),
    ("orders", "crates/store/src/market/orders.rs"),
    ("outbox", "crates/store/src/facts/outbox.rs"),
    ("outbox_readers", "crates/store/src/facts/outbox.rs"),
    ("payout_root_entries", "crates/store/src/payouts/roots.rs"),
    ("payout_root_levels", "crates/store/src/payouts/roots.rs"),
    ("payout_roots", "crates/store/src/payouts/roots.rs"),
    ("payouts", "crates/store/src/payouts/pots.rs"),
    ("reserves", "crates/store/src/payouts/pots.rs"),
    ("rule_bases", "crates/store/src/advice/mod.rs"),
    ("sender_accounts", "crates/sender/src/"),
    ("sender_attempts", "crates/sender/src/"),
    ("sender_transactions", "crates/sender/src/"),
    ("sessions", "crates/store/src/accounts/sessions.rs"),
    ("siwe_nonces", "crates/store/src/accounts/nonces.rs"),
    ("uploads", "crates/store/src/works/uploads.rs"),
    ("watch_entries", "crates/store/src/advice/watch.rs"),
    ("work_dependencies", "crates/store/src/works/dependencies.rs"),
    ("work_measurements", "crates/store/src/works/measurements.rs"),
    ("work_signatures", "crates/store/src/works/measurements.rs"),
    ("work_uses", "crates/store/src/works/dependencies.rs"),
    ("work_versions", "crates/store/src/works/mod.rs"),
    ("works", "crates/store/src/works/mod.rs"),
];

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Returns the folders of our crates, without the executable's.
fn crates() -> Result<Vec<PathBuf>> {
    let mut folders: Vec<PathBuf> =
        ["backend", "indexer", "workers", "contracts/bindings"].map(|one| root().join(one)).into();
    for entry in fs::read_dir(root().join("crates"))? {
        folders.push(entry?.path());
    }
    folders.sort();
    Ok(folders)
}

#[test]
fn crates_depend_on_those_that_the_table_names() -> Result<()> {
    let mut found: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for folder in crates()? {
        let manifest: toml::Table = fs::read_to_string(folder.join("Cargo.toml"))?.parse()?;
        let name = manifest["package"]["name"].as_str().context("a name")?.to_owned();
        let dependencies = manifest.get("dependencies").and_then(toml::Value::as_table);
        found.insert(name, dependencies.into_iter().flat_map(|table| table.keys().cloned()).collect());
    }
    let ours: BTreeSet<String> = found.keys().cloned().collect();
    for dependencies in found.values_mut() {
        dependencies.retain(|one| ours.contains(one));
    }
    let table: BTreeMap<String, BTreeSet<String>> = DEPENDENCIES
        .iter()
        .map(|(name, allowed)| ((*name).to_owned(), allowed.iter().map(|one| (*one).to_owned()).collect()))
        .collect();
    for (name, dependencies) in &found {
        let allowed = table.get(name).with_context(|| format!("the crate {name} is not in the table"))?;
        let more: Vec<&String> = dependencies.difference(allowed).collect();
        ensure!(more.is_empty(), "{name} depends on {more:?}, which the table does not allow");
        let fewer: Vec<&String> = allowed.difference(dependencies).collect();
        ensure!(fewer.is_empty(), "{name} no longer depends on {fewer:?}: take that out of the table");
    }
    ensure!(found.len() == table.len(), "the table names a crate that does not exist");
    Ok(())
}

/// Collects the Rust sources below a folder.
fn sources(folder: &Path, found: &mut Vec<PathBuf>) -> Result<()> {
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            sources(&path, found)?;
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
    Ok(())
}

/// Returns the tables that a text writes by name.
fn written(text: &str) -> BTreeSet<String> {
    let words: Vec<&str> = text.split_whitespace().collect();
    let name = |word: &str| {
        let end = word
            .find(|letter: char| !(letter.is_ascii_lowercase() || letter == '_' || letter == '.'))
            .unwrap_or(word.len());
        word[..end].trim_end_matches('.').to_owned()
    };
    // The character before a statement in the source, such as a quotation mark, is not a letter.
    let begins = |word: &str, keyword: &str| {
        word.strip_suffix(keyword)
            .is_some_and(|before| !before.ends_with(|letter: char| letter.is_ascii_alphanumeric()))
    };
    let after = |at: usize| words.get(at).map(|word| name(word));
    let mut found = BTreeSet::new();
    for (at, word) in words.iter().enumerate() {
        let next = words.get(at + 1).copied().unwrap_or_default();
        let table = if (begins(word, "INSERT") && next == "INTO") || (begins(word, "DELETE") && next == "FROM") {
            after(at + 2)
        } else if begins(word, "UPDATE") {
            after(at + 1)
        } else {
            None
        };
        found.extend(table.filter(|table| !table.is_empty()));
    }
    found
}

/// Returns the tables that exist after all migrations.
fn tables() -> Result<BTreeSet<String>> {
    let mut migrations: Vec<PathBuf> =
        fs::read_dir(root().join("crates/store/migrations"))?.map(|entry| Ok(entry?.path())).collect::<Result<_>>()?;
    migrations.sort();
    let mut tables = BTreeSet::new();
    for migration in migrations {
        let text = fs::read_to_string(migration)?;
        let words: Vec<&str> = text.split_whitespace().collect();
        for window in words.windows(6) {
            let name = |word: &str| word.trim_end_matches([';', '(', ',']).to_owned();
            match window {
                ["CREATE", "TABLE", "IF", "NOT", "EXISTS", table] | ["CREATE", "TABLE", table, ..]
                    if *table != "IF" =>
                {
                    tables.insert(name(table));
                }
                ["DROP", "TABLE", table, ..] => {
                    tables.remove(&name(table));
                }
                ["ALTER", "TABLE", old, "RENAME", "TO", new] => {
                    tables.remove(&name(old));
                    tables.insert(name(new));
                }
                _ => {}
            }
        }
    }
    Ok(tables)
}

#[test]
fn every_table_has_one_writer() -> Result<()> {
    let tables = tables()?;
    let mut writers: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for folder in crates()?.into_iter().chain([root().to_owned()]) {
        let mut files = Vec::new();
        sources(&folder.join("src"), &mut files)?;
        for file in files {
            let place = file.strip_prefix(root())?.to_string_lossy().into_owned();
            for table in written(&fs::read_to_string(&file)?) {
                if tables.contains(&table) {
                    writers.entry(table).or_default().insert(place.clone());
                }
            }
        }
    }
    let table: BTreeMap<&str, &str> = WRITERS.iter().copied().collect();
    let mut wrong = Vec::new();
    for (name, places) in &writers {
        match table.get(name.as_str()) {
            None => wrong.push(format!("{name} is written by {places:?}, and has no line in the table")),
            Some(writer) => wrong.extend(
                places
                    .iter()
                    .filter(|place| !place.starts_with(writer))
                    .map(|place| format!("{place} writes {name}, which is {writer}'s")),
            ),
        }
    }
    wrong.extend(table.keys().filter(|name| !writers.contains_key(**name)).map(|name| format!("nobody writes {name}")));
    ensure!(wrong.is_empty(), "{}", wrong.join("\n"));
    Ok(())
}

#[test]
fn what_is_written_is_recognised() {
    let found = |text: &str| written(text).into_iter().collect::<Vec<_>>();
    assert_eq!(found("sqlx::query!(\"INSERT INTO works (id) VALUES ($1)\")"), ["works"]);
    assert_eq!(found("r#\"UPDATE chain.cursors SET x\"#"), ["chain.cursors"]);
    assert_eq!(
        found("WITH gone AS (DELETE FROM siwe_nonces WHERE true) INSERT INTO a.b SELECT"),
        ["a.b", "siwe_nonces"]
    );
    assert!(
        found("SELECT 1 FROM works FOR NO KEY UPDATE OF c; ON CONFLICT DO UPDATE SET x = 1")
            .iter()
            .all(|one| one.is_empty() || !one.contains("works"))
    );
}

#[test]
fn the_pages_have_words_for_every_kind_of_fact_in_the_ledger() -> Result<()> {
    let words = fs::read_to_string(root().join("frontend/src/features/ledger/words.ts"))?;
    let kinds: Vec<_> = facts::Kind::ALL.iter().filter(|kind| kind.told_to().ledger()).collect();
    ensure!(!kinds.is_empty(), "no kind of fact is in the ledger");
    for kind in kinds {
        ensure!(words.contains(&format!("\"{kind}\":")), "words.ts does not say what `{kind}` means");
    }
    Ok(())
}

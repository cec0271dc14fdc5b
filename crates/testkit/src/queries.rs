//! Checks that the descriptions of queries in `.sqlx`, against which every build is checked, are what the database says.
//!
//! A query that has no description does not compile. Each description is compared here with what a migrated database says about
//! its query, as `./dev db prepare` would write it, and must belong to a query that is still in the sources.

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result};
use proc_macro2::{TokenStream, TokenTree};
use serde_json::Value;
use sqlx::{AssertSqlSafe, Executor, SqlSafeStr};

fn workspace() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// Returns the text and the description of each checked-in query.
fn described() -> Result<Vec<(String, Value)>> {
    let mut all = vec![];
    for file in fs::read_dir(workspace().join(".sqlx"))? {
        let path = file?.path();
        let mut query: Value = serde_json::from_slice(&fs::read(&path)?)?;
        let text = query["query"].as_str().with_context(|| format!("{} has no query", path.display()))?.to_owned();
        all.push((text, query["describe"].take()));
    }
    anyhow::ensure!(!all.is_empty(), "no query is described in .sqlx");
    Ok(all)
}

/// Leaves out whether a column can be null if its name says so (`name!`, `name?`). The database guesses this from the plan that
/// it happens to choose, so only the name counts.
fn without_guesses(mut description: Value) -> Value {
    let names: Vec<String> = description["columns"].as_array().into_iter().flatten().map(named).collect();
    for (name, nullable) in names.iter().zip(description["nullable"].as_array_mut().into_iter().flatten()) {
        if name.ends_with(['!', '?']) {
            *nullable = Value::Null;
        }
    }
    description
}

/// Returns the name of a column as its query gives it, without the type that may follow.
fn named(column: &Value) -> String {
    let name = column["name"].as_str().unwrap_or_default();
    name.split(':').next().unwrap_or_default().trim_end().to_owned()
}

/// Adds every text literal of the sources in a folder.
fn literals(folder: &Path, into: &mut BTreeSet<String>) -> Result<()> {
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        if path.is_dir() {
            // Installed and built files are not our sources.
            if !name.starts_with('.') && name != "node_modules" && name != "target" {
                literals(&path, into)?;
            }
        } else if name.ends_with(".rs") {
            let tokens = fs::read_to_string(&path)?.parse::<TokenStream>();
            let tokens = tokens.map_err(|error| anyhow::anyhow!("{}: {error}", path.display()))?;
            literals_of(tokens, into);
        }
    }
    Ok(())
}

fn literals_of(tokens: TokenStream, into: &mut BTreeSet<String>) {
    for token in tokens {
        match token {
            TokenTree::Group(group) => literals_of(group.stream(), into),
            TokenTree::Literal(literal) => {
                if let syn::Lit::Str(text) = syn::Lit::new(literal) {
                    into.insert(text.value());
                }
            }
            TokenTree::Ident(_) | TokenTree::Punct(_) => {}
        }
    }
}

#[tokio::test]
async fn are_described_as_the_database_describes_them() -> Result<()> {
    let pool = crate::database().await?;
    let mut wrong = vec![];
    for (text, description) in described()? {
        let found = match pool.describe(AssertSqlSafe(text.clone()).into_sql_str()).await {
            Ok(found) => without_guesses(serde_json::to_value(found)?),
            Err(error) => Value::String(error.to_string()),
        };
        let description = without_guesses(description);
        if found != description {
            wrong.push(format!("{text}\n  is described as {description}\n  and the database says {found}"));
        }
    }
    anyhow::ensure!(wrong.is_empty(), "run ./dev db prepare:\n{}", wrong.join("\n"));
    Ok(())
}

#[test]
fn are_all_in_the_sources() -> Result<()> {
    let mut literals_of_all = BTreeSet::new();
    literals(&workspace(), &mut literals_of_all)?;
    let unused: Vec<String> =
        described()?.into_iter().map(|(text, _)| text).filter(|text| !literals_of_all.contains(text)).collect();
    anyhow::ensure!(unused.is_empty(), "run ./dev db prepare: no source has\n{}", unused.join("\n"));
    Ok(())
}

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

/// The text literals of the sources.
#[derive(Default)]
struct Literals {
    whole: BTreeSet<String>,
    /// What a macro puts one of its arguments between: `"SELECT " + $column + " FROM works"`.
    around: Vec<(String, String)>,
}

impl Literals {
    fn have(&self, text: &str) -> bool {
        let within = |(before, after): &(String, String)| {
            let rest = text.strip_prefix(before.as_str()).and_then(|rest| rest.strip_suffix(after.as_str()));
            rest.is_some_and(|argument| self.whole.contains(argument))
        };
        self.whole.contains(text) || self.around.iter().any(within)
    }
}

/// Adds every text literal of the sources in a folder.
fn literals(folder: &Path, into: &mut Literals) -> Result<()> {
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

fn literals_of(tokens: TokenStream, into: &mut Literals) {
    let tokens: Vec<TokenTree> = tokens.into_iter().collect();
    for (place, token) in tokens.iter().enumerate() {
        if let TokenTree::Group(group) = token {
            literals_of(group.stream(), into);
        }
        let Some(text) = literal(token) else { continue };
        if let [plus, dollar, TokenTree::Ident(_), again, end, ..] = &tokens[place + 1..]
            && let Some(end) = literal(end)
            && is(plus, '+')
            && is(dollar, '$')
            && is(again, '+')
        {
            into.around.push((text.clone(), end));
        }
        into.whole.insert(text);
    }
}

fn literal(token: &TokenTree) -> Option<String> {
    let TokenTree::Literal(literal) = token else { return None };
    match syn::Lit::new(literal.clone()) {
        syn::Lit::Str(text) => Some(text.value()),
        _ => None,
    }
}

fn is(token: &TokenTree, sign: char) -> bool {
    matches!(token, TokenTree::Punct(punct) if punct.as_char() == sign)
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
    let mut sources = Literals::default();
    literals(&workspace(), &mut sources)?;
    let unused: Vec<String> =
        described()?.into_iter().map(|(text, _)| text).filter(|text| !sources.have(text)).collect();
    anyhow::ensure!(unused.is_empty(), "run ./dev db prepare: no source has\n{}", unused.join("\n"));
    Ok(())
}

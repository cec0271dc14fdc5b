//! Reading stored facts, whatever version of Tributary stored them.
//!
//! The outbox keeps the version of a kind beside each fact. [`CURRENT`] is read as it is. Older ones are brought up to date
//! here, with one function per version. Old rows in their original form are the tests of it (`tests/golden`).
//!
//! Version 0 is what was stored before facts had types: columns of the mirror's tables by their names, bytes as PostgreSQL
//! writes them (`\x..`), and the subject in a key of its own (`31337:7`). Readers acted on some kinds only, so the others
//! cannot be read.

use serde_json::{Map, Value, json};

use crate::{Account, BodyError, ChainId, Fact, Kind, ParseError, Subject};

/// The version in which facts are stored.
pub const CURRENT: u16 = 1;

/// The reason why a stored fact cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// Its kind or subject is unknown.
    #[error(transparent)]
    Unknown(#[from] ParseError),
    /// Its body does not fit.
    #[error(transparent)]
    Body(#[from] BodyError),
    /// A newer program stored it.
    #[error(
        "`{kind}` is stored in version {version}, and this program knows up to {CURRENT}: it is older than the database"
    )]
    TooNew {
        /// The kind.
        kind: Kind,
        /// Its version.
        version: u16,
    },
    /// Nobody ever read this kind in version 0.
    #[error("`{0}` of version 0 is not read")]
    Forgotten(String),
}

/// Reads a stored fact, and returns it with its subject.
///
/// # Errors
/// When the fact has a kind or version that this program does not know, or when its body does not fit its kind.
pub fn read(version: u16, kind: &str, subject: &str, body: Value) -> Result<(Subject, Fact), ReadError> {
    if version == 0 {
        return read_0(kind, subject, body);
    }
    let kind: Kind = kind.parse()?;
    if version > CURRENT {
        return Err(ReadError::TooNew { kind, version });
    }
    Ok((subject.parse()?, kind.read(body)?))
}

/// Returns the chain of a fact of version 0, if it belongs to one. Its key begins with the chain.
pub fn chain_of_version_0(topic: &str, key: &str) -> Option<ChainId> {
    let of_a_work = matches!(topic, "contributor.address_known" | "webhook.received");
    if of_a_work { None } else { key.split(':').next()?.parse().ok() }
}

fn read_0(topic: &str, key: &str, payload: Value) -> Result<(Subject, Fact), ReadError> {
    let (chain, id) = key.split_once(':').unwrap_or((key, ""));
    let of_chain = |noun: &str| format!("{noun}:{chain}").parse::<Subject>();
    let old = Old(payload);
    let (kind, subject, body) = match topic {
        "asset.registered" | "asset.transferred" | "asset.cid_updated" | "asset.sold" => {
            let kind: Kind = topic.parse()?;
            (kind, format!("asset:{chain}:{id}").parse()?, old.camel_case(&[("asset_id", "asset")]))
        }
        "root.proposed" | "root.activated" | "root.vetoed" => {
            let kind: Kind = topic.parse()?;
            let body = old.camel_case(&[]);
            // A row without a root has no subject, which parsing says.
            let root = body["root"].as_str().unwrap_or_default();
            (kind, format!("root:{root}").parse()?, body)
        }
        "income.finalized" => (Kind::IncomeFinalized, of_chain("chain")?, old.0),
        "contributor.address_known" => {
            let body = json!({"work": key, "addresses": old.0["addresses"]});
            (Kind::WorkPayeesChanged, format!("work:{key}").parse()?, body)
        }
        "webhook.received" => (Kind::GithubDelivered, format!("work:{key}").parse()?, json!({"work": key})),
        _ => return Err(ReadError::Forgotten(topic.to_owned())),
    };
    Ok((subject, kind.read(body)?))
}

/// The body of a fact of version 0: a row of the mirror as JSON.
struct Old(Value);

impl Old {
    /// Returns the body with names and values as version 1 writes them.
    fn camel_case(&self, renamed: &[(&str, &str)]) -> Value {
        let columns = self.0.as_object().into_iter().flatten().map(|(name, value)| {
            let name =
                renamed.iter().find(|(old, _)| old == name).map_or_else(|| camel(name), |(_, new)| (*new).to_owned());
            let value = match (name.as_str(), value) {
                ("asset", Value::Number(number)) => number.to_string().into(),
                ("parents", Value::Array(parents)) => parents.iter().map(Value::to_string).collect(),
                (_, Value::String(text)) => modern(text),
                _ => value.clone(),
            };
            (name, value)
        });
        columns.collect::<Map<_, _>>().into()
    }
}

fn camel(name: &str) -> String {
    let mut parts = name.split('_');
    let first = parts.next().unwrap_or_default().to_owned();
    parts.fold(first, |name, part| {
        let mut letters = part.chars();
        let initial = letters.next().map(|letter| letter.to_ascii_uppercase());
        name + &initial.into_iter().chain(letters).collect::<String>()
    })
}

/// Converts a text of version 0, which has bytes as the database writes them, and `infinity` for a time without end.
fn modern(text: &str) -> Value {
    match text.strip_prefix("\\x").map(|digits| format!("0x{digits}")) {
        Some(address) if address.len() == 42 => {
            address.parse::<Account>().map_or_else(|_| address.as_str().into(), |account| account.to_string().into())
        }
        Some(bytes) => bytes.into(),
        None if text == "infinity" => Value::Null,
        None => text.into(),
    }
}

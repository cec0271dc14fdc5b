//! Recorded questions and answers of agents, which outlive the program that wrote them.
//!
//! A record keeps the version of its form. Today's form is read as it is, and an older one is brought up to date first. A new
//! field that old records lack, or a field with a new meaning, needs a new version: [`Document::VERSION`] grows,
//! [`Document::upgrade`] says what the older form means, and a record of it becomes a golden document in `tests/golden`.

use serde::{Serialize, de::DeserializeOwned};
use serde_json::Value;

/// A question or an answer that is recorded.
pub trait Document: Serialize + DeserializeOwned {
    /// The version of its form.
    const VERSION: u16 = 1;

    /// Brings a record of an older version into today's form. `None` when this is not possible.
    fn upgrade(_version: u16, _document: Value) -> Option<Value> {
        None
    }
}

/// A record that cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum Unreadable {
    /// Another program wrote it.
    #[error("it has version {found} of its form, and this program reads up to {known}")]
    Version {
        /// The record's version.
        found: u16,
        /// Today's version.
        known: u16,
    },
    /// It does not have the form of its version.
    #[error("it is not what version {version} says: {source}")]
    Form {
        /// The record's version.
        version: u16,
        /// What is wrong with it.
        source: serde_json::Error,
    },
}

/// Reads a record.
///
/// # Errors
/// When its version is unknown, or it does not have the form of its version.
pub fn read<T: Document>(version: u16, text: &str) -> Result<T, Unreadable> {
    let form = |source| Unreadable::Form { version, source };
    if version == T::VERSION {
        return serde_json::from_str(text).map_err(form);
    }
    let old = serde_json::from_str(text).map_err(form)?;
    let upgraded = if version < T::VERSION { T::upgrade(version, old) } else { None };
    let upgraded = upgraded.ok_or(Unreadable::Version { found: version, known: T::VERSION })?;
    serde_json::from_value(upgraded).map_err(form)
}

impl Document for crate::pricing::Question {}
impl Document for crate::pricing::Advice {}
impl Document for crate::risk::Advice {}
impl Document for crate::risk::Screening {}
impl Document for crate::collaboration::Question {}
impl Document for crate::collaboration::Advice {}

#[cfg(test)]
mod tests {
    use serde::Deserialize;
    use serde_json::json;

    use super::*;

    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    struct Price {
        coins: u32,
        /// New in version 2.
        currency: String,
    }

    impl Document for Price {
        const VERSION: u16 = 2;

        fn upgrade(version: u16, mut document: Value) -> Option<Value> {
            (version == 1).then(|| {
                document["currency"] = json!("ether");
                document
            })
        }
    }

    #[test]
    fn older_forms_are_read_as_todays() {
        let ether = Price { coins: 3, currency: "ether".into() };
        assert_eq!(read::<Price>(1, r#"{"coins":3}"#).unwrap(), ether);
        assert_eq!(read::<Price>(2, r#"{"coins":3,"currency":"ether"}"#).unwrap(), ether);
        for (version, text) in
            [(0, r#"{"coins":3}"#), (3, r#"{"coins":3,"currency":"ether"}"#), (2, r#"{"coins":3}"#), (1, "{")]
        {
            assert!(read::<Price>(version, text).is_err(), "{version} {text}");
        }
    }
}

//! The parties of a distribution: works, contributors and recipients.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use crate::money::{Address, AssetId};

/// The text names neither a work nor a beneficiary.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is not {expected}")]
pub struct ParsePartyError {
    text: String,
    expected: &'static str,
}

/// Someone to whom money is due but who has no address here yet. Their part stays in the pot. It is listed, but not
/// in any root.
///
/// As text, in JSON and in storage: `external:pkg:cargo/serde@1.0.0` or `identity:mailto:ada@example.org`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Beneficiary {
    /// The maintainers of a work known only by its package or repository URL.
    External(String),
    /// A contributor known only by an identity, such as `mailto:ada@example.org`.
    Identity(String),
}

impl fmt::Display for Beneficiary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::External(url) => write!(f, "external:{url}"),
            Self::Identity(identity) => write!(f, "identity:{identity}"),
        }
    }
}

impl FromStr for Beneficiary {
    type Err = ParsePartyError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text.split_once(':') {
            Some(("external", url)) if !url.is_empty() => Ok(Self::External(url.to_owned())),
            Some(("identity", identity)) if !identity.is_empty() => Ok(Self::Identity(identity.to_owned())),
            _ => Err(ParsePartyError { text: text.to_owned(), expected: "`external:` or `identity:` and a name" }),
        }
    }
}

/// The name of a work. Ties are decided in the order of names: assets by number, then external works by URL.
///
/// As text, in JSON and in storage: `asset:7` or `external:pkg:cargo/serde@1.0.0`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum WorkKey {
    /// A work registered on chain.
    Asset(AssetId),
    /// A work known only by its package or repository URL.
    External(String),
}

impl fmt::Display for WorkKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Asset(id) => write!(f, "asset:{id}"),
            Self::External(url) => write!(f, "external:{url}"),
        }
    }
}

impl FromStr for WorkKey {
    type Err = ParsePartyError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let parsed = match text.split_once(':') {
            Some(("asset", id)) => id.parse().ok().map(Self::Asset),
            Some(("external", url)) if !url.is_empty() => Some(Self::External(url.to_owned())),
            _ => None,
        };
        parsed.ok_or_else(|| ParsePartyError {
            text: text.to_owned(),
            expected: "`asset:` and a number or `external:` and a URL",
        })
    }
}

/// Implements serde with the text of `Display` and `FromStr`.
macro_rules! serde_as_text {
    ($($type:ty),*) => {$(
        impl Serialize for $type {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        impl<'de> Deserialize<'de> for $type {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                String::deserialize(deserializer)?.parse().map_err(de::Error::custom)
            }
        }
    )*};
}
serde_as_text!(Beneficiary, WorkKey);

/// Who receives an amount: an account, which is paid, or a beneficiary, for whom it is reserved.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Recipient {
    /// An account on chain.
    Account(Address),
    /// Someone without an account so far.
    Reserved(Beneficiary),
}

impl fmt::Display for Recipient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Account(address) => fmt::Display::fmt(address, f),
            Self::Reserved(beneficiary) => fmt::Display::fmt(beneficiary, f),
        }
    }
}

/// Who contributed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Contributor {
    /// A person or an organisation.
    Human(Recipient),
    /// A tool, a model or a bot. It is not paid; the one who triggered it is.
    System {
        /// Its name, such as `ci-bot`.
        id: String,
        /// Who made it act: a human, another SYSTEM, or nobody known.
        triggered_by: Option<Box<Contributor>>,
    },
}

impl Contributor {
    /// Returns the human at the end of the chain of SYSTEMs, if there is one.
    pub fn human(&self) -> Option<&Recipient> {
        let mut contributor = self;
        loop {
            match contributor {
                Self::Human(recipient) => return Some(recipient),
                Self::System { triggered_by, .. } => contributor = triggered_by.as_deref()?,
            }
        }
    }

    /// Returns whether a SYSTEM did the work.
    pub fn is_system(&self) -> bool {
        matches!(self, Self::System { .. })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_stable() {
        for text in ["external:pkg:cargo/x@1", "identity:mailto:a@b.c", "external:https://example.org/x"] {
            assert_eq!(text.parse::<Beneficiary>().unwrap().to_string(), text);
        }
        for text in ["asset:7", "external:pkg:npm/%40a/b@1.0.0"] {
            assert_eq!(text.parse::<WorkKey>().unwrap().to_string(), text);
        }
        for wrong in ["", "external:", "identity", "mailto:a@b.c", "asset:x", "asset:-1"] {
            assert!(wrong.parse::<Beneficiary>().is_err(), "{wrong}");
            assert!(wrong.parse::<WorkKey>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn assets_come_before_external_works() {
        let keys = ["asset:2", "asset:10", "external:a"].map(|text| text.parse::<WorkKey>().unwrap());
        assert!(keys.is_sorted());
    }

    #[test]
    fn a_chain_of_systems_ends_at_a_human_or_at_nobody() {
        let ada = Recipient::Account(Address::repeat_byte(1));
        let system = |triggered_by: Option<Contributor>| Contributor::System {
            id: "bot".into(),
            triggered_by: triggered_by.map(Box::new),
        };
        let chain = system(Some(system(Some(Contributor::Human(ada.clone())))));
        assert_eq!(chain.human(), Some(&ada));
        assert_eq!(system(Some(system(None))).human(), None);
    }
}

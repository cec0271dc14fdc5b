//! Where a fact is listed, and what it is about.
//!
//! A stream is a list of facts that somebody follows: an asset's, an account's. A subject is the one thing that a fact is about.
//! Both are written as text such as `asset:31337:7`, in the ledger, in the outbox and in the API.

use std::{borrow::Cow, fmt, str::FromStr};

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use crate::value::{Account, Asset, ChainId, Hash, Id, ParseError};

/// Declares an enum whose variants have a name and parts, which are written one after the other and separated by colons.
macro_rules! names {
    (
        $(#[$meta:meta])* $type:ident, $expected:literal,
        $($(#[$doc:meta])* $variant:ident = $name:literal { $($part:ident: $kind:ty),* },)*
    ) => {
        $(#[$meta])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum $type {
            $($(#[$doc])* $variant {
                $(#[allow(missing_docs)] $part: $kind,)*
            },)*
        }

        impl fmt::Display for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                match self {
                    $(Self::$variant { $($part),* } => {
                        f.write_str($name)?;
                        $(write!(f, ":{}", $part)?;)*
                    })*
                }
                Ok(())
            }
        }

        impl FromStr for $type {
            type Err = ParseError;

            fn from_str(text: &str) -> Result<Self, ParseError> {
                let wrong = || ParseError::new($expected, text);
                let (name, parts) = text.split_once(':').ok_or_else(wrong)?;
                let mut parts = parts.split(':');
                let found = match name {
                    $($name => Self::$variant {
                        $($part: parts.next().and_then(|part| part.parse().ok()).ok_or_else(wrong)?,)*
                    },)*
                    _ => return Err(wrong()),
                };
                if parts.next().is_some() { Err(wrong()) } else { Ok(found) }
            }
        }

        impl Serialize for $type {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        impl<'de> Deserialize<'de> for $type {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                Cow::<'de, str>::deserialize(deserializer)?.parse().map_err(de::Error::custom)
            }
        }
    };
}

names! {
    /// A list of facts that can be followed.
    Stream, "the name of a stream, such as `asset:31337:7`",
    /// What happened to an asset. The ledger shows it together with the streams of the works that speak for the asset.
    Asset = "asset" { chain: ChainId, asset: Asset },
    /// What happened to a work, before and after it became an asset.
    Work = "work" { work: Id },
    /// What an account did, and what was done to it.
    Account = "account" { account: Account },
    /// What somebody contributed, and where they are paid.
    Contributor = "contributor" { contributor: Id },
    /// What was said of a signed order.
    Order = "order" { order: Hash },
    /// One division of income, and what was released of its reserves.
    Distribution = "distribution" { distribution: Id },
    /// All divisions of income on a chain, and the claims.
    Payouts = "payouts" { chain: ChainId },
    /// All payout roots of a chain.
    Roots = "roots" { chain: ChainId },
    /// One payout root.
    Root = "root" { root: Hash },
    /// Checks of a chain's books.
    Books = "books" { chain: ChainId },
    /// What concerns a chain's market as a whole.
    Chain = "chain" { chain: ChainId },
}

names! {
    /// The one thing that a fact is about.
    Subject, "the name of a subject, such as `asset:31337:7`",
    /// An asset of a chain.
    Asset = "asset" { chain: ChainId, asset: Asset },
    /// A work.
    Work = "work" { work: Id },
    /// An account.
    Account = "account" { account: Account },
    /// A contributor.
    Contributor = "contributor" { contributor: Id },
    /// A contribution.
    Contribution = "contribution" { contribution: Id },
    /// A claim of an account to an email or login.
    Identity = "identity" { claim: Id },
    /// A signed order, by its EIP-712 hash.
    Order = "order" { order: Hash },
    /// A division of income.
    Distribution = "distribution" { distribution: Id },
    /// What is kept for somebody without an address.
    Reserve = "reserve" { reserve: Id },
    /// A payout root.
    Root = "root" { root: Hash },
    /// A piece of advice.
    Advice = "advice" { advice: Id },
    /// An entry of the watch list.
    Watch = "watch" { entry: Id },
    /// The books of a chain.
    Books = "books" { chain: ChainId },
    /// A chain's market as a whole.
    Chain = "chain" { chain: ChainId },
    /// A webhook at GitHub, by its UUID as a number.
    GithubHook = "github_hook" { hook: Uuid },
}

/// A UUID: 32 hexadecimal digits in groups of 8, 4, 4, 4 and 12.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Uuid(pub u128);

impl fmt::Display for Uuid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let digits = format!("{:032x}", self.0);
        write!(f, "{}-{}-{}-{}-{}", &digits[..8], &digits[8..12], &digits[12..16], &digits[16..20], &digits[20..])
    }
}

impl FromStr for Uuid {
    type Err = ParseError;

    fn from_str(text: &str) -> Result<Self, ParseError> {
        let digits: String = text.split('-').collect();
        let uuid = u128::from_str_radix(&digits, 16).ok().map(Self).filter(|uuid| uuid.to_string() == text);
        uuid.ok_or_else(|| ParseError::new("a UUID in lower-case digits", text))
    }
}

impl Stream {
    /// Creates an asset's stream.
    pub fn asset(chain: ChainId, asset: u64) -> Self {
        Self::Asset { chain, asset: asset.into() }
    }

    /// Creates a work's stream.
    pub fn work(work: i64) -> Self {
        Self::Work { work: work.into() }
    }

    /// Creates an account's stream.
    pub fn account(account: impl Into<Account>) -> Self {
        Self::Account { account: account.into() }
    }

    /// Creates a contributor's stream.
    pub fn contributor(contributor: i64) -> Self {
        Self::Contributor { contributor: contributor.into() }
    }
}

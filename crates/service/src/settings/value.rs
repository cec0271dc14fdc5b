//! The types of settings. Each value is read from text, as an environment variable or a TOML file gives it.

use std::{
    collections::{BTreeMap, BTreeSet},
    net::SocketAddr,
    path::PathBuf,
    str::FromStr,
};

use alloy_primitives::Address;
use domain::{distribution::Policy, money::Amount};

use super::{Secret, SecretUrl};

/// A value that a setting can have.
pub(super) trait Value: Sized {
    /// Reads the value from text.
    ///
    /// # Errors
    /// When the text is not such a value. The error says what is wrong, for people, and does not repeat a
    /// secret.
    fn parse(text: &str) -> Result<Self, String>;

    /// Returns the value for people, without secrets. `None` where nothing is set.
    fn show(&self) -> Option<String>;

    /// Returns the value that stands for an unset setting, if the setting may be left out.
    fn unset() -> Option<Self> {
        None
    }
}

impl<V: Value> Value for Option<V> {
    fn parse(text: &str) -> Result<Self, String> {
        V::parse(text).map(Some)
    }

    fn show(&self) -> Option<String> {
        self.as_ref().and_then(V::show)
    }

    fn unset() -> Option<Self> {
        Some(None)
    }
}

fn parsed<T: FromStr>(text: &str, what: &str) -> Result<T, String> {
    text.parse().map_err(|_| format!("`{text}` is not {what}"))
}

macro_rules! plain {
    ($($type:ty: $what:literal),+) => {$(
        impl Value for $type {
            fn parse(text: &str) -> Result<Self, String> {
                parsed(text, $what)
            }

            fn show(&self) -> Option<String> {
                Some(self.to_string())
            }
        }
    )+};
}

plain!(
    u32: "a whole number",
    u64: "a whole number",
    String: "text",
    Address: "an address of 20 bytes, 0x-hex",
    SocketAddr: "an address with a port, such as 127.0.0.1:4400"
);

impl Value for PathBuf {
    fn parse(text: &str) -> Result<Self, String> {
        parsed(text, "a path")
    }

    fn show(&self) -> Option<String> {
        Some(self.display().to_string())
    }
}

impl Value for Secret {
    fn parse(text: &str) -> Result<Self, String> {
        Ok(Self::new(text))
    }

    fn show(&self) -> Option<String> {
        Some("[secret]".into())
    }
}

impl Value for SecretUrl {
    fn parse(text: &str) -> Result<Self, String> {
        Self::parse(text)
    }

    fn show(&self) -> Option<String> {
        Some(self.to_string())
    }
}

impl Value for Vec<SecretUrl> {
    fn parse(text: &str) -> Result<Self, String> {
        let urls: Self = listed(text).map(SecretUrl::parse).collect::<Result<_, _>>()?;
        if urls.is_empty() { Err("there is no URL in it".into()) } else { Ok(urls) }
    }

    fn show(&self) -> Option<String> {
        Some(self.iter().map(ToString::to_string).collect::<Vec<_>>().join(", "))
    }
}

impl Value for Policy {
    fn parse(text: &str) -> Result<Self, String> {
        let policies = [Self::PassDown, Self::Pooled];
        let found = policies.into_iter().find(|policy| policy.as_str() == text);
        found.ok_or_else(|| format!("`{text}` is neither `pass_down` nor `pooled`"))
    }

    fn show(&self) -> Option<String> {
        Some(self.as_str().into())
    }
}

/// How the mirror tells that a block is final.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Finality {
    /// By the chain's own `safe` and `finalized` tags.
    Tags,
    /// This many blocks behind the head, for chains without tags.
    Depth(u64),
}

impl Value for Finality {
    fn parse(text: &str) -> Result<Self, String> {
        match text {
            "tags" => Ok(Self::Tags),
            depth => parsed(depth, "`tags`, and no number of blocks").map(Self::Depth),
        }
    }

    fn show(&self) -> Option<String> {
        Some(match self {
            Self::Tags => "tags".into(),
            Self::Depth(blocks) => blocks.to_string(),
        })
    }
}

/// How lines of the log are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogFormat {
    /// As text for people.
    Text,
    /// One JSON object a line.
    Json,
}

impl Value for LogFormat {
    fn parse(text: &str) -> Result<Self, String> {
        match text {
            "text" => Ok(Self::Text),
            "json" => Ok(Self::Json),
            other => Err(format!("`{other}` is neither `text` nor `json`")),
        }
    }

    fn show(&self) -> Option<String> {
        Some(if *self == Self::Text { "text" } else { "json" }.into())
    }
}

/// The least that is paid, by currency, in its base units.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MinPayouts(pub BTreeMap<Address, Amount>);

impl Value for MinPayouts {
    fn parse(text: &str) -> Result<Self, String> {
        let pairs = listed(text).map(|pair| {
            let parts = pair.split_once('=').and_then(|(token, amount)| {
                Some((token.trim().parse().ok()?, amount.trim().replace('_', "").parse().ok()?))
            });
            parts.ok_or_else(|| format!("`{pair}` is not `0xtoken=amount`, the amount in base units"))
        });
        pairs.collect::<Result<_, _>>().map(Self)
    }

    fn show(&self) -> Option<String> {
        let pairs = self.0.iter().map(|(token, amount)| format!("{token}={amount}"));
        Some(pairs.collect::<Vec<_>>().join(", ")).filter(|text| !text.is_empty())
    }
}

/// Some currencies.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Currencies(pub BTreeSet<Address>);

impl Value for Currencies {
    fn parse(text: &str) -> Result<Self, String> {
        let address = |part: &str| part.parse().map_err(|_| format!("`{part}` is not the address of a token"));
        listed(text).map(address).collect::<Result<_, _>>().map(Self)
    }

    fn show(&self) -> Option<String> {
        Some(self.0.iter().map(Address::to_string).collect::<Vec<_>>().join(", ")).filter(|text| !text.is_empty())
    }
}

/// Patterns of paths. Whoever uses them says whether they are sound.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Patterns(pub Vec<String>);

impl Value for Patterns {
    fn parse(text: &str) -> Result<Self, String> {
        Ok(Self(listed(text).map(str::to_owned).collect()))
    }

    fn show(&self) -> Option<String> {
        Some(self.0.join(", ")).filter(|text| !text.is_empty())
    }
}

/// Splits a list at its commas.
fn listed(text: &str) -> impl Iterator<Item = &str> {
    text.split(',').map(str::trim).filter(|part| !part.is_empty())
}

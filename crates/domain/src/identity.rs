//! Who somebody is, as records name them: one text for each person or tool.
//!
//! ```text
//! account:0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed   an account on chain
//! mailto:ada@example.org                               an email, in lower case
//! github:ada                                           a login at GitHub, in lower case
//! tool:claude-sonnet-4                                 a SYSTEM: a tool, a model or a bot
//! ```

use std::{fmt, str::FromStr};

use crate::money::Address;

/// The longest email address, in bytes (RFC 5321).
const LONGEST_EMAIL: usize = 254;
/// GitHub's limit.
const LONGEST_LOGIN: usize = 39;
/// The longest name of a tool, in characters.
const LONGEST_TOOL: usize = 200;

/// Somebody, or a tool, under one name.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Identity {
    /// An account on chain.
    Account(Address),
    /// An email, in lower case.
    Email(String),
    /// A login at GitHub, in lower case.
    GitHub(String),
    /// A SYSTEM, by its name.
    Tool(String),
}

/// The text does not name anybody.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("is not `mailto:` and an email, `github:` and a login, `tool:` and a name, or `account:` and an address")]
pub struct UnknownIdentity;

/// A rule that a claim to an identity breaks. [`code`](Fault::code) and [`field`](Fault::field) are stable; the text is
/// for people, and completes a sentence that begins with the field.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// Accounts and tools cannot be claimed.
    #[error("is not `mailto:` and an email or `github:` and a login")]
    NotClaimable,
    /// The account did not sign what a claim says.
    #[error("is not by {account} over this statement: {statement:?}")]
    SignatureInvalid {
        /// Who would have to sign.
        account: Address,
        /// What would have to be signed.
        statement: String,
    },
}

impl Fault {
    /// Returns the stable code of the fault, for programs.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::NotClaimable => "not_claimable",
            Self::SignatureInvalid { .. } => "signature_invalid",
        }
    }

    /// Returns the field that is wrong.
    pub const fn field(&self) -> &'static str {
        match self {
            Self::NotClaimable => "identity",
            Self::SignatureInvalid { .. } => "signature",
        }
    }
}

impl Identity {
    /// Reads the identity that a text claims: an email or a login.
    ///
    /// # Errors
    /// When it is neither.
    pub fn claimable(text: &str) -> Result<Self, Fault> {
        match text.parse() {
            Ok(identity @ (Self::Email(_) | Self::GitHub(_))) => Ok(identity),
            _ => Err(Fault::NotClaimable),
        }
    }

    /// Names somebody by their email. `None` when it is malformed.
    pub fn email(email: &str) -> Option<Self> {
        let email = email.trim().to_lowercase();
        let (mailbox, host) = email.rsplit_once('@')?;
        let odd = |letter: char| letter.is_whitespace() || letter.is_control() || matches!(letter, '<' | '>');
        let sound = !mailbox.is_empty() && !host.is_empty() && email.len() <= LONGEST_EMAIL && !email.contains(odd);
        sound.then(|| Self::Email(email.clone()))
    }

    /// Names somebody by their login at GitHub. `None` when GitHub does not allow such a login.
    pub fn github(login: &str) -> Option<Self> {
        let letters = || login.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
        let sound = (1..=LONGEST_LOGIN).contains(&login.len()) && !login.starts_with('-') && letters();
        sound.then(|| Self::GitHub(login.to_ascii_lowercase()))
    }

    /// Names a SYSTEM. `None` unless the name has 1 to 200 printable characters.
    pub fn tool(name: &str) -> Option<Self> {
        let sound = (1..=LONGEST_TOOL).contains(&name.chars().count()) && name.trim() == name;
        (sound && !name.contains(char::is_control)).then(|| Self::Tool(name.to_owned()))
    }

    /// Returns whether this is a SYSTEM, which is never paid itself.
    pub fn is_system(&self) -> bool {
        matches!(self, Self::Tool(_))
    }

    /// Returns what to call them as long as nobody gave a name. It never contains a whole email address.
    pub fn default_name(&self) -> String {
        match self {
            Self::Account(account) => account.to_checksum(None),
            Self::Email(email) => email.rsplit_once('@').map_or(email.as_str(), |(mailbox, _)| mailbox).to_owned(),
            Self::GitHub(name) | Self::Tool(name) => name.clone(),
        }
    }
}

impl fmt::Display for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Account(account) => write!(f, "account:{}", account.to_checksum(None)),
            Self::Email(email) => write!(f, "mailto:{email}"),
            Self::GitHub(login) => write!(f, "github:{login}"),
            Self::Tool(name) => write!(f, "tool:{name}"),
        }
    }
}

impl FromStr for Identity {
    type Err = UnknownIdentity;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let parsed = match text.split_once(':') {
            Some(("account", address)) => address.parse().ok().map(Self::Account),
            Some(("mailto", email)) => Self::email(email),
            Some(("github", login)) => Self::github(login),
            Some(("tool", name)) => Self::tool(name),
            _ => None,
        };
        parsed.ok_or(UnknownIdentity)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_identity_has_one_text() {
        for (text, shown, name) in [
            ("mailto:Ada@Example.ORG", "mailto:ada@example.org", "ada"),
            ("mailto:a@b@c", "mailto:a@b@c", "a@b"),
            ("github:Ada-L", "github:ada-l", "ada-l"),
            ("tool:mailto:bot@example.org", "tool:mailto:bot@example.org", "mailto:bot@example.org"),
            (
                "account:0x5aaeb6053f3e94c9b9a09f33669435e7ef1beaed",
                "account:0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed",
                "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed",
            ),
        ] {
            let identity: Identity = text.parse().unwrap();
            assert_eq!((identity.to_string(), identity.default_name()), (shown.to_owned(), name.to_owned()));
            assert_eq!(identity.to_string().parse(), Ok(identity));
        }
        assert!("tool:x".parse::<Identity>().unwrap().is_system());
    }

    #[test]
    fn only_emails_and_logins_can_be_claimed() {
        assert_eq!(Identity::claimable("mailto:Ada@Example.ORG"), Ok(Identity::Email("ada@example.org".into())));
        assert_eq!(Identity::claimable("github:Ada"), Ok(Identity::GitHub("ada".into())));
        for text in ["tool:x", "account:0x5aaeb6053f3e94c9b9a09f33669435e7ef1beaed", "ada", ""] {
            assert_eq!(Identity::claimable(text), Err(Fault::NotClaimable), "{text:?}");
        }
    }

    #[test]
    fn what_names_nobody_is_refused() {
        let long = ["mailto:", "github:", "tool:"].map(|kind| format!("{kind}{}@b", "x".repeat(300)));
        let wrong = [
            "",
            "ada",
            "mailto:",
            "mailto:ada",
            "mailto:@b",
            "mailto:a@",
            "mailto:a b@c",
            "mailto:a@b\0",
            "github:",
            "github:-a",
            "github:a_b",
            "github:a/b",
            "tool:",
            "tool: x",
            "tool:a\nb",
            "account:0x12",
            "name:ada",
        ];
        for text in wrong.into_iter().chain(long.iter().map(String::as_str)) {
            assert_eq!(text.parse::<Identity>(), Err(UnknownIdentity), "{text:?}");
        }
    }
}

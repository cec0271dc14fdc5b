//! The people who wrote something: names and emails as commits give them, and the identities they stand for.

use std::collections::{BTreeSet, HashMap};

use domain::identity::Identity;

use crate::{ImportError, git::Git};

/// Names are cut here, in characters.
const LONGEST_NAME: usize = 200;
/// Programs that commit under a plain name.
const ROBOTS: [&str; 8] = [
    "dependabot",
    "dependabot-preview",
    "renovate",
    "renovate-bot",
    "renovate bot",
    "github-actions",
    "github actions",
    "greenkeeper",
];

/// A name and an email, as a commit or one of its trailers writes them.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct Contact {
    pub(crate) name: String,
    pub(crate) email: String,
}

impl Contact {
    /// Reads `Name <email>`; a text without brackets is a name.
    pub(crate) fn parse(text: &str) -> Self {
        let (name, email) = match text.rsplit_once('<') {
            Some((name, rest)) => (name, rest.split_once('>').map_or(rest, |(email, _)| email)),
            None => (text, ""),
        };
        Self { name: name.trim().to_owned(), email: email.trim().to_owned() }
    }

    /// Returns `mailto:` and the email in lower case, or, without a usable email, `name:` and the name in lower
    /// case.
    pub(crate) fn identity(&self) -> String {
        if let Some(identity) = email_identity(&self.email) {
            return identity;
        }
        let name = self.display_name().to_lowercase();
        format!("name:{}", if name.is_empty() { "unknown".to_owned() } else { cut(&name) })
    }

    /// Returns the name on one line, or the email if there is no name.
    pub(crate) fn display_name(&self) -> String {
        let text = if self.name.trim().is_empty() { &self.email } else { &self.name };
        let words: String = text.chars().map(|letter| if letter.is_control() { ' ' } else { letter }).collect();
        cut(words.split_whitespace().collect::<Vec<_>>().join(" ").trim_matches(['<', '>']))
    }

    /// Returns whether this is a program: it has `[bot]` in the name or email, or the name of a program that
    /// commits without it.
    pub(crate) fn is_system(&self) -> bool {
        let (name, email) = (self.name.trim().to_lowercase(), self.email.to_lowercase());
        let mailbox = email.split('@').next().unwrap_or_default();
        // GitHub's private addresses carry the account's number: 41898282+github-actions@users.noreply.github.com
        let mailbox = mailbox.split_once('+').map_or(mailbox, |(_, account)| account);
        name.contains("[bot]") || email.contains("[bot]") || ROBOTS.contains(&&*name) || ROBOTS.contains(&mailbox)
    }
}

/// Returns the identity behind an email, unless it is malformed.
pub(crate) fn email_identity(email: &str) -> Option<String> {
    Identity::email(email).map(|identity| identity.to_string())
}

fn cut(text: &str) -> String {
    text.chars().take(LONGEST_NAME).collect()
}

/// Replaces the contacts as the repository's `.mailmap` at HEAD says.
pub(crate) fn by_mailmap(git: &Git, contacts: BTreeSet<Contact>) -> Result<HashMap<Contact, Contact>, ImportError> {
    // git refuses a whole batch because of one line that it cannot read, so only valid emails are asked about.
    let asked: Vec<Contact> = contacts.into_iter().filter(|contact| email_identity(&contact.email).is_some()).collect();
    if asked.is_empty() {
        return Ok(HashMap::new());
    }
    let lines: String =
        asked.iter().map(|contact| format!("{} <{}>\n", contact.display_name(), contact.email)).collect();
    let running = git.run(&["check-mailmap", "--stdin"], Some(lines.into_bytes()))?;
    let answer = running.all()?;
    let answer = String::from_utf8_lossy(&answer);
    let answers: Vec<Contact> = answer.lines().map(Contact::parse).collect();
    if answers.len() != asked.len() {
        let detail = format!("{} lines for {} people", answers.len(), asked.len());
        return Err(ImportError::GitAnswer { command: "check-mailmap".to_owned(), detail });
    }
    Ok(asked.into_iter().zip(answers).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn identities_are_lower_case_emails_or_names() {
        for (text, identity) in [
            ("Ada <ADA@Example.org>", "mailto:ada@example.org"),
            ("Ada Lovelace", "name:ada lovelace"),
            ("Ada <>", "name:ada"),
            (" <ada>", "name:ada"),
            ("Ada <ada @ b>", "name:ada"),
            ("Ada <a@>", "name:ada"),
            ("<>", "name:unknown"),
            ("", "name:unknown"),
            ("Ada \t <ada@b.c> trailing", "mailto:ada@b.c"),
            ("Ada <x <ada@b.c>", "mailto:ada@b.c"),
        ] {
            assert_eq!(Contact::parse(text).identity(), identity, "{text:?}");
        }
        let long = Contact { name: "n".repeat(1000), email: format!("{}@b", "e".repeat(300)) };
        assert_eq!(long.identity().len(), "name:".len() + LONGEST_NAME);
    }

    #[test]
    fn programs_are_told_from_people() {
        for text in [
            "dependabot[bot] <49699333+dependabot[bot]@users.noreply.github.com>",
            "renovate <a@b.c>",
            "GitHub Actions <x@y.z>",
            "X <41898282+github-actions@users.noreply.github.com>",
            "X <renovate@host>",
            "Dependabot <support@dependabot.com>",
        ] {
            assert!(Contact::parse(text).is_system(), "{text}");
        }
        for text in ["Abbot <abbot@b.c>", "Renovate Smith <r.smith@b.c>", "Bot <botanist@b.c>"] {
            assert!(!Contact::parse(text).is_system(), "{text}");
        }
    }
}

//! The people who wrote something: names and emails as commits give them, and the identities they stand for.

use std::collections::{BTreeSet, HashMap};

use domain::identity::Identity;

use crate::{ImportError, git::Git};

/// Names are cut here, in characters.
const LONGEST_NAME: usize = 200;
/// Where GitHub's private addresses are: `login@` in front of it, or `number+login@`.
const PRIVATE: &str = "@users.noreply.github.com";

/// A name and an email, as a commit or one of its trailers writes them.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct Contact {
    pub(crate) name: String,
    pub(crate) email: String,
}

impl Contact {
    /// Reads `Name <email>`; a text without brackets is a name. A login as `@login`, alone, in the place of the email or in
    /// round brackets after the name, becomes GitHub's private address of that account.
    pub(crate) fn parse(text: &str) -> Self {
        let (name, email) = match text.rsplit_once('<') {
            Some((name, rest)) => (name, rest.split_once('>').map_or(rest, |(email, _)| email)),
            None => (text, ""),
        };
        let (name, email) = (name.trim(), email.trim());
        if let Some(address) = mentioned(email) {
            return Self { name: name.to_owned(), email: address };
        }
        if email.is_empty() {
            let bracket = name.strip_suffix(')').and_then(|name| name.rsplit_once('('));
            let (before, mention) = bracket.unwrap_or((name, name));
            if let Some(address) = mentioned(mention.trim()) {
                return Self { name: before.trim().trim_start_matches('@').to_owned(), email: address };
            }
        }
        Self { name: name.to_owned(), email: email.to_owned() }
    }

    /// Returns who this is: `github:` and the login where the email tells it; otherwise `mailto:` and the email in lower
    /// case; without a usable email `name:` and the name in lower case.
    pub(crate) fn identity(&self) -> String {
        email_identity(&self.email).unwrap_or_else(|| self.named())
    }

    /// Returns the identity of a program, which keeps its whole address, because programs have no account to claim with.
    pub(crate) fn program_identity(&self) -> String {
        Identity::email(&self.email).map_or_else(|| self.named(), |identity| identity.to_string())
    }

    fn named(&self) -> String {
        let name = self.display_name().to_lowercase();
        format!("name:{}", if name.is_empty() { "unknown".to_owned() } else { cut(&name) })
    }

    /// Returns the name on one line, or the email if there is no name.
    pub(crate) fn display_name(&self) -> String {
        let text = if self.name.trim().is_empty() { &self.email } else { &self.name };
        let words: String = text.chars().map(|letter| if letter.is_control() { ' ' } else { letter }).collect();
        cut(words.split_whitespace().collect::<Vec<_>>().join(" ").trim_matches(['<', '>']))
    }
}

/// Returns the private address of the account that a text mentions as `@login` or by its page.
fn mentioned(text: &str) -> Option<String> {
    let login = text.strip_prefix('@').or_else(|| text.strip_prefix("https://github.com/"))?;
    Identity::github(login).map(|_| format!("{login}{PRIVATE}"))
}

/// Returns the account in one of GitHub's private addresses: `1234+octocat@users.noreply.github.com`. It may be one of an
/// app, such as `dependabot[bot]`.
pub(crate) fn login_of(email: &str) -> Option<String> {
    let email = email.trim();
    let at = email.len().checked_sub(PRIVATE.len())?;
    let (mailbox, host) = email.split_at_checked(at)?;
    let login = mailbox.split_once('+').map_or(mailbox, |(_, login)| login);
    (host.eq_ignore_ascii_case(PRIVATE) && !login.is_empty()).then(|| login.to_owned())
}

/// Returns the number of the account in one of GitHub's private addresses, which stays when the login changes.
pub(crate) fn account_number(email: &str) -> Option<u64> {
    login_of(email)?;
    email.trim().split_once('+').and_then(|(number, _)| number.parse().ok())
}

/// Returns the identity behind an email, unless it is malformed: the account at GitHub if it is a private address of one.
pub(crate) fn email_identity(email: &str) -> Option<String> {
    let account = login_of(email).and_then(|login| Identity::github(&login));
    account.or_else(|| Identity::email(email)).map(|identity| identity.to_string())
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
    fn a_login_is_the_identity_where_it_is_known() {
        for (text, identity, name) in [
            ("Ada <ada@users.noreply.github.com>", "github:ada", "Ada"),
            ("Ada <7+Ada-L@users.noreply.github.com>", "github:ada-l", "Ada"),
            ("Ada <7+ADA@Users.NoReply.GitHub.com>", "github:ada", "Ada"),
            ("@Ada", "github:ada", "Ada"),
            ("Ada L <@ada>", "github:ada", "Ada L"),
            ("Ada L (@ada)", "github:ada", "Ada L"),
            ("Ada <https://github.com/ada>", "github:ada", "Ada"),
            ("@acme/team", "name:@acme/team", "@acme/team"),
            ("Ada (she)", "name:ada (she)", "Ada (she)"),
            ("x <7+x[bot]@users.noreply.github.com>", "mailto:7+x[bot]@users.noreply.github.com", "x"),
            ("x <@users.noreply.github.com>", "name:x", "x"),
            ("x <12-ada@users.noreply.gitlab.com>", "mailto:12-ada@users.noreply.gitlab.com", "x"),
        ] {
            let contact = Contact::parse(text);
            assert_eq!((&*contact.identity(), &*contact.display_name()), (identity, name), "{text}");
        }
        assert_eq!(account_number("7+ada@users.noreply.github.com"), Some(7));
        assert_eq!(account_number("ada@users.noreply.github.com"), None);
        assert_eq!(account_number("7+ada@b.c"), None);
    }
}

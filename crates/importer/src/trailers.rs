//! The trailers at the end of a commit's message: who else wrote it, for whom a program wrote it, and where its author is
//! paid. Imports and pushes read them here.
//!
//! Trailers are lines `Key: value` in the last paragraph, which is not also the first. As people write messages by hand,
//! text may stand in that paragraph too, paragraphs of nothing but trailers may precede it, and what git writes about
//! conflicts may follow it.

use crate::people::Contact;

/// The most trailers of a message that are read.
const MOST: usize = 1000;
/// Longer keys are no keys, in bytes.
const LONGEST_KEY: usize = 30;

/// What the trailers of a message say.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Trailers {
    /// Who wrote the commit together with its author.
    pub(crate) co_authors: Vec<Contact>,
    /// Who may have set its author to work, if that is a program: first whom it names as such, then who signed it off.
    pub(crate) principals: Vec<Contact>,
    /// Where the author is paid.
    pub(crate) payouts: Vec<String>,
}

impl Trailers {
    /// Reads the trailers of a message.
    pub(crate) fn of(message: &str) -> Self {
        let mut found = Self::default();
        let mut signers = Vec::new();
        for (key, value) in lines(message) {
            match &*key {
                "coauthoredby" | "coauthor" => found.co_authors.extend(people(&value)),
                "onbehalfof" | "requestedby" | "triggeredby" => found.principals.extend(people(&value)),
                "signedoffby" | "mergedby" => signers.extend(people(&value)),
                "payoutaddress" => found.payouts.push(value),
                _ => {}
            }
        }
        found.principals.extend(signers);
        found
    }
}

/// Returns keys, as letters in lower case, and values in the order of the message.
fn lines(message: &str) -> Vec<(String, String)> {
    let lines: Vec<&str> = message.trim().lines().map(str::trim_end).collect();
    let paragraphs: Vec<&[&str]> = lines.split(|line| line.is_empty()).filter(|part| !part.is_empty()).collect();
    let Some((_, body)) = paragraphs.split_first() else { return Vec::new() };
    let mut body = body.iter().rev().skip_while(|paragraph| is_about_conflicts(paragraph));
    let Some(last) = body.next() else { return Vec::new() };
    let mut blocks = vec![*last];
    if is_all_trailers(last) {
        blocks.extend(body.take_while(|paragraph| is_all_trailers(paragraph)).copied());
    }
    let lines = blocks.into_iter().rev().flat_map(unfold);
    lines.filter_map(|line| trailer(&line)).filter(|(_, value)| !value.is_empty()).take(MOST).collect()
}

/// Returns whether git wrote the paragraph to list files in conflict.
fn is_about_conflicts(paragraph: &[&str]) -> bool {
    let indented = |line: &&str| line.starts_with(char::is_whitespace);
    paragraph.iter().all(|line| line.starts_with('#'))
        || (paragraph[0] == "Conflicts:" && paragraph[1..].iter().all(indented))
}

fn is_all_trailers(paragraph: &[&str]) -> bool {
    let lines = unfold(paragraph);
    lines.iter().all(|line| trailer(line).is_some() || line.starts_with("(cherry picked from commit "))
}

/// Joins the lines that continue others to them.
fn unfold(paragraph: &[&str]) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for line in paragraph {
        match lines.last_mut() {
            Some(before) if line.starts_with(char::is_whitespace) => {
                before.push(' ');
                before.push_str(line.trim_start());
            }
            _ => lines.push(line.trim_start().to_owned()),
        }
    }
    lines
}

/// Splits a line into its key, as letters in lower case, and its value. So `Co-authored-by` and `Co-Authored By` are one key.
fn trailer(line: &str) -> Option<(String, String)> {
    let (key, value) = line.split_once(':')?;
    let key = key.trim();
    let sound = |letter: char| letter.is_ascii_alphanumeric() || matches!(letter, '-' | '_' | ' ');
    if key.is_empty() || key.len() > LONGEST_KEY || !key.chars().all(sound) || value.starts_with("//") {
        return None;
    }
    let key = key.chars().filter(char::is_ascii_alphanumeric).collect::<String>().to_ascii_lowercase();
    Some((key, value.trim().to_owned()))
}

/// Returns those whom a value names. Several are separated by commas, semicolons, `&` or `and`.
fn people(value: &str) -> Vec<Contact> {
    let mentions = || value.split([',', ' ']).map(str::trim).filter(|part| !part.is_empty());
    if !value.contains('<') && mentions().count() > 1 && mentions().all(|part| part.starts_with('@')) {
        return mentions().map(Contact::parse).collect();
    }
    let mut parts = value.split_inclusive('>').map(|part| {
        let part = part.trim_start_matches([',', ';', '&', ' ']);
        part.strip_prefix("and ").unwrap_or(part)
    });
    let first = parts.next().map(Contact::parse);
    let others = parts.filter(|part| part.contains('<')).map(Contact::parse);
    first.into_iter().chain(others).filter(|contact| !(contact.name.is_empty() && contact.email.is_empty())).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn co_authors(message: &str) -> Vec<String> {
        Trailers::of(message).co_authors.iter().map(Contact::identity).collect()
    }

    #[test]
    fn co_authors_are_found_where_people_write_them() {
        for (message, expected) in [
            ("x\n\nCo-authored-by: A <a@x.org>", vec!["mailto:a@x.org"]),
            ("x\r\n\r\nCO-AUTHORED-BY : A <A@x.org>\r\n", vec!["mailto:a@x.org"]),
            ("x\n\nCo-Authored By: A <a@x.org>\nCo-author: B <b@x.org>", vec!["mailto:a@x.org", "mailto:b@x.org"]),
            ("x\n\nCo-authored-by: A\n <a@x.org>", vec!["mailto:a@x.org"]),
            ("x\n\nsome text\nCo-authored-by: A <a@x.org>", vec!["mailto:a@x.org"]),
            (
                "x\n\nCo-authored-by: A <a@x.org>\n\nSigned-off-by: B <b@x.org>\n(cherry picked from commit 1234567)",
                vec!["mailto:a@x.org"],
            ),
            ("x\n\nCo-authored-by: A <a@x.org>\n\n# Conflicts:\n#\tfile", vec!["mailto:a@x.org"]),
            ("x\n\nCo-authored-by: A <a@x.org>\n\nConflicts:\n\tfile\n", vec!["mailto:a@x.org"]),
            (
                "x (#7)\n\n* one\n\nCo-authored-by: C <c@x.org>\n\n---------\n\nCo-authored-by: A <a@x.org>",
                vec!["mailto:a@x.org"],
            ),
            (
                "x\n\nCo-authored-by: A <a@x.org>, B <b@x.org> and C <c@x.org>",
                vec!["mailto:a@x.org", "mailto:b@x.org", "mailto:c@x.org"],
            ),
            ("x\n\nCo-authored-by: @a, @b", vec!["github:a", "github:b"]),
            ("x\n\nCo-authored-by: A (@a)", vec!["github:a"]),
            ("x\n\nCo-authored-by: A <a@x.org> (he wrote the tests)", vec!["mailto:a@x.org"]),
            ("x\n\nCo-authored-by: Lovelace, Ada <a@x.org>", vec!["mailto:a@x.org"]),
            ("Co-authored-by: A <a@x.org>", vec![]),
            ("x\n\nCo-authored-by: A <a@x.org>\n\nmore text", vec![]),
            ("x\n\nhttps://example.org: see\nCo-authored-by:\nCo-authored-by: <>", vec![]),
            ("", vec![]),
        ] {
            assert_eq!(co_authors(message), expected, "{message:?}");
        }
    }

    #[test]
    fn principals_and_payouts_are_found() {
        let found = Trailers::of(
            "x\n\nSigned-off-by: B <b@x.org>\nOn-behalf-of: @ada <ada@acme.org>\npayout-address: 0x12\nReviewed-by: C <c@x.org>",
        );
        let principals: Vec<String> = found.principals.iter().map(Contact::identity).collect();
        assert_eq!(principals, ["mailto:ada@acme.org", "mailto:b@x.org"]);
        assert_eq!(found.payouts, ["0x12"]);
        assert!(
            Trailers::of(&format!("x\n\n{}", "Co-authored-by: A <a@x.org>\n".repeat(2000))).co_authors.len() == MOST
        );
    }
}

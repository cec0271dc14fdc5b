//! Which authors are programs: coding assistants, bots and hosted services. The patterns are data, in `programs.txt`, and
//! a market adds its own.

use std::{
    collections::HashSet,
    sync::{Arc, LazyLock},
};

use crate::{ImportError, MAX_PROGRAMS, error::at_most, people::Contact};

const KNOWN: &str = include_str!("programs.txt");
/// The patterns that come with this crate, which are parsed once.
static BUILT_IN: LazyLock<Programs> = LazyLock::new(|| Programs(Arc::new(Lists::sound(KNOWN))));
/// Top-level domains and domains for examples and for machines of one's own, which reach nobody (RFC 2606, RFC 6762).
const UNREACHABLE: [&str; 8] = ["example", "home", "internal", "invalid", "lan", "local", "localhost", "test"];
const EXAMPLES: [&str; 3] = ["example.com", "example.net", "example.org"];
/// Longer patterns are refused, in bytes.
const LONGEST_PATTERN: usize = 200;

/// The programs that are known by their accounts, addresses or names. Cloning it is cheap.
#[derive(Debug, Clone)]
pub struct Programs(Arc<Lists>);

#[derive(Debug, Clone, Default)]
struct Lists {
    programs: Patterns,
    people: Patterns,
}

/// Patterns by what they are compared with, in lower case.
#[derive(Debug, Clone, Default)]
struct Patterns {
    logins: Set,
    emails: Set,
    names: Set,
    bare_names: Set,
}

/// Texts, and patterns with `*` in them.
#[derive(Debug, Clone, Default)]
struct Set {
    whole: HashSet<String>,
    patterns: Vec<String>,
}

impl Default for Programs {
    fn default() -> Self {
        BUILT_IN.clone()
    }
}

impl Programs {
    /// Adds a market's own list to the built-in one. `programs.txt` of this crate explains its form.
    ///
    /// ```
    /// let programs = importer::Programs::with("# ours\nlogin acme-deployer\nperson email ci@example.org\n")?;
    /// # Ok::<(), importer::ImportError>(())
    /// ```
    ///
    /// # Errors
    /// When a line has another form, or when there are more than [`MAX_PROGRAMS`] lines.
    pub fn with(text: &str) -> Result<Self, ImportError> {
        let text = text.trim_start_matches('\u{feff}');
        at_most(MAX_PROGRAMS, text.lines().count() as u64, "lines", "the list of programs")?;
        let mut lists = Lists::clone(&BUILT_IN.0);
        for (number, line) in text.lines().enumerate() {
            lists.add(line).map_err(|detail| ImportError::Programs { line: number + 1, detail })?;
        }
        Ok(Self(Arc::new(lists)))
    }

    /// Returns whether this is a program. `login` is the account at GitHub, where it is known.
    pub(crate) fn include(&self, contact: &Contact, login: Option<&str>) -> bool {
        self.0.programs.fit(contact, login) && !self.0.people.fit(contact, login)
    }
}

impl Lists {
    /// Reads the list that is part of this crate. A test holds that each line is sound.
    fn sound(text: &str) -> Self {
        let mut lists = Self::default();
        for line in text.lines() {
            // A line that is not sound is left out, as the test would have said.
            let _ = lists.add(line);
        }
        lists
    }

    fn add(&mut self, line: &str) -> Result<(), String> {
        let line = line.trim();
        if line.is_empty() || line.starts_with('#') {
            return Ok(());
        }
        let wrong = || {
            format!(
                "{:?} is not `login`, `email`, `name` or `bare-name` and a pattern, with or without `person` before it",
                line.chars().take(80).collect::<String>()
            )
        };
        let (word, rest) = line.split_once(char::is_whitespace).ok_or_else(wrong)?;
        let (lists, word, rest) = if word == "person" {
            let (word, rest) = rest.trim_start().split_once(char::is_whitespace).ok_or_else(wrong)?;
            (&mut self.people, word, rest)
        } else {
            (&mut self.programs, word, rest)
        };
        let pattern = rest.trim().to_lowercase();
        if pattern.len() > LONGEST_PATTERN || pattern.bytes().all(|byte| byte == b'*') {
            return Err(format!("a pattern has at most {LONGEST_PATTERN} bytes, and says more than `*`"));
        }
        match word {
            "login" => lists.logins.add(pattern),
            "email" => lists.emails.add(pattern),
            "name" => lists.names.add(pattern),
            "bare-name" => lists.bare_names.add(pattern),
            _ => return Err(wrong()),
        }
        Ok(())
    }
}

impl Patterns {
    fn fit(&self, contact: &Contact, login: Option<&str>) -> bool {
        let email = contact.email.trim().to_lowercase();
        let name = contact.display_name().to_lowercase();
        login.is_some_and(|login| self.logins.has(&login.to_lowercase()))
            || self.emails.has(&email)
            || (login.is_none() && (self.names.has(&name) || (!reaches_somebody(&email) && self.bare_names.has(&name))))
    }
}

/// Returns whether somebody could receive mail at the address.
fn reaches_somebody(email: &str) -> bool {
    let Some((_, host)) = email.rsplit_once('@') else { return false };
    let last = host.rsplit('.').next().unwrap_or_default();
    !host.is_empty() && !UNREACHABLE.contains(&last) && !EXAMPLES.contains(&host)
}

impl Set {
    fn add(&mut self, pattern: String) {
        if pattern.contains('*') {
            self.patterns.push(pattern);
        } else {
            self.whole.insert(pattern);
        }
    }

    fn has(&self, text: &str) -> bool {
        self.whole.contains(text) || self.patterns.iter().any(|pattern| fits(pattern, text))
    }
}

/// Returns whether a text has the form of a pattern, in which `*` stands for any characters. The parts between the stars
/// are looked for from left to right, so that it takes no longer than the two lengths multiplied.
fn fits(pattern: &str, text: &str) -> bool {
    let mut parts = pattern.split('*');
    let first = parts.next().unwrap_or_default();
    let Some(mut rest) = text.strip_prefix(first) else { return false };
    let Some(last) = parts.next_back() else { return rest.is_empty() };
    for part in parts {
        let Some(place) = rest.find(part) else { return false };
        rest = &rest[place + part.len()..];
    }
    rest.ends_with(last)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::people::login_of;

    fn is_program(text: &str) -> bool {
        let contact = Contact::parse(text);
        Programs::default().include(&contact, login_of(&contact.email).as_deref())
    }

    #[test]
    fn every_line_of_the_list_is_sound() {
        let mut lists = Lists::default();
        for line in KNOWN.lines() {
            assert_eq!(lists.add(line), Ok(()), "{line}");
        }
        assert!(lists.programs.emails.whole.len() > 50 && lists.programs.logins.whole.len() > 50);
    }

    #[test]
    fn programs_are_told_from_people() {
        for text in [
            "dependabot[bot] <49699333+dependabot[bot]@users.noreply.github.com>",
            "dependabot[bot] <support@github.com>",
            "Dependabot <support@dependabot.com>",
            "renovate <a@b.c>",
            "Renovate Bot <bot@renovateapp.com>",
            "X <renovate@host>",
            "GitHub Actions <x@y.z>",
            "GitHub Action <action@github.com>",
            "X <41898282+github-actions@users.noreply.github.com>",
            "GitHub <noreply@github.com>",
            "pre-commit-ci[bot] <66853113+pre-commit-ci[bot]@users.noreply.github.com>",
            "allcontributors[bot] <46447321+allcontributors[bot]@users.noreply.github.com>",
            "Greenkeeper <support@greenkeeper.io>",
            "snyk-bot <snyk-bot@snyk.io>",
            "imgbot[bot] <31301654+imgbot[bot]@users.noreply.github.com>",
            "ImgBotApp <ImgBotHelp@gmail.com>",
            "Mergify <37929162+mergify[bot]@users.noreply.github.com>",
            "semantic-release-bot <semantic-release-bot@martynus.net>",
            "Copybara-Service <copybara-worker@google.com>",
            "chromium-autoroll <chromium-autoroll@skia-public.iam.gserviceaccount.com>",
            "OpenStack Proposal Bot <openstack-infra@lists.openstack.org>",
            "Gerrit Code Review <gerrit@review.acme.dev>",
            "Weblate <noreply@weblate.org>",
            "Hosted Weblate <hosted@weblate.org>",
            "Languages add-on <noreply-addon-languages@weblate.org>",
            "Crowdin Bot <support+bot@crowdin.com>",
            "project_4711_bot <project4711_bot@noreply.gitlab.com>",
            "deploy <project_4711_bot_0a1b2c@noreply.gitlab.acme.dev>",
            "release <group_12_bot1@noreply.gitlab.com>",
            "bitbucket-pipelines <commits-noreply@bitbucket.org>",
            "Travis CI <builds@travis-ci.com>",
            "CircleCI <builds@circleci.com>",
            "bors[bot] <26634292+bors[bot]@users.noreply.github.com>",
            "getsentry-bot <bot@sentry.io>",
            "sentry-bot <markus+ghbot@sentry.io>",
            "Stainless Bot <dev+git@stainlessapi.com>",
            "Claude <noreply@anthropic.com>",
            "Claude Opus 4.6 (1M context) <noreply@anthropic.com>",
            "Claude Sonnet 4",
            "Claude",
            "claude[bot] <209825114+claude[bot]@users.noreply.github.com>",
            "Copilot <223556219+Copilot@users.noreply.github.com>",
            "copilot-swe-agent[bot] <198982749+Copilot@users.noreply.github.com>",
            "Cursor <cursoragent@cursor.com>",
            "Cursor Agent <cursoragent@cursor.com>",
            "Codex <codex@openai.com>",
            "Codex Agent <codex-agent@example.com>",
            "Milo Bot <milo@milos-mini.home>",
            "devin-ai-integration[bot] <158243242+devin-ai-integration[bot]@users.noreply.github.com>",
            "aider (gpt-4o) <noreply@aider.chat>",
            "aider (vertex_ai/gemini-2.5-pro) <noreply@aider.dev>",
            "gemini-code-assist[bot] <176961590+gemini-code-assist[bot]@users.noreply.github.com>",
            "google-labs-jules[bot] <161369871+google-labs-jules[bot]@users.noreply.github.com>",
            "Amp <amp@ampcode.com>",
            "Amp <amp@example.com>",
            "Windsurf Cascade <cascade@windsurf.com>",
            "Sourcegraph Cody <cody@sourcegraph.com>",
            "openhands <openhands@all-hands.dev>",
            "SWE-agent <swe-agent@acme.dev>",
            "factory-droid[bot] <138933559+factory-droid[bot]@users.noreply.github.com>",
            "opencode <noreply@opencode.ai>",
            "QWEN-CODER <qwen-coder@alibabacloud.com>",
        ] {
            assert!(is_program(text), "{text}");
        }
    }

    #[test]
    fn people_with_names_like_programs_stay_people() {
        for text in [
            "Abbot <abbot@b.c>",
            "Tony Abbott <tony.abbott@b.c>",
            "Talbot <talbot@b.c>",
            "A <1+talbot@users.noreply.github.com>",
            "Robot Jones <rjones@b.c>",
            "Jan Bot <jan.bot@b.nl>",
            "Chris Ivers <ci@b.dk>",
            "Ada Jenkins <jenkins@b.c>",
            "Ben Bot <b.bot@b.nl>",
            "Renovate Smith <r.smith@b.c>",
            "Bot <botanist@b.c>",
            "Bert B <44912991+bertybot@users.noreply.github.com>",
            "Claude Dupont <claude.dupont@b.fr>",
            "Claude <claude@dupont.fr>",
            "Travis <travis@b.c>",
            "Jules <jules@b.fr>",
            "Devin Smith <devin@b.c>",
            "Cody <cody@b.c>",
            "Gerrit Smit <gerrit@b.nl>",
            "Paul <paul@aider.chat>",
            "Paul (aider) <aider@paulg.org>",
            "GitHub Actions <1+ada@users.noreply.github.com>",
            "Michal <michal@weblate.org>",
            "Ada <ada@anthropic.com>",
            "Ada <1+ada-claude@users.noreply.github.com>",
            "r. Miki + Claude <miki+claude@b.c>",
            "Amparo <amp@b.es>",
            "Ada Cursor <ada@cursor.com>",
            "Copilot Smith <smith@b.c>",
            "",
        ] {
            assert!(!is_program(text), "{text}");
        }
    }

    #[test]
    fn a_market_adds_programs_and_names_people() {
        let list = "\u{feff}# ours\r\n\nLOGIN no\n".replace("LOGIN no\n", "login Acme-*\nperson  email CI@acme.dev\n");
        let programs = Programs::with(&list).unwrap();
        let is = |text: &str| {
            let contact = Contact::parse(text);
            programs.include(&contact, login_of(&contact.email).as_deref())
        };
        assert!(is("A <1+acme-deploy@users.noreply.github.com>") && is("dependabot[bot]"));
        assert!(!is("Cid <ci@acme.dev>"));
        for (text, line) in
            [("login", 1), ("\nhost x", 2), ("person x", 1), ("person login", 1), ("name **", 1), ("email ", 1)]
        {
            assert!(
                matches!(Programs::with(text), Err(ImportError::Programs { line: at, .. }) if at == line),
                "{text:?}"
            );
        }
        assert!(Programs::with(&format!("name {}", "x".repeat(201))).is_err());
        assert!(matches!(Programs::with(&"#\n".repeat(10_001)), Err(ImportError::Limit { .. })));
    }

    #[test]
    fn stars_stand_for_any_characters() {
        for (pattern, text, expected) in [
            ("abc", "abc", true),
            ("abc", "abcd", false),
            ("a*", "a", true),
            ("*c", "abc", true),
            ("a*c", "ac", true),
            ("a*a", "a", false),
            ("a*b*c", "a-b-b-c", true),
            ("a*b*c", "a-c-b", false),
            ("*é*", "caféx", true),
            ("*", "", true),
        ] {
            assert_eq!(fits(pattern, text), expected, "{pattern} {text}");
        }
    }
}

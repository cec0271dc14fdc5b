//! What a repository says about itself: name, address, title, description, licence.

use std::borrow::Cow;

use crate::{ImportError, git::Git, purl::without_secrets, text, tree::Contents};

/// Larger files than this are not read, in bytes.
pub(crate) const MAX_BYTES: u64 = 1 << 20;
/// Titles are cut here, in characters.
const LONGEST_TITLE: usize = 200;
/// Descriptions are cut here, in characters.
const LONGEST_DESCRIPTION: usize = 5000;

/// What a repository says about itself in its files.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct About {
    pub(crate) title: Option<String>,
    pub(crate) description: Option<String>,
    pub(crate) license: Option<String>,
}

/// Returns whether a file at the top of the tree is read for it.
pub(crate) fn is_read(path: &[u8]) -> bool {
    matches!(path, b"Cargo.toml" | b"package.json") || is_readme(path) || is_license(path)
}

fn stem_is(path: &[u8], names: &[&str]) -> bool {
    let name = String::from_utf8_lossy(path).to_ascii_lowercase();
    let stem = name.split(['.', '-']).next().unwrap_or_default();
    !name.contains('/') && names.contains(&stem)
}

/// Returns whether a path at the top of the tree is that of a README.
pub(crate) fn is_readme(path: &[u8]) -> bool {
    stem_is(path, &["readme"])
}

/// Returns whether a file's name is that of a licence.
pub(crate) fn is_license(path: &[u8]) -> bool {
    stem_is(path, &["license", "licence", "copying", "unlicense"])
}

/// Returns the repository's name, and the remote's URL without secrets if others can use it.
pub(crate) fn name_and_url(git: &Git) -> Result<(String, Option<String>), ImportError> {
    // A missing setting would end the command with an error. `--default` turns it into an empty answer.
    let origin = git.ask(&["config", "--default", "", "--get", "remote.origin.url"])?;
    let local = origin.is_empty() || origin.starts_with(['/', '.', '~']) || origin.starts_with("file:");
    let remote = local || (!origin.contains("://") && !origin.contains('@') && !origin.contains(':'));
    let url = (!remote).then(|| without_secrets(&origin));
    let from_origin = last_part(origin.split(['?', '#']).next().unwrap_or_default());
    let folder = git.path().canonicalize().unwrap_or_else(|_| git.path().to_owned());
    let folder = if folder.ends_with(".git") { folder.parent().unwrap_or(&folder).to_owned() } else { folder };
    let from_folder = folder.file_name().map(|name| last_part(&name.to_string_lossy())).unwrap_or_default();
    let name = [from_origin, from_folder].into_iter().find(|name| !name.is_empty());
    Ok((name.unwrap_or_else(|| "repository".to_owned()), url))
}

fn last_part(path: &str) -> String {
    let path = path.trim_end_matches(['/', '.']).trim_end_matches('/');
    let path = path.strip_suffix("/.git").unwrap_or(path);
    let part = path.rsplit(['/', ':']).next().unwrap_or_default();
    one_line(part.strip_suffix(".git").unwrap_or(part), LONGEST_TITLE)
}

fn one_line(text: &str, longest: usize) -> String {
    let text: String = text.chars().map(|letter| if letter.is_control() { ' ' } else { letter }).collect();
    text.split_whitespace().collect::<Vec<_>>().join(" ").chars().take(longest).collect()
}

/// Reads title, description and licence: `Cargo.toml` first, then `package.json`, then README and LICENSE.
pub(crate) fn read(contents: &Contents) -> About {
    let mut about = About::default();
    // What cannot be read describes nothing, and the next file is asked. The owner can describe the work better anyway.
    if let Some(manifest) = text_of(contents, "Cargo.toml").and_then(|text| toml::from_str::<toml::Table>(&text).ok()) {
        about.cargo(&manifest);
    }
    let package = text_of(contents, "package.json");
    if let Some(package) = package.and_then(|text| serde_json::from_str::<serde_json::Value>(&text).ok()) {
        let field = |key: &str| package.get(key).and_then(serde_json::Value::as_str);
        let old = package.pointer("/license/type").and_then(serde_json::Value::as_str);
        about.describe(field("description"));
        about.licensed(field("license").or(old));
    }
    let mut top: Vec<&String> = contents.keys().filter(|path| !path.contains('/')).collect();
    top.sort();
    let mut readmes = top.iter().filter(|path| is_readme(path.as_bytes()));
    about.title = readmes.find_map(|path| title(&text_of(contents, path)?));
    let title = about.title.clone();
    about.describe(title.as_deref());
    if about.license.is_none() {
        let texts = top.iter().filter(|path| is_license(path.as_bytes()));
        let mut found: Vec<_> = texts.filter_map(|path| known_license(&text_of(contents, path)?)).collect();
        found.dedup();
        about.license = (!found.is_empty()).then(|| found.join(" OR "));
    }
    about
}

impl About {
    fn cargo(&mut self, manifest: &toml::Table) {
        let shared = manifest.get("workspace").and_then(|workspace| workspace.get("package"));
        for package in [manifest.get("package"), shared].into_iter().flatten() {
            self.describe(package.get("description").and_then(toml::Value::as_str));
            self.licensed(package.get("license").and_then(toml::Value::as_str));
        }
    }

    fn describe(&mut self, text: Option<&str>) {
        let text = text.map(|text| one_line(text, LONGEST_DESCRIPTION)).filter(|text| !text.is_empty());
        self.description = self.description.take().or(text);
    }

    /// Takes the text if it can be an SPDX expression. npm's `UNLICENSED` and `SEE LICENSE IN` are not.
    fn licensed(&mut self, text: Option<&str>) {
        let text = text.map(|text| one_line(&text.replace('/', " OR "), LONGEST_TITLE));
        let spdx = |text: &String| {
            let sound = |c: char| c.is_ascii_alphanumeric() || " .+-()".contains(c);
            !text.is_empty() && text.chars().all(sound) && text != "UNLICENSED" && !text.starts_with("SEE ")
        };
        self.license = self.license.take().or(text.filter(spdx));
    }
}

fn text_of(contents: &Contents, path: &str) -> Option<String> {
    contents.get(path).and_then(|bytes| text::lossy(bytes).ok()).map(Cow::into_owned)
}

/// Returns the first heading of a README that has words in it.
fn title(readme: &str) -> Option<String> {
    let lines: Vec<&str> = readme.lines().take(200).map(str::trim).collect();
    let underlined = |number: usize| {
        let rule = lines.get(number + 1).copied().unwrap_or_default();
        rule.len() >= 3 && (rule.chars().all(|c| c == '=') || rule.chars().all(|c| c == '-'))
    };
    let headings = lines.iter().enumerate().filter_map(|(number, line)| match line.strip_prefix('#') {
        Some(heading) => Some(heading.trim_matches(['#', ' '])),
        None if line.starts_with("= ") => line.strip_prefix("= "),
        None => (!line.is_empty() && underlined(number)).then_some(*line),
    });
    headings.map(plain).find(|title| title.chars().any(char::is_alphanumeric))
}

/// Returns a heading without images, links and tags.
fn plain(heading: &str) -> String {
    let (mut text, mut rest) = (String::new(), heading);
    while let Some(at) = rest.find(['!', '[', ']', '<']) {
        text.push_str(&rest[..at]);
        let tail = &rest[at..];
        let skip = |end: char| tail.find(end).map_or(tail.len(), |end| end + 1);
        let length = match tail.as_bytes() {
            [b'!', b'[', ..] => {
                tail.find("](").map_or(2, |to| to + 1 + tail[to + 1..].find(')').map_or(1, |end| end + 1))
            }
            [b']', b'(', ..] => skip(')'),
            [b'<', ..] => skip('>'),
            [b'!', ..] => {
                text.push('!');
                1
            }
            _ => 1,
        };
        rest = &tail[length..];
    }
    text.push_str(rest);
    one_line(text.replace(['`', '*'], "").trim(), LONGEST_TITLE)
}

/// Returns the licence whose text this is. Licences of the GPL family are not recognised, because the text
/// does not say whether later versions are allowed.
fn known_license(text: &str) -> Option<&'static str> {
    let words = one_line(text, 4000).to_lowercase();
    let has = |part: &str| words.contains(part);
    Some(match () {
        () if has("apache license") && has("version 2.0") => "Apache-2.0",
        () if has("mozilla public license") && has("2.0") => "MPL-2.0",
        () if has("gnu ") && has("general public license") => return None,
        () if has("permission is hereby granted, free of charge") && has("the above copyright notice") => "MIT",
        () if has("permission to use, copy, modify, and/or distribute this software") => "ISC",
        () if has("redistribution and use in source and binary forms") && has("neither the name") => "BSD-3-Clause",
        () if has("redistribution and use in source and binary forms") => "BSD-2-Clause",
        () if has("this is free and unencumbered software") => "Unlicense",
        () if has("cc0 1.0 universal") => "CC0-1.0",
        () => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn about(files: &[(&str, &str)]) -> About {
        read(&files.iter().map(|(path, text)| ((*path).to_owned(), text.as_bytes().to_vec())).collect())
    }

    #[test]
    fn manifests_come_first() {
        let found = about(&[
            ("Cargo.toml", "[workspace.package]\nlicense = 'MIT/Apache-2.0'\n[package]\nlicense.workspace = true"),
            ("package.json", r#"{"description": "What it\n does", "license": "ISC"}"#),
            ("README.md", "<p align=center>\n\n# [![b](i.svg)](u) `Tool`, [fast](x)! <br>\n"),
        ]);
        assert_eq!(found.title.as_deref(), Some("Tool, fast!"));
        assert_eq!(found.description.as_deref(), Some("What it does"));
        assert_eq!(found.license.as_deref(), Some("MIT OR Apache-2.0"));
    }

    #[test]
    fn readme_and_licence_files_come_last() {
        let found = about(&[
            ("readme.rst", "Tool\n====\n\ntext"),
            ("LICENSE-MIT", "Permission is hereby granted, free of charge, ... The above copyright notice"),
            ("LICENSE-APACHE", "Apache License\n   Version 2.0, January 2004"),
            ("package.json", "\u{feff}{\"license\": \"UNLICENSED\", \"description\": \"Tool\"}"),
        ]);
        assert_eq!(found.description.as_deref(), Some("Tool"));
        assert_eq!(found.license.as_deref(), Some("Apache-2.0 OR MIT"));
        assert_eq!(about(&[("Cargo.toml", "[["), ("package.json", "{"), ("README", "")]), About::default());
    }
}

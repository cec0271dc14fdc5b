//! Package URLs (ECMA-427), and URLs without the secrets that people leave in them.

use std::fmt::Write;

/// Where a package comes from, when its registry is not enough to say this.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) enum Origin {
    /// The ecosystem's own registry.
    #[default]
    Registry,
    /// Another registry, by its URL.
    OtherRegistry(String),
    /// A version control system: `git+https://host/path@commit`.
    Vcs(String),
    /// An archive at a URL.
    Download(String),
}

/// Returns `pkg:<ecosystem>/<namespace>/<name>@<version>?<qualifier>`; a name `@scope/name` is split. Everything but
/// letters, digits, `.-_~` and `:` is percent-encoded.
pub(crate) fn purl(ecosystem: &str, name: &str, version: &str, origin: &Origin) -> String {
    let mut text = format!("pkg:{ecosystem}/");
    match name.split_once('/') {
        Some((namespace, name)) => {
            encode(&mut text, namespace);
            text.push('/');
            encode(&mut text, name);
        }
        None => encode(&mut text, name),
    }
    if !version.is_empty() {
        text.push('@');
        encode(&mut text, version);
    }
    let (key, value) = match origin {
        Origin::Registry => return text,
        Origin::OtherRegistry(url) => ("repository_url", url),
        Origin::Vcs(url) => ("vcs_url", url),
        Origin::Download(url) => ("download_url", url),
    };
    text.push('?');
    text.push_str(key);
    text.push('=');
    encode(&mut text, value);
    text
}

fn encode(text: &mut String, part: &str) {
    for byte in part.bytes() {
        if byte.is_ascii_alphanumeric() || b".-_~:".contains(&byte) {
            text.push(char::from(byte));
        } else {
            // Writing to a string cannot fail.
            let _ = write!(text, "%{byte:02X}");
        }
    }
}

/// Returns the URL without user and password, query and fragment. An SSH user is kept, because it is part of the
/// address.
pub(crate) fn without_secrets(url: &str) -> String {
    let url = url.trim().split(['?', '#']).next().unwrap_or_default();
    let Some((scheme, rest)) = url.split_once("://") else {
        // The form is git@host:path, where a colon before the @ would start a password.
        return match url.split_once('@') {
            Some((user, rest)) => format!("{}@{rest}", user.split(':').next().unwrap_or_default()),
            None => url.to_owned(),
        };
    };
    let (authority, path) = rest.find('/').map_or((rest, ""), |slash| rest.split_at(slash));
    let authority = match authority.rsplit_once('@') {
        Some((user, host)) if scheme.ends_with("ssh") => {
            format!("{}@{host}", user.split(':').next().unwrap_or_default())
        }
        Some((_, host)) => host.to_owned(),
        None => authority.to_owned(),
    };
    format!("{scheme}://{authority}{path}")
}

/// Returns a registry's URL in one form, so that one registry has one name: without secrets, the `.git` and slashes at its
/// end, and with scheme and host in lower case and without the scheme's own port.
pub(crate) fn registry_url(url: &str) -> String {
    let url = without_secrets(url);
    let url = url.trim_end_matches('/');
    let url = url.strip_suffix(".git").unwrap_or(url);
    let Some((scheme, rest)) = url.split_once("://") else { return url.to_owned() };
    let (authority, path) = rest.find('/').map_or((rest, ""), |slash| rest.split_at(slash));
    let (scheme, host) = (scheme.to_ascii_lowercase(), authority.to_ascii_lowercase());
    let port = match &*scheme {
        "https" => ":443",
        "http" => ":80",
        _ => "",
    };
    let host = if port.is_empty() { &*host } else { host.strip_suffix(port).unwrap_or(&host) };
    format!("{scheme}://{host}{path}")
}

/// Returns `git+https://host/path@commit` of `[git+]https://user@host/path?branch=x#commit`.
pub(crate) fn vcs_url(source: &str) -> String {
    let prefix = if source.starts_with("git+") || source.starts_with("git:") { "" } else { "git+" };
    let commit = source.split_once('#').map_or("", |(_, commit)| commit);
    let url = without_secrets(source);
    if commit.is_empty() { format!("{prefix}{url}") } else { format!("{prefix}{url}@{commit}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn package_urls_are_canonical() {
        let git = Origin::Vcs("git+https://github.com/x/y@abc".into());
        for (ecosystem, name, version, origin, expected) in [
            ("cargo", "serde", "1.0.228", Origin::Registry, "pkg:cargo/serde@1.0.228"),
            ("cargo", "wasi", "0.11.0+wasi-preview1", Origin::Registry, "pkg:cargo/wasi@0.11.0%2Bwasi-preview1"),
            ("npm", "@babel/core", "7.0.0-rc.1", Origin::Registry, "pkg:npm/%40babel/core@7.0.0-rc.1"),
            ("npm", "JSONStream", "1.3.5", Origin::Registry, "pkg:npm/JSONStream@1.3.5"),
            ("npm", "a b", "", Origin::Registry, "pkg:npm/a%20b"),
            ("cargo", "y", "0.1.0", git, "pkg:cargo/y@0.1.0?vcs_url=git%2Bhttps:%2F%2Fgithub.com%2Fx%2Fy%40abc"),
        ] {
            assert_eq!(purl(ecosystem, name, version, &origin), expected);
        }
    }

    #[test]
    fn secrets_are_stripped() {
        for (url, expected) in [
            ("https://me:token@host/a/b.git", "https://host/a/b.git"),
            ("https://token@host:8443/a?private_token=x#y", "https://host:8443/a"),
            ("ssh://git:pw@host/a", "ssh://git@host/a"),
            ("git+ssh://git@host/a.git#abc", "git+ssh://git@host/a.git"),
            ("git@host:a/b.git", "git@host:a/b.git"),
            ("https://host/a@b", "https://host/a@b"),
            ("https://u:p@ss@host/a", "https://host/a"),
        ] {
            assert_eq!(without_secrets(url), expected);
        }
    }

    #[test]
    fn git_sources_name_their_commit() {
        assert_eq!(vcs_url("git+https://github.com/x/y?branch=main#abc"), "git+https://github.com/x/y@abc");
        assert_eq!(vcs_url("https://t@github.com/x/y.git"), "git+https://github.com/x/y.git");
        assert_eq!(vcs_url("git+ssh://git@github.com/x/y.git#abc"), "git+ssh://git@github.com/x/y.git@abc");
    }
}

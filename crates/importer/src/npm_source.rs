//! Where an npm package comes from, according to `version` and `resolved` of a lock file.

use crate::purl::{Origin, vcs_url, without_secrets};

/// Where a package comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Source {
    /// A folder or archive of the repository itself, or next to it.
    Local,
    /// The package comes from somewhere else: its version and its origin.
    Elsewhere { version: String, origin: Origin },
}

/// Reads a package's source. A tarball named as registries name them (`/-/name-1.0.0.tgz`) is treated as a copy of
/// the public registry's, whatever the host is. npm does the same.
pub(crate) fn source(version: &str, resolved: &str) -> Source {
    let place = if resolved.is_empty() && version.contains(':') { version } else { resolved };
    if place.starts_with("file:") || place.starts_with("link:") {
        return Source::Local;
    }
    let hosted = [("github:", "github.com"), ("gitlab:", "gitlab.com"), ("bitbucket:", "bitbucket.org")];
    let short = hosted.iter().find_map(|(prefix, host)| place.strip_prefix(prefix).map(|rest| (host, rest)));
    let origin = if let Some((host, rest)) = short {
        let (path, commit) = rest.split_once('#').unwrap_or((rest, ""));
        Origin::Vcs(vcs_url(&format!("git+https://{host}/{}.git#{commit}", path.trim_end_matches(".git"))))
    } else if place.starts_with("git+") || place.starts_with("git:") {
        Origin::Vcs(vcs_url(place))
    } else if place.starts_with("http") && !place.contains("/-/") {
        Origin::Download(without_secrets(place))
    } else {
        Origin::Registry
    };
    // When only the place is known, the commit stands for the version.
    let version = match version.split_once(':') {
        None => version,
        Some(_) if matches!(origin, Origin::Vcs(_)) => place.split_once('#').map_or("", |(_, commit)| commit),
        Some(_) => "",
    };
    Source::Elsewhere { version: version.to_owned(), origin }
}

/// Returns name and version of `npm:name@version`.
pub(crate) fn alias(version: &str) -> Option<(String, String)> {
    let (name, version) = version.strip_prefix("npm:")?.rsplit_once('@')?;
    (!name.is_empty()).then(|| (name.to_owned(), version.to_owned()))
}

/// Reads standard base64, padded or not.
pub(crate) fn base64(text: &str) -> Option<Vec<u8>> {
    let mut bytes = Vec::with_capacity(text.len() * 3 / 4);
    let (mut buffer, mut bits) = (0u32, 0);
    for letter in text.trim_end_matches('=').bytes() {
        let value = match letter {
            b'A'..=b'Z' => letter - b'A',
            b'a'..=b'z' => letter - b'a' + 26,
            b'0'..=b'9' => letter - b'0' + 52,
            b'+' => 62,
            b'/' => 63,
            _ => return None,
        };
        buffer = (buffer << 6 | u32::from(value)) & 0xffff;
        bits += 6;
        if bits >= 8 {
            bits -= 8;
            bytes.push((buffer >> bits & 0xff) as u8);
        }
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sources_are_told_apart() {
        let vcs = |url: &str| Origin::Vcs(url.to_owned());
        for (version, resolved, expected, origin) in [
            ("1.0.0", "https://packages.example.org/a/-/a-1.0.0.tgz", "1.0.0", Origin::Registry),
            ("1.0.0", "https://mirror.example/npm/@s/a/-/a-1.0.0.tgz", "1.0.0", Origin::Registry),
            ("1.0.0", "", "1.0.0", Origin::Registry),
            ("1.0.0", "git+ssh://git@github.com/x/a.git#ab", "1.0.0", vcs("git+ssh://git@github.com/x/a.git@ab")),
            ("git+https://t:o@github.com/x/a.git#ab", "", "ab", vcs("git+https://github.com/x/a.git@ab")),
            ("github:x/a#ab", "", "ab", vcs("git+https://github.com/x/a.git@ab")),
            ("https://h/a.tgz", "", "", Origin::Download("https://h/a.tgz".into())),
            ("1.0.0", "https://u:p@h/a.tgz?t=1", "1.0.0", Origin::Download("https://h/a.tgz".into())),
        ] {
            let wanted = Source::Elsewhere { version: expected.to_owned(), origin };
            assert_eq!(source(version, resolved), wanted, "{version} {resolved}");
        }
        assert_eq!(source("file:../a", ""), Source::Local);
        assert_eq!(source("1.0.0", "file:a.tgz"), Source::Local);
    }

    #[test]
    fn aliases_and_sums() {
        assert_eq!(alias("npm:@s/a@1.0.0"), Some(("@s/a".to_owned(), "1.0.0".to_owned())));
        assert_eq!(alias("1.0.0"), None);
        assert_eq!(base64("aGVsbG8="), Some(b"hello".to_vec()));
        assert_eq!(base64("aGVs_G8"), None);
    }
}

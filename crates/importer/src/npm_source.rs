//! Where an npm package comes from, according to `version` and `resolved` of a lock file.

use std::collections::BTreeMap;

use crate::purl::{Origin, registry_url, vcs_url, without_secrets};

/// Where a package comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Source {
    /// A folder or archive of the repository itself, or next to it.
    Local,
    /// The package comes from somewhere else: its version and its origin.
    Elsewhere { version: String, origin: Origin },
}

/// Hosts, and paths below them, that serve the public registry's packages and no others. Whatever another registry serves
/// may be its own, also where it passes most requests on to the public one.
const PUBLIC: [&str; 17] = [
    "registry.npmjs.org",
    "registry.npmjs.com",
    "replicate.npmjs.com",
    "skimdb.npmjs.com/registry",
    "registry.yarnpkg.com",
    "registry.npmmirror.com",
    "cdn.npmmirror.com",
    "registry.npm.taobao.org",
    "registry.nlark.com",
    "r.cnpmjs.org",
    "registry.cnpmjs.org",
    "mirrors.cloud.tencent.com/npm",
    "mirrors.tencent.com/npm",
    "mirrors.huaweicloud.com/repository/npm",
    "repo.huaweicloud.com/repository/npm",
    "npmreg.proxy.ustclug.org",
    "npm.proxy.ustclug.org",
];

/// Reads a package's source.
pub(crate) fn source(version: &str, resolved: &str) -> Source {
    let place = if resolved.is_empty() && version.contains(':') { version } else { resolved };
    let place = place.trim();
    let local = ["file:", "link:", "workspace:", "portal:", "./", "../", "/", "~/"];
    if local.iter().any(|start| place.starts_with(start)) {
        return Source::Local;
    }
    let hosted = [
        ("github:", "github.com"),
        ("gitlab:", "gitlab.com"),
        ("bitbucket:", "bitbucket.org"),
        ("gist:", "gist.github.com"),
    ];
    let short = hosted.iter().find_map(|(prefix, host)| place.strip_prefix(prefix).map(|rest| (host, rest)));
    let origin = if let Some((host, rest)) = short {
        let (path, commit) = rest.split_once('#').unwrap_or((rest, ""));
        Origin::Vcs(vcs_url(&format!("git+https://{host}/{}.git#{commit}", path.trim_end_matches(".git"))))
    } else if is_git(place) {
        Origin::Vcs(vcs_url(place))
    } else if place.get(..4).is_some_and(|start| start.eq_ignore_ascii_case("http")) {
        served(place)
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

fn is_git(place: &str) -> bool {
    ["git+", "git:", "git@", "ssh:"].iter().any(|start| place.starts_with(start))
        || place.starts_with("http") && place.split(['#', '?']).next().is_some_and(|url| url.ends_with(".git"))
}

/// Returns the registry that serves an archive, by how registries name archives, or the archive itself.
fn served(url: &str) -> Origin {
    registry(url).map_or_else(|| Origin::Download(without_secrets(url)), of_registry)
}

fn of_registry(url: &str) -> Origin {
    let registry = registry_url(url);
    let bare = registry.split_once("://").map_or(&*registry, |(_, rest)| rest);
    if PUBLIC.contains(&bare) { Origin::Registry } else { Origin::OtherRegistry(registry) }
}

/// Returns the part of an archive's URL that is the registry's: `<registry>/<name>/-/<file>`, where the name may have a
/// scope, or what GitHub, JSR and cnpm write instead.
fn registry(url: &str) -> Option<&str> {
    if let Some((before, file)) = url.split_once("/-/") {
        let file = file.split(['?', '#']).next().unwrap_or_default();
        // Other servers have paths with `/-/` too, such as GitLab's archives of repositories.
        if file.split('/').count() > 1 + usize::from(is_scope(file)) {
            return None;
        }
        let (above, name) = before.rsplit_once('/')?;
        let scoped = above.rsplit_once('/').filter(|(_, scope)| is_scope(scope));
        let registry = if is_scope(name) { above } else { scoped.map_or(above, |(registry, _)| registry) };
        return registry.contains("://").then_some(registry).filter(|registry| !registry.ends_with("//"));
    }
    ["npm.pkg.github.com/download/", "npm.jsr.io/~/", "cdn.npmmirror.com/packages/"].iter().find_map(|mark| {
        let start = url.find("://")? + 3;
        let host = mark.find('/')?;
        url[start..].starts_with(mark).then(|| &url[..start + host])
    })
}

fn is_scope(part: &str) -> bool {
    part.starts_with('@') || part.starts_with("%40")
}

/// The registries that the `.npmrc` of a project names. They count for packages of which the lock file says no place.
#[derive(Debug, Default)]
pub(crate) struct Registries {
    /// By scope, with its `@`; by the empty name for all other packages.
    by_scope: BTreeMap<String, Origin>,
}

impl Registries {
    /// Reads `registry = URL` and `@scope:registry = URL`. Everything else, such as keys, is passed over.
    pub(crate) fn of(npmrc: &str) -> Self {
        let mut by_scope = BTreeMap::new();
        for line in npmrc.lines().map(str::trim).filter(|line| !line.starts_with(['#', ';', '/'])) {
            let Some((key, value)) = line.split_once('=') else { continue };
            let (key, url) = (key.trim(), value.trim().trim_matches(['"', '\'']));
            let scope = key.strip_suffix(":registry").filter(|scope| scope.starts_with('@'));
            if let Some(scope) = scope.or((key == "registry").then_some("")) {
                by_scope.insert(scope.to_owned(), of_registry(url));
            }
        }
        Self { by_scope }
    }

    /// Returns the registry of a package.
    pub(crate) fn origin(&self, name: &str) -> Origin {
        let scope = name.split_once('/').map_or("", |(scope, _)| scope);
        self.by_scope.get(scope).or_else(|| self.by_scope.get("")).cloned().unwrap_or_default()
    }
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
        for local in ["file:../a", "link:../a", "workspace:a", "../a", "/srv/a.tgz"] {
            assert_eq!(source("1.0.0", local), Source::Local, "{local}");
        }
        assert_eq!(source("file:../a", ""), Source::Local);
        assert_eq!(source("1.0.0", "file:a.tgz"), Source::Local);
    }

    #[test]
    fn only_the_public_registry_gives_the_public_name() {
        for url in [
            "https://registry.npmjs.org/a/-/a-1.0.0.tgz",
            "http://registry.npmjs.org/@s/a/-/a-1.0.0.tgz#0123",
            "https://registry.npmjs.org:443/@s%2fa/-/a-1.0.0.tgz",
            "https://registry.npmjs.org/%40s/a/-/a-1.0.0.tgz",
            "https://Registry.YarnPkg.com/a/-/a-1.0.0.tgz#0123",
            "https://registry.npmmirror.com/a/-/a-1.0.0.tgz",
            "https://cdn.npmmirror.com/packages/a/1.0.0/a-1.0.0.tgz",
            "https://mirrors.cloud.tencent.com/npm/@s/a/-/a-1.0.0.tgz",
        ] {
            assert_eq!(served(url), Origin::Registry, "{url}");
        }
        for (url, registry) in [
            ("http://localhost:4873/a/-/a-1.0.0.tgz", "http://localhost:4873"),
            ("https://npm.corp.example/@s/a/-/a-1.0.0.tgz", "https://npm.corp.example"),
            ("https://npm.corp.example/@s%2fa/-/a-1.0.0.tgz", "https://npm.corp.example"),
            ("https://npm.corp.example/%40s/a/-/a-1.0.0.tgz", "https://npm.corp.example"),
            (
                "https://me:token@x.jfrog.io/artifactory/api/npm/npm/@s/a/-/@s/a-1.tgz?t=1",
                "https://x.jfrog.io/artifactory/api/npm/npm",
            ),
            (
                "https://pkgs.dev.azure.com/o/p/_packaging/f/npm/registry/a/-/a-1.tgz",
                "https://pkgs.dev.azure.com/o/p/_packaging/f/npm/registry",
            ),
            (
                "https://gitlab.com/api/v4/projects/7/packages/npm/@s/a/-/@s/a-1.tgz",
                "https://gitlab.com/api/v4/projects/7/packages/npm",
            ),
            (
                "https://d-1.d.codeartifact.eu-west-1.amazonaws.com/npm/r/a/-/a-1.tgz",
                "https://d-1.d.codeartifact.eu-west-1.amazonaws.com/npm/r",
            ),
            ("https://nexus.example/repository/npm-all/a/-/a-1.tgz", "https://nexus.example/repository/npm-all"),
            ("https://npm.pkg.github.com/download/@s/a/1.0.0/0123", "https://npm.pkg.github.com"),
            ("https://npm.jsr.io/~/11/@jsr/s__a/1.0.0.tgz", "https://npm.jsr.io"),
            ("https://registry.npmjs.org.evil.example/a/-/a-1.tgz", "https://registry.npmjs.org.evil.example"),
            ("https://evil.example/registry.npmjs.org/a/-/a-1.tgz", "https://evil.example/registry.npmjs.org"),
        ] {
            assert_eq!(served(url), Origin::OtherRegistry(registry.to_owned()), "{url}");
        }
        for url in [
            "https://h.example/a.tgz",
            "https://codeload.github.com/x/a/tar.gz/0123",
            "https://gitlab.com/x/a/-/archive/v1/a-v1.tar.gz",
            "https:///-/a",
        ] {
            assert_eq!(served(url), Origin::Download(url.to_owned()), "{url}");
        }
        assert!(matches!(
            source("1.0.0", "https://h.example/x/a.git#ab"),
            Source::Elsewhere { origin: Origin::Vcs(_), .. }
        ));
    }

    #[test]
    fn a_project_names_its_registries() {
        let registries = Registries::of(
            "; ours\nregistry=https://registry.npmjs.org/\n@corp:registry = \"https://me:pw@npm.corp.example/api/\"\n\
             //npm.corp.example/api/:_authToken=${TOKEN}\nsave-exact=true\n",
        );
        assert_eq!(registries.origin("a"), Origin::Registry);
        assert_eq!(registries.origin("@other/a"), Origin::Registry);
        assert_eq!(registries.origin("@corp/a"), Origin::OtherRegistry("https://npm.corp.example/api".to_owned()));
        let registries = Registries::of("registry=https://npm.corp.example\n");
        assert_eq!(registries.origin("@s/a"), Origin::OtherRegistry("https://npm.corp.example".to_owned()));
        assert_eq!(Registries::default().origin("a"), Origin::Registry);
    }

    #[test]
    fn aliases_and_sums() {
        assert_eq!(alias("npm:@s/a@1.0.0"), Some(("@s/a".to_owned(), "1.0.0".to_owned())));
        assert_eq!(alias("1.0.0"), None);
        assert_eq!(base64("aGVsbG8="), Some(b"hello".to_vec()));
        assert_eq!(base64("aGVs_G8"), None);
    }
}

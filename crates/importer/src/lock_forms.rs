//! Which files lock the packages of which package manager, by their names.
//!
//! Two forms are read. All others are known by name, so that an import can say whose packages it does not know.

use crate::paths;

/// The form of a lock file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Form {
    /// `Cargo.lock`, which is read.
    Cargo,
    /// `package-lock.json` and `npm-shrinkwrap.json`, which are one form and are read.
    Npm,
    /// A file that is not read, with the name of its package manager or ecosystem.
    NotRead(&'static str),
}

/// Whole names of files that are not read.
const NAMES: &[(&str, &str)] = &[
    ("yarn.lock", "Yarn"),
    ("pnpm-lock.yaml", "pnpm"),
    ("pnpm-lock.yml", "pnpm"),
    ("shrinkwrap.yaml", "pnpm"),
    ("bun.lock", "Bun"),
    ("bun.lockb", "Bun"),
    ("deno.lock", "Deno"),
    ("jsr.lock", "JSR"),
    ("poetry.lock", "Poetry"),
    ("uv.lock", "uv"),
    ("pipfile.lock", "Pipenv"),
    ("pdm.lock", "PDM"),
    ("pylock.toml", "Python"),
    ("pixi.lock", "Pixi"),
    ("requirements.txt", "Python"),
    ("requirements.lock", "Python"),
    ("requirements-dev.lock", "Python"),
    ("conda-lock.yml", "Conda"),
    ("conda-lock.yaml", "Conda"),
    ("gemfile.lock", "Bundler"),
    ("gems.locked", "Bundler"),
    ("composer.lock", "Composer"),
    ("go.mod", "Go"),
    ("go.sum", "Go"),
    ("go.work.sum", "Go"),
    ("gopkg.lock", "Go"),
    ("glide.lock", "Go"),
    ("gradle.lockfile", "Gradle"),
    ("buildscript-gradle.lockfile", "Gradle"),
    ("settings-gradle.lockfile", "Gradle"),
    ("maven_install.json", "Maven"),
    ("packages.lock.json", "NuGet"),
    ("project.assets.json", "NuGet"),
    ("project.lock.json", "NuGet"),
    ("paket.lock", "Paket"),
    ("package.resolved", "Swift Package Manager"),
    ("podfile.lock", "CocoaPods"),
    ("cartfile.resolved", "Carthage"),
    ("pubspec.lock", "Dart"),
    ("mix.lock", "Mix"),
    ("rebar.lock", "Rebar"),
    ("gleam.lock", "Gleam"),
    ("stack.yaml.lock", "Stack"),
    ("cabal.project.freeze", "Cabal"),
    ("flake.lock", "Nix"),
    ("conan.lock", "Conan"),
    ("vcpkg.json", "vcpkg"),
    ("manifest.toml", "Julia"),
    ("juliamanifest.toml", "Julia"),
    ("renv.lock", "renv"),
    ("packrat.lock", "Packrat"),
    ("cpanfile.snapshot", "Carton"),
    ("luarocks.lock", "LuaRocks"),
    ("shard.lock", "Shards"),
    ("dub.selections.json", "DUB"),
    ("nimble.lock", "Nimble"),
    ("build.zig.zon", "Zig"),
    (".terraform.lock.hcl", "Terraform"),
    ("chart.lock", "Helm"),
    ("module.bazel.lock", "Bazel"),
    ("buf.lock", "Buf"),
    ("spago.lock", "Spago"),
    ("elm.json", "Elm"),
    ("foundry.lock", "Foundry"),
    ("soldeer.lock", "Soldeer"),
    ("move.lock", "Move"),
    ("scarb.lock", "Scarb"),
    ("mops.lock", "Mops"),
    ("lazy-lock.json", "lazy.nvim"),
];

/// Beginnings and ends of names of files that are not read.
const PATTERNS: &[(&str, &str, &str)] = &[
    ("requirements", ".txt", "Python"),
    ("pylock.", ".toml", "Python"),
    ("manifest-v", ".toml", "Julia"),
    ("packages.", ".lock.json", "NuGet"),
    ("", ".conda-lock.yml", "Conda"),
    ("", ".gemfile.lock", "Bundler"),
    ("", ".opam.locked", "opam"),
    ("", ".yaml.lock", "Stack"),
    ("", ".project.freeze", "Cabal"),
];

impl Form {
    /// Returns the form that a path names. Cargo and npm write their names in one way only; the others are known in any
    /// case.
    pub(crate) fn of(path: &[u8]) -> Option<Self> {
        let name = paths::file_name(path);
        if Self::is_name_of_read(name) {
            return Some(if name == b"Cargo.lock" { Self::Cargo } else { Self::Npm });
        }
        let name = std::str::from_utf8(name).ok().filter(|name| name.len() <= 100)?.to_ascii_lowercase();
        let whole = NAMES.iter().find(|(known, _)| *known == name).map(|(_, tool)| *tool);
        let in_part = || {
            let fits = |(start, end, _): &&(&str, &str, &str)| {
                name.len() > start.len() + end.len() && name.starts_with(start) && name.ends_with(end)
            };
            PATTERNS.iter().find(fits).map(|(.., tool)| *tool)
        };
        whole.or_else(in_part).map(Self::NotRead)
    }

    /// Returns whether this is the name of a file of a form that is read.
    pub(crate) fn is_name_of_read(name: &[u8]) -> bool {
        matches!(name, b"Cargo.lock" | b"package-lock.json" | b"npm-shrinkwrap.json")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn forms_are_known_by_name() {
        assert_eq!(Form::of(b"a/Cargo.lock"), Some(Form::Cargo));
        assert_eq!(Form::of(b"npm-shrinkwrap.json"), Some(Form::Npm));
        for (path, tool) in [
            ("yarn.lock", "Yarn"),
            ("web/pnpm-lock.yaml", "pnpm"),
            ("Pipfile.lock", "Pipenv"),
            ("requirements.txt", "Python"),
            ("requirements-dev.txt", "Python"),
            ("pylock.dev.toml", "Python"),
            ("gemfiles/rails_7.gemfile.lock", "Bundler"),
            ("go.sum", "Go"),
            ("app/Package.resolved", "Swift Package Manager"),
            ("MODULE.bazel.lock", "Bazel"),
            ("Manifest-v1.11.toml", "Julia"),
            ("stack-9.4.yaml.lock", "Stack"),
            ("x.opam.locked", "opam"),
            (".terraform.lock.hcl", "Terraform"),
            ("Scarb.lock", "Scarb"),
        ] {
            assert_eq!(Form::of(path.as_bytes()), Some(Form::NotRead(tool)), "{path}");
        }
        for path in ["cargo.lock.md", "lock", "src/lock.rs", "dvc.lock.rs", "Cargo.toml", "package.json", "a.lock"] {
            assert_eq!(Form::of(path.as_bytes()), None, "{path}");
        }
    }
}

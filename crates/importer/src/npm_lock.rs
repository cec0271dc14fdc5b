//! `package-lock.json` and `npm-shrinkwrap.json`, versions 1 to 3.
//!
//! Every package has a place in a tree of folders, and a name is looked up as in Node: in `node_modules` of the folder that
//! asks, then of each folder above. Packages outside every `node_modules` (the root, workspaces, linked folders) and `file:`
//! packages are the work itself. Development and peer dependencies count, and optional ones only if they are installed.
//! Version 1 is converted into the same form; what the root uses is in the `package.json` beside it. An entry that is no
//! package costs only itself.

use std::{
    collections::{BTreeMap, HashMap},
    fmt,
};

use alloy_primitives::B256;
use serde::{
    Deserialize, Deserializer,
    de::{DeserializeOwned, IgnoredAny, MapAccess, SeqAccess, Visitor},
};

use crate::{
    Ecosystem, External,
    graph::{LockGraph, Node},
    locks::check_count,
    npm_source::{self, Registries, Source},
    paths,
    purl::{Origin, purl},
    text,
};

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct File {
    lockfile_version: Option<serde_json::Value>,
    packages: Option<BTreeMap<String, Entry<Package>>>,
    dependencies: Option<BTreeMap<String, Entry<Old>>>,
}

/// An entry that is a package, or something else.
#[derive(Debug)]
struct Entry<T>(Option<T>);

impl<'de, T: DeserializeOwned> Deserialize<'de> for Entry<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let value = serde_json::Value::deserialize(deserializer)?;
        Ok(Self(serde_json::from_value(value).ok()))
    }
}

/// Returns the entries that are packages, and adds to the number of the others.
fn sound<T>(entries: BTreeMap<String, Entry<T>>, odd: &mut u64) -> BTreeMap<String, T> {
    let mut sound = BTreeMap::new();
    for (name, Entry(entry)) in entries {
        match entry {
            Some(entry) => drop(sound.insert(name, entry)),
            None => *odd += 1,
        }
    }
    sound
}

/// One entry of versions 2 and 3.
#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Package {
    name: Text,
    version: Text,
    resolved: Text,
    integrity: Text,
    link: bool,
    /// Whether it comes in the archive of another package.
    in_bundle: bool,
    dependencies: Names,
    dev_dependencies: Names,
    optional_dependencies: Names,
    peer_dependencies: Names,
    peer_dependencies_meta: Option<BTreeMap<String, PeerMeta>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct PeerMeta {
    optional: bool,
}

/// One entry of version 1.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Old {
    version: Text,
    resolved: Text,
    integrity: Text,
    requires: Names,
    dependencies: Option<BTreeMap<String, Old>>,
}

/// Files in the folder of a lock file.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Beside<'a> {
    /// `package.json`
    pub(crate) manifest: Option<&'a [u8]>,
    /// `.npmrc`
    pub(crate) npmrc: Option<&'a [u8]>,
}

/// Reads a lock file. The error says what is wrong, and where.
pub(crate) fn read(path: &str, content: &str, beside: Beside<'_>) -> Result<LockGraph, String> {
    let file: File = serde_json::from_str(content).map_err(|error| text::json_error(&error))?;
    if file.lockfile_version.is_none() && file.packages.is_none() && file.dependencies.is_none() {
        return Err("line 1: it names no version and no package".to_owned());
    }
    let (mut warnings, mut odd) = (Vec::new(), 0);
    let packages = match file.packages {
        Some(packages) => sound(packages, &mut odd),
        None => {
            let dependencies = sound(file.dependencies.unwrap_or_default(), &mut odd);
            from_old(path, dependencies, beside.manifest, &mut warnings)
        }
    };
    if odd > 0 {
        warnings.push(format!("{path}: {odd} entries are no packages and are left out"));
    }
    check_count(packages.len())?;
    let registries = match beside.npmrc.map(text::lossy).transpose() {
        Ok(npmrc) => npmrc.map(|npmrc| Registries::of(&npmrc)).unwrap_or_default(),
        Err(why) => {
            warnings.push(format!(
                "{path}: .npmrc beside it is not read, so packages without a place count as npm's own: {why}"
            ));
            Registries::default()
        }
    };
    let mut graph = Folders::new(path, packages).graph(&registries);
    graph.warnings.append(&mut warnings);
    Ok(graph)
}

/// Converts version 1 into the form of version 2.
fn from_old(
    path: &str,
    dependencies: BTreeMap<String, Old>,
    manifest: Option<&[u8]>,
    warnings: &mut Vec<String>,
) -> BTreeMap<String, Package> {
    let mut root: Option<Package> =
        manifest.and_then(|manifest| serde_json::from_str(&text::strict(manifest).ok()?).ok());
    if root.is_none() {
        warnings.push(format!("{path}: no readable package.json beside it, so all its top packages count as used"));
        let names = Names(dependencies.keys().cloned().collect());
        root = Some(Package { dependencies: names, ..Package::default() });
    }
    let mut packages: BTreeMap<String, Package> = root.into_iter().map(|root| (String::new(), root)).collect();
    let mut waiting = vec![(String::new(), dependencies)];
    while let Some((folder, dependencies)) = waiting.pop() {
        for (name, old) in dependencies {
            let key = join(&folder, &format!("node_modules/{name}"));
            waiting.push((key.clone(), old.dependencies.unwrap_or_default()));
            let Old { version, resolved, integrity, requires, .. } = old;
            // For packages from outside the registry, `version` says where the package comes from.
            let named = npm_source::alias(&version.0);
            let (name, version) =
                named.map_or((Text::default(), version), |(name, version)| (Text(name), Text(version)));
            let resolved = if version.0.contains(':') || resolved.0.is_empty() { version.clone() } else { resolved };
            let resolved = if resolved.0.contains(':') { resolved } else { Text::default() };
            packages.insert(
                key,
                Package { name, version, resolved, integrity, dependencies: requires, ..Package::default() },
            );
        }
    }
    packages
}

/// The packages in their folders.
struct Folders {
    path: String,
    /// The folder of the lock file, which distinguishes own packages of several lock files.
    base: String,
    places: Vec<(String, Package)>,
    by_folder: HashMap<String, usize>,
}

impl Folders {
    fn new(path: &str, packages: BTreeMap<String, Package>) -> Self {
        let mut places: Vec<(String, Package)> = packages.into_iter().collect();
        let mut by_folder: HashMap<String, usize> =
            places.iter().enumerate().map(|(number, (folder, _))| (folder.clone(), number)).collect();
        // A link whose target has no entry of its own leads out of the repository. It is an own package all the same.
        for number in 0..places.len() {
            let (_, package) = &places[number];
            if package.link && !by_folder.contains_key(&package.resolved.0) {
                let target = package.resolved.0.clone();
                by_folder.insert(target.clone(), places.len());
                places.push((target, Package::default()));
            }
        }
        Self { path: path.to_owned(), base: paths::folder(path).to_owned(), places, by_folder }
    }

    fn graph(&self, registries: &Registries) -> LockGraph {
        let mut graph = LockGraph::default();
        let mut local = 0;
        for (folder, package) in &self.places {
            let source = npm_source::source(&package.version.0, &package.resolved.0);
            let own = !inside_node_modules(folder) || package.link || source == Source::Local;
            local += usize::from(own && inside_node_modules(folder) && !package.link);
            graph.nodes.push(if own {
                Node::Own(format!("npm:{}", join(&self.base, folder)))
            } else {
                external(folder, package, source, registries)
            });
        }
        let mut absent = 0;
        for (number, (folder, package)) in self.places.iter().enumerate().filter(|(_, (_, package))| !package.link) {
            let development = if inside_node_modules(folder) { &[][..] } else { &package.dev_dependencies.0 };
            let meta = package.peer_dependencies_meta.as_ref();
            let optional = |name: &String| meta.and_then(|meta| meta.get(name)).is_some_and(|meta| meta.optional);
            let names = package.dependencies.0.iter().chain(&package.peer_dependencies.0).chain(development);
            for name in names.chain(&package.optional_dependencies.0) {
                match self.resolve(folder, name) {
                    Some(target) => graph.edges.push((number, target)),
                    // npm also lists optional dependencies among the others.
                    None if optional(name) || package.optional_dependencies.0.contains(name) => {}
                    None => absent += 1,
                }
            }
        }
        let file = &self.path;
        if local > 0 {
            graph.warnings.push(format!("{file}: {local} packages come from a path and count as part of the work"));
        }
        if absent > 0 {
            graph.warnings.push(format!("{file}: {absent} dependencies that packages name are not in it"));
        }
        graph
    }

    /// Returns where Node finds `name` from a file in `folder`.
    fn resolve(&self, folder: &str, name: &str) -> Option<usize> {
        let mut folder = folder;
        loop {
            if folder != "node_modules" && !folder.ends_with("/node_modules") {
                let found = self.by_folder.get(&join(folder, &format!("node_modules/{name}")));
                if let Some(number) = found {
                    let (_, package) = &self.places[*number];
                    return if package.link { self.by_folder.get(&package.resolved.0).copied() } else { Some(*number) };
                }
            }
            if folder.is_empty() || folder == ".." || folder.ends_with("/..") {
                return None;
            }
            folder = paths::folder(folder);
        }
    }
}

fn external(folder: &str, package: &Package, source: Source, registries: &Registries) -> Node {
    let place = folder.rsplit_once("node_modules/").map_or(folder, |(_, name)| name);
    let name = if package.name.0.is_empty() { place } else { &package.name.0 };
    let (version, origin) = match source {
        Source::Elsewhere { version, origin } => (version, origin),
        Source::Local => (package.version.0.clone(), Default::default()),
    };
    // Without a place, the project's own settings say which registry has the package.
    let is_silent = origin == Origin::Registry && package.resolved.0.is_empty() && !package.in_bundle;
    let origin = if is_silent { registries.origin(name) } else { origin };
    // Most sums are SHA-512, which do not fit in a 32-byte hash, so the text is kept as it is.
    let sha256 = package.integrity.0.split_whitespace().find_map(|sum| sum.strip_prefix("sha256-"));
    Node::External(External {
        purl: purl("npm", name, &version, &origin),
        name: name.to_owned(),
        version,
        ecosystem: Ecosystem::Npm,
        content_hash: sha256.and_then(npm_source::base64).and_then(|sum| B256::try_from(&*sum).ok()),
        integrity: (!package.integrity.0.is_empty()).then(|| package.integrity.0.clone()),
    })
}

fn inside_node_modules(folder: &str) -> bool {
    folder.split('/').any(|part| part == "node_modules")
}

fn join(folder: &str, path: &str) -> String {
    match (folder, path) {
        ("", path) => path.to_owned(),
        (folder, "") => folder.to_owned(),
        (folder, path) => format!("{folder}/{path}"),
    }
}

/// A text. Anything else, which old versions of npm sometimes wrote, is treated as missing.
#[derive(Debug, Clone, Default)]
struct Text(String);

impl<'de> Deserialize<'de> for Text {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let value = serde_json::Value::deserialize(deserializer)?;
        Ok(Self(if let serde_json::Value::String(text) = value { text } else { String::new() }))
    }
}

/// The keys of an object. `true`, `null` and lists, which old versions of npm wrote, have no keys.
#[derive(Debug, Clone, Default)]
struct Names(Vec<String>);

impl<'de> Deserialize<'de> for Names {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Keys;
        impl<'de> Visitor<'de> for Keys {
            type Value = Names;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object whose keys are package names")
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Names, A::Error> {
                let mut names = Vec::new();
                while let Some((name, IgnoredAny)) = map.next_entry()? {
                    names.push(name);
                }
                Ok(Names(names))
            }
            fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Names, A::Error> {
                while list.next_element::<IgnoredAny>()?.is_some() {}
                Ok(Names::default())
            }
            fn visit_bool<E>(self, _: bool) -> Result<Names, E> {
                Ok(Names::default())
            }
            fn visit_unit<E>(self) -> Result<Names, E> {
                Ok(Names::default())
            }
        }
        deserializer.deserialize_any(Keys)
    }
}

//! Modules: programs with a space of their own. They form a tree of names as in the reference: `a:b` is the module `b` in the
//! folder of the module `a`, and names begin at the module that imports unless they begin with `top`. Nothing is read except
//! through the loader that an interpreter was given, so an interpreter without one reads no file.

use std::{collections::BTreeMap, sync::Arc};

use crate::{
    atom::{Atom, SpaceId},
    interpreter::Metta,
};

/// What a loader is asked for.
#[derive(Clone, Copy, Debug)]
pub enum Wanted<'a> {
    /// The module of this name in a folder. Names are made of letters, digits, `-` and `_`.
    Name(&'a str),
    /// The file or folder at this path, seen from a folder. It may lead out of the folder.
    Path(&'a str),
}

/// A module that a loader has found.
#[derive(Clone, Debug)]
pub struct ModuleText {
    /// The name under which it is known.
    pub name: String,
    /// Where its text was found. Two modules with the same place are one.
    pub file: String,
    /// The folder of the modules that it imports.
    pub folder: String,
    /// Its text.
    pub text: String,
}

/// Finds a module, seen from a folder. An empty folder is that of the program.
pub type ModuleLoader = Arc<dyn Fn(&str, Wanted<'_>) -> Option<ModuleText> + Send + Sync>;

/// The deepest nesting of modules that import each other.
const MODULE_DEPTH: usize = 32;

/// The reference's own modules that are not available here, and why.
const ABSENT: &[(&str, &str)] = &[
    ("random", "rules do not use randomness"),
    ("fileio", "rules do not read or write files"),
    ("catalog", "rules do not read from the network"),
    ("das", "rules do not read from the network"),
    ("json", "text in JSON is read in Rust"),
    ("py_ops", "there is no Python here"),
    ("skel", "it is only an example of how the reference is extended"),
];

/// The modules that are loaded.
#[derive(Clone, Default)]
pub(crate) struct Modules {
    /// Their spaces and folders, by their names from the top on.
    by_name: BTreeMap<Vec<String>, Module>,
    /// The names of those that were loaded from a file.
    by_file: BTreeMap<String, Vec<String>>,
    /// The name of the module that is being run. It is empty for the program itself.
    current: Vec<String>,
    loading: usize,
}

#[derive(Clone)]
struct Module {
    space: SpaceId,
    folder: String,
}

impl Modules {
    /// Returns whether a module is being loaded.
    pub(crate) fn is_loading(&self) -> bool {
        self.loading > 0
    }

    /// Returns the parts of a name, from the top on.
    fn absolute(&self, name: &str) -> Vec<String> {
        let parts: Vec<&str> = name.strip_suffix(':').unwrap_or(name).split(':').collect();
        let (mut path, rest) = match parts.as_slice() {
            ["top", rest @ ..] => (Vec::new(), rest),
            ["self", rest @ ..] => (self.current.clone(), rest),
            all => (self.current.clone(), all),
        };
        path.extend(rest.iter().map(|part| (*part).to_owned()));
        path
    }

    fn folder(&self, path: &[String]) -> &str {
        self.by_name.get(path).map_or("", |module| &module.folder)
    }

    /// Returns a line for every module: its name, and the number of its space.
    pub(crate) fn lines(&self) -> Vec<String> {
        let line = |(path, module): (&Vec<String>, &Module)| {
            let indent = "   ".repeat(path.len().saturating_sub(1));
            format!("{indent} - {} = {}", path.last().map_or("top", String::as_str), module.space.0)
        };
        std::iter::once("top".to_owned()).chain(self.by_name.iter().map(line)).collect()
    }
}

fn is_legal(name: &str) -> bool {
    name.chars().all(|c| c.is_ascii_alphanumeric() || c == '-' || c == '_')
}

fn unresolved(path: &[String]) -> String {
    let name = path.iter().map(|part| format!(":{part}")).collect::<String>();
    let absent = ABSENT.iter().find(|(absent, _)| path.len() == 1 && path.first().is_some_and(|name| name == absent));
    let why = absent.map(|(_, why)| format!(": it is not available, because {why}")).unwrap_or_default();
    format!("Failed to resolve module top{name}{why}")
}

impl Metta {
    /// Loads a module and returns its space. A module that is loaded already is not run again.
    pub(crate) fn import(&mut self, name: &str) -> Result<SpaceId, String> {
        let path = self.modules.absolute(name);
        let mut space = self.program_space();
        for depth in 1..=path.len() {
            let part = path.get(..depth).unwrap_or_default();
            space = match (self.modules.by_name.get(part), part) {
                (Some(module), _) => module.space,
                // The library is always the first space.
                (None, [library]) if library == "corelib" || library == "stdlib" => SpaceId(0),
                (None, _) => {
                    let found = self.resolve(part)?;
                    self.load(part.to_vec(), &found)?
                }
            };
        }
        Ok(space)
    }

    /// Loads the module at a path that is seen from the program's folder.
    pub(crate) fn register_module(&mut self, path: &str) -> Result<(), String> {
        let found = self.loader().and_then(|loader| loader("", Wanted::Path(path)));
        let found = found.ok_or_else(|| format!("No module format able to interpret module at {path}"))?;
        let name = vec![found.name.clone()];
        if self.modules.by_name.contains_key(&name) {
            let name = &found.name;
            return Err(format!(
                "Attempt to create module alias with name that conflicts with existing module: {name}"
            ));
        }
        self.load(name, &found).map(|_| ())
    }

    /// Runs the text of a module as a part of the present program, and returns the results of its last `!`.
    pub(crate) fn include(&mut self, name: &str) -> Result<Vec<Atom>, String> {
        let path = self.modules.absolute(name);
        if let Some((_, parents @ [_, ..])) = path.split_last() {
            self.import(&format!("top:{}", parents.join(":")))?;
        }
        let found = self.resolve(&path)?;
        let lists = self.nested(|metta| metta.run(&found.file, &found.text).map_err(|error| error.to_string()))?;
        Ok(lists.into_iter().next_back().unwrap_or_default())
    }

    /// Asks the loader for a module: in the folder of the module above it, and then in that of the program.
    fn resolve(&self, path: &[String]) -> Result<ModuleText, String> {
        let Some((name, parents)) = path.split_last() else { return Err(unresolved(path)) };
        if !is_legal(name) {
            return Err(format!("Illegal module name: {name}"));
        }
        let folder = self.modules.folder(parents);
        let found = self.loader().filter(|_| !name.is_empty()).and_then(|loader| {
            let beside = loader(folder, Wanted::Name(name));
            beside.or_else(|| loader("", Wanted::Name(name)).filter(|_| !folder.is_empty()))
        });
        found.ok_or_else(|| unresolved(path))
    }

    fn load(&mut self, path: Vec<String>, found: &ModuleText) -> Result<SpaceId, String> {
        let known = self.modules.by_file.get(&found.file).and_then(|known| self.modules.by_name.get(known)).cloned();
        if let Some(module) = known {
            let space = module.space;
            self.modules.by_name.insert(path, module);
            return Ok(space);
        }
        let (space, before) = self.enter_module();
        self.modules.by_name.insert(path.clone(), Module { space, folder: found.folder.clone() });
        self.modules.by_file.insert(found.file.clone(), path.clone());
        let outer = std::mem::replace(&mut self.modules.current, path.clone());
        let lists = self.nested(|metta| metta.run(&found.file, &found.text).map_err(|error| error.to_string()));
        self.modules.current = outer;
        self.leave_module(before);
        let error = match lists {
            Ok(lists) => lists.iter().flatten().find(|atom| atom.is_error()).map(ToString::to_string),
            Err(error) => Some(error),
        };
        match error {
            None => Ok(space),
            Some(error) => {
                self.modules.by_name.remove(&path);
                self.modules.by_file.remove(&found.file);
                Err(error)
            }
        }
    }

    /// Runs something as part of the present evaluation, within its limits.
    fn nested<T>(&mut self, run: impl FnOnce(&mut Self) -> Result<T, String>) -> Result<T, String> {
        if self.modules.loading >= MODULE_DEPTH {
            return Err(format!("modules import each other more than {MODULE_DEPTH} deep"));
        }
        self.modules.loading += 1;
        let result = run(self);
        self.modules.loading -= 1;
        result
    }
}

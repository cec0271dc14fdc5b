//! Reads settings from a file and the environment, and says what is wrong with them.

use std::collections::BTreeMap;

use toml::{Table, Value as Toml};

use super::{
    sections::{Default, Key, SECTIONS, Section},
    value::Value,
};

/// Where a value comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Origin {
    File,
    Environment,
    Default,
}

/// The values that are set, as text, by section and name.
#[derive(Debug, Default)]
pub(super) struct Values(BTreeMap<(&'static str, &'static str), (String, Origin)>);

impl Values {
    /// Returns the values of a file and of the environment, which win, and what is wrong with them.
    pub fn collect(file: &Table, environment: impl Fn(&str) -> Result<Option<String>, String>) -> (Self, Vec<String>) {
        let (mut values, mut faults) = (Self::default(), Vec::new());
        for (name, value) in file {
            match (SECTIONS.iter().find(|section| section.name == name), value) {
                (Some(section), Toml::Table(table)) => values.add_section(section, table, &mut faults),
                (Some(_), _) => faults.push(format!("`{name}` is a section: write [{name}]")),
                (None, value) => faults.push(unknown_at_top(name, value)),
            }
        }
        for (section, key) in all() {
            match environment(key.variable) {
                Ok(Some(text)) => drop(values.0.insert((section.name, key.name), (text, Origin::Environment))),
                Ok(None) => {}
                Err(fault) => faults.push(fault),
            }
        }
        (values, faults)
    }

    fn add_section(&mut self, section: &'static Section, table: &Table, faults: &mut Vec<String>) {
        for (name, value) in table {
            match section.keys.iter().find(|key| key.name == name) {
                None => faults.push(unknown_in(section, name)),
                Some(key) => match text(value) {
                    Some(text) => drop(self.0.insert((section.name, key.name), (text, Origin::File))),
                    None => {
                        faults.push(format!("{}.{name}: a text, a number or a list of these is needed", section.name))
                    }
                },
            }
        }
    }

    /// Returns the value of a setting, or its default.
    ///
    /// # Errors
    /// When the value is malformed, or a required one is missing. The text says which, for people.
    pub fn get<V: Value>(&self, section: &'static str, name: &'static str) -> Result<V, String> {
        let found = all().find(|(known, key)| known.name == section && key.name == name);
        let (_, key) = found.ok_or_else(|| format!("there is no setting {section}.{name}"))?;
        let text = match (self.0.get(&(section, name)), key.default) {
            (Some((text, _)), _) => text,
            (None, Default::Is(text)) => text,
            (None, Default::Unset(_)) => return V::unset().ok_or_else(|| missing(section, key)),
            (None, Default::Required(_)) => return Err(missing(section, key)),
        };
        V::parse(text).map_err(|fault| match self.origin(section, name) {
            Origin::Environment => format!("{section}.{name}, which {} sets: {fault}", key.variable),
            _ => format!("{section}.{name}: {fault}"),
        })
    }

    pub fn origin(&self, section: &'static str, name: &'static str) -> Origin {
        self.0.get(&(section, name)).map_or(Origin::Default, |(_, origin)| *origin)
    }
}

/// Returns every setting with its section.
pub(super) fn all() -> impl Iterator<Item = (&'static Section, &'static Key)> {
    SECTIONS.iter().flat_map(|section| section.keys.iter().map(move |key| (section, key)))
}

/// Returns a value of TOML as an environment variable would have it, with commas in lists.
fn text(value: &Toml) -> Option<String> {
    match value {
        Toml::String(text) => Some(text.clone()),
        Toml::Integer(number) => Some(number.to_string()),
        Toml::Boolean(truth) => Some(truth.to_string()),
        Toml::Array(values) => {
            let parts: Option<Vec<String>> = values.iter().map(text).collect();
            Some(parts?.join(","))
        }
        Toml::Float(_) | Toml::Datetime(_) | Toml::Table(_) => None,
    }
}

fn missing(section: &str, key: &Key) -> String {
    format!("{section}.{} is not set: set it in the file, or the environment variable {}", key.name, key.variable)
}

/// Returns the message about a name that is neither a section nor in one.
fn unknown_at_top(name: &str, value: &Toml) -> String {
    if matches!(value, Toml::Table(_)) {
        let near = nearest(name, SECTIONS.iter().map(|section| section.name));
        return format!(
            "there is no section [{name}]{}",
            near.map_or_else(String::new, |near| format!(": is [{near}] meant?"))
        );
    }
    // In older files, settings were at the top, under the names of their environment variables in
    // lower case.
    let variables = all().map(|(_, key)| key.variable);
    let near = nearest(&name.to_uppercase(), variables);
    match all().find(|(_, key)| Some(key.variable) == near) {
        Some((section, key)) if key.variable.eq_ignore_ascii_case(name) => {
            format!("`{name}` stands outside of every section: it is `{}` in [{}] now", key.name, section.name)
        }
        Some((section, key)) => format!("there is no setting `{name}`: is `{}` in [{}] meant?", key.name, section.name),
        None => format!("there is no setting `{name}`"),
    }
}

fn unknown_in(section: &Section, name: &str) -> String {
    let unknown = format!("there is no setting {}.{name}", section.name);
    let elsewhere = all().find(|(_, key)| key.name == name || key.variable.eq_ignore_ascii_case(name));
    if let Some((place, key)) = elsewhere {
        return format!("{unknown}: it is `{}` in [{}]", key.name, place.name);
    }
    match nearest(name, section.keys.iter().map(|key| key.name)) {
        Some(near) => format!("{unknown}: is `{near}` meant?"),
        None => unknown,
    }
}

/// Returns the known name that is most similar to a written one, if at most a third of its letters
/// differ.
fn nearest<'a>(written: &str, known: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let near = known.map(|name| (distance(written, name), name)).min_by_key(|(distance, _)| *distance);
    near.filter(|(distance, name)| *distance <= name.len().max(3) / 3).map(|(_, name)| name)
}

/// Returns how many letters have to be inserted, removed or replaced to come from one word to another
/// (Levenshtein).
fn distance(from: &str, to: &str) -> usize {
    let to: Vec<char> = to.chars().collect();
    let mut row: Vec<usize> = (0..=to.len()).collect();
    for (line, letter) in from.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = line + 1;
        for (column, other) in to.iter().enumerate() {
            let replaced = diagonal + usize::from(letter != *other);
            diagonal = row[column + 1];
            row[column + 1] = replaced.min(diagonal + 1).min(row[column] + 1);
        }
    }
    row[to.len()]
}

//! The rules of a run in SARIF, and how a result names one: by position, id or GUID, in the tool's own part or in an
//! extension of it.

use std::collections::HashMap;

use serde::{Deserialize, Deserializer, de};
use serde_json::value::RawValue;

/// A longer id names no rule, in bytes.
const LONGEST_ID: usize = 500;

/// How serious a finding is.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(super) enum Level {
    Error,
    #[default]
    Warning,
    Note,
    None,
}

impl<'de> Deserialize<'de> for Level {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        match &*text.to_ascii_lowercase() {
            "error" => Ok(Self::Error),
            "warning" => Ok(Self::Warning),
            "note" => Ok(Self::Note),
            "none" => Ok(Self::None),
            _ => Err(de::Error::unknown_variant(&text, &["error", "warning", "note", "none"])),
        }
    }
}

/// The tool of a run.
#[derive(Deserialize)]
pub(super) struct Tool {
    driver: Option<Component>,
    extensions: Option<Vec<Option<Component>>>,
}

/// The tool's own part, or an extension.
#[derive(Default, Deserialize)]
struct Component {
    name: Option<String>,
    guid: Option<String>,
    rules: Option<Vec<Box<RawValue>>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Rule {
    id: Option<String>,
    guid: Option<String>,
    default_configuration: Option<Configuration>,
}

#[derive(Deserialize)]
struct Configuration {
    level: Option<Level>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Invocation {
    rule_configuration_overrides: Option<Vec<Override>>,
}

#[derive(Deserialize)]
struct Override {
    descriptor: Option<Reference>,
    configuration: Option<Configuration>,
}

/// How a rule is named.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Reference {
    id: Option<String>,
    index: Option<i64>,
    guid: Option<String>,
    tool_component: Option<ComponentReference>,
}

#[derive(Debug, Clone, Default, Deserialize)]
struct ComponentReference {
    name: Option<String>,
    index: Option<i64>,
    guid: Option<String>,
}

impl Reference {
    /// Joins what a result says in `rule`, and in `ruleId` and `ruleIndex`.
    pub(super) fn of(rule: Option<&Self>, id: Option<&str>, index: Option<i64>) -> Self {
        let mut reference = rule.cloned().unwrap_or_default();
        reference.id = reference.id.or_else(|| id.map(str::to_owned));
        reference.index = reference.index.or(index);
        reference
    }
}

/// The place of a rule: its part, and its position there.
type Place = (usize, usize);

/// The rules of a run. Everything is found in maps, because a report may name very many rules in very many results.
#[derive(Default)]
pub(super) struct Rules {
    /// The level of each rule, by part and position. The tool's own part comes first, then the extensions.
    parts: Vec<Vec<Option<Rule>>>,
    part_by_name: HashMap<String, usize>,
    part_by_guid: HashMap<String, usize>,
    /// The first rule of a part with an id, and the first one of all.
    by_id: HashMap<(Option<usize>, String), Place>,
    by_guid: HashMap<String, Place>,
    /// The levels that each invocation of the tool gave its rules.
    overrides: Vec<HashMap<Place, Level>>,
    /// How many rules are not well-formed.
    pub(super) odd: u64,
}

impl Rules {
    /// Reads the rules of a tool, and returns the tool's name too.
    pub(super) fn read(tool: Option<Tool>, invocations: Option<&RawValue>) -> (Option<String>, Self) {
        let (driver, extensions) = tool.map_or((None, None), |tool| (tool.driver, tool.extensions));
        let driver = driver.unwrap_or_default();
        let (name, mut rules) = (driver.name.clone(), Self::default());
        rules.add(driver);
        for extension in extensions.into_iter().flatten() {
            rules.add(extension.unwrap_or_default());
        }
        // Invocations in another form change no level: the rules' own count.
        let invocations = invocations.and_then(|raw| serde_json::from_str::<Vec<Option<Invocation>>>(raw.get()).ok());
        for invocation in invocations.into_iter().flatten() {
            let said = invocation.and_then(|invocation| invocation.rule_configuration_overrides).unwrap_or_default();
            let levels =
                said.into_iter().filter_map(|said| Some((rules.find(&said.descriptor?)?, said.configuration?.level?)));
            let levels = levels.collect();
            rules.overrides.push(levels);
        }
        (name, rules)
    }

    fn add(&mut self, component: Component) {
        let number = self.parts.len();
        if number > 0 {
            component.name.map(|name| self.part_by_name.entry(name).or_insert(number));
            component.guid.map(|guid| self.part_by_guid.entry(guid.to_ascii_lowercase()).or_insert(number));
        }
        let read = |raw: Box<RawValue>| serde_json::from_str::<Rule>(raw.get()).ok();
        let rules: Vec<Option<Rule>> = component.rules.into_iter().flatten().map(read).collect();
        for (position, rule) in rules.iter().enumerate() {
            let Some(Rule { id, guid, .. }) = rule else {
                self.odd += 1;
                continue;
            };
            let place = (number, position);
            if let Some(id) = id {
                self.by_id.entry((Some(number), id.clone())).or_insert(place);
                self.by_id.entry((None, id.clone())).or_insert(place);
            }
            guid.as_ref().map(|guid| self.by_guid.entry(guid.to_ascii_lowercase()).or_insert(place));
        }
        self.parts.push(rules);
    }

    /// Returns the level that results of a rule have, if the run says so.
    pub(super) fn level(&self, reference: &Reference, invocation: Option<i64>) -> Option<Level> {
        let (part, position) = self.find(reference)?;
        let overrides = invocation.and_then(|invocation| self.overrides.get(usize::try_from(invocation).ok()?));
        let of_run = overrides.and_then(|levels| levels.get(&(part, position)).copied());
        let of_rule = || self.parts[part][position].as_ref()?.default_configuration.as_ref()?.level;
        of_run.or_else(of_rule)
    }

    /// Finds a rule. Its position counts unless the rule there has another id; then the id counts, in the part that is
    /// named and then in all.
    fn find(&self, reference: &Reference) -> Option<Place> {
        let by_guid = reference.guid.as_ref().and_then(|guid| self.by_guid.get(&guid.to_ascii_lowercase()));
        if let Some(place) = by_guid {
            return Some(*place);
        }
        let part = self.part(reference);
        let position = reference.index.and_then(|index| usize::try_from(index).ok());
        let by_index = position.filter(|position| self.parts[part].get(*position).is_some_and(Option::is_some));
        let by_index = by_index.map(|position| (part, position));
        let Some(mut id) = reference.id.as_deref().filter(|id| id.len() <= LONGEST_ID) else { return by_index };
        let id_there = by_index.and_then(|(part, position)| self.parts[part][position].as_ref()?.id.as_deref());
        loop {
            if by_index.is_some() && id_there.is_none_or(|there| there == id) {
                return by_index;
            }
            let in_part = self.by_id.get(&(Some(part), id.to_owned()));
            if let Some(place) = in_part.or_else(|| self.by_id.get(&(None, id.to_owned()))) {
                return Some(*place);
            }
            // `rule/part` names a part of a rule, which has the rule's level.
            match id.rsplit_once('/') {
                Some((above, _)) => id = above,
                None => return by_index,
            }
        }
    }

    /// Returns the part of the tool that a reference names, which is the tool's own one by default.
    fn part(&self, reference: &Reference) -> usize {
        let Some(component) = &reference.tool_component else { return 0 };
        let by_index = component.index.and_then(|index| usize::try_from(index).ok()).map(|index| index + 1);
        let by_guid = || self.part_by_guid.get(&component.guid.as_ref()?.to_ascii_lowercase()).copied();
        let by_name = || self.part_by_name.get(component.name.as_ref()?).copied();
        by_index.filter(|index| *index < self.parts.len()).or_else(by_guid).or_else(by_name).unwrap_or(0)
    }
}

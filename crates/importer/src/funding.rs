//! Where people are paid: the operator's mapping, `Payout-Address` trailers, and `FUNDING.json`, in that order.
//!
//! A wrong address in the operator's own mapping is an error. In the repository's files it is a warning, because
//! somebody else's typing mistake must not stop an import.

use std::{collections::BTreeMap, fmt, str::FromStr};

use alloy_primitives::Address;
use domain::identity::Identity;
use serde::{
    Deserialize, Deserializer,
    de::{MapAccess, Visitor},
};
use serde_json::Value;

use crate::{
    FileLeftOut, ImportError, MAX_MAPPING_LINES,
    error::{MOST_NAMED, at_most},
    people::email_identity,
    text,
};

/// The source of somebody's payout address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum AddressSource {
    /// The operator's mapping.
    Mapping,
    /// A `Payout-Address` trailer of one of the person's own commits.
    Trailer,
    /// `FUNDING.json` at the top of the repository.
    Funding,
}

impl fmt::Display for AddressSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Mapping => "mapping",
            Self::Trailer => "trailer",
            Self::Funding => "FUNDING.json",
        })
    }
}

/// The operator's mapping from people's identities to their addresses.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Mapping(BTreeMap<String, Address>);

impl Mapping {
    /// Identities (`mailto:..`, `github:..` or `name:..`) and addresses.
    pub fn iter(&self) -> impl Iterator<Item = (&str, Address)> {
        self.0.iter().map(|(identity, address)| (&**identity, *address))
    }

    /// Adds one person. Returns false when they have another address already.
    fn add(&mut self, identity: String, address: Address) -> bool {
        *self.0.entry(identity).or_insert(address) == address
    }
}

/// Reads the operator's mapping: one `email = 0x...` or `email 0x...` per line, where `#` starts a comment, or one JSON
/// object from emails to addresses. `github:ada` or `@ada` stands for an account at GitHub, and `name:Ada Lovelace` for
/// somebody whose commits carry no usable email.
///
/// ```
/// let mapping = importer::parse_mapping("Ada@example.org = 0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed # by phone")?;
/// assert_eq!(mapping.iter().next().map(|(identity, _)| identity), Some("mailto:ada@example.org"));
/// # Ok::<(), importer::ImportError>(())
/// ```
///
/// # Errors
/// When a line does not have that form, when its address is not valid, when it contradicts an earlier line, or when
/// there are more than [`MAX_MAPPING_LINES`] lines.
pub fn parse_mapping(text: &str) -> Result<Mapping, ImportError> {
    let text = text.trim_start_matches('\u{feff}');
    at_most(MAX_MAPPING_LINES, text.lines().count() as u64, "lines", "the address mapping")?;
    let mut mapping = Mapping::default();
    if text.trim_start().starts_with('{') {
        let wrong =
            |error: serde_json::Error| ImportError::Mapping { line: error.line().max(1), detail: error.to_string() };
        let pairs: Pairs = serde_json::from_str(text).map_err(wrong)?;
        let mut from = 0;
        for (person, address) in pairs.0 {
            // Keys come in the order of the text, so each is searched for after the previous one.
            let quoted = serde_json::Value::from(&*person).to_string();
            from += text[from..].find(&quoted).unwrap_or(0);
            add_line(&mut mapping, &person, &address, 1 + text[..from].matches('\n').count())?;
            from += quoted.len().min(text.len() - from);
            while !text.is_char_boundary(from) {
                from -= 1;
            }
        }
        return Ok(mapping);
    }
    for (number, line) in text.lines().enumerate() {
        let line = without_comment(line).trim();
        if line.is_empty() {
            continue;
        }
        let Some((person, address)) = line.rsplit_once(|c: char| c == '=' || c.is_whitespace()) else {
            return Err(ImportError::Mapping { line: number + 1, detail: format!("{line:?} names no address") });
        };
        add_line(&mut mapping, person.trim().trim_end_matches('=').trim(), address, number + 1)?;
    }
    Ok(mapping)
}

fn add_line(mapping: &mut Mapping, person: &str, address: &str, line: usize) -> Result<(), ImportError> {
    let wrong = |detail: String| ImportError::Mapping { line, detail };
    let identity = identity(person).ok_or_else(|| wrong(format!("{person:?} is not an email or a login")))?;
    let address = parse_address(address).map_err(wrong)?;
    if mapping.add(identity, address) {
        Ok(())
    } else {
        Err(wrong(format!("{person} has another address on an earlier line")))
    }
}

/// Removes a comment. It starts with `#` at the start of a line or after a space, because emails may contain `#`.
fn without_comment(line: &str) -> &str {
    let mut before = ' ';
    for (at, letter) in line.char_indices() {
        if letter == '#' && before.is_whitespace() {
            return &line[..at];
        }
        before = letter;
    }
    line
}

fn identity(person: &str) -> Option<String> {
    let person = person.trim();
    match person.strip_prefix("name:") {
        Some(name) if !name.trim().is_empty() => Some(format!("name:{}", name.trim().to_lowercase())),
        _ => match person.strip_prefix("github:").or_else(|| person.strip_prefix('@')) {
            Some(login) => Identity::github(login.trim()).map(|identity| identity.to_string()),
            None => email_identity(person.strip_prefix("mailto:").unwrap_or(person)),
        },
    }
}

/// Reads an address of 20 bytes. One in mixed case must carry the right checksum (EIP-55); the zero address is refused,
/// because nobody could claim what is paid there.
pub(crate) fn parse_address(text: &str) -> Result<Address, String> {
    let text = text.trim();
    let digits = text.strip_prefix("0x").or_else(|| text.strip_prefix("0X"));
    let Some(digits) = digits.filter(|digits| digits.len() == 40 && digits.bytes().all(|b| b.is_ascii_hexdigit()))
    else {
        let shown: String = text.chars().take(60).collect();
        return Err(format!("{shown:?} is not an address: it takes 0x and 40 hex digits"));
    };
    let address = Address::from_str(&format!("0x{digits}")).map_err(|error| format!("{text}: {error}"))?;
    let mixed = digits.bytes().any(|b| b.is_ascii_lowercase()) && digits.bytes().any(|b| b.is_ascii_uppercase());
    if mixed && address.to_checksum(None)[2..] != *digits {
        return Err(format!("{text} has a wrong checksum: a letter is mistyped"));
    }
    if address.is_zero() {
        return Err(format!("{text} is the zero address, which nobody holds"));
    }
    Ok(address)
}

/// What `FUNDING.json` says.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Funding {
    pub(crate) owner: Option<Address>,
    pub(crate) people: Vec<(String, Address)>,
    pub(crate) warnings: Vec<String>,
    /// The file itself, if it cannot be read.
    pub(crate) left_out: Option<FileLeftOut>,
}

impl Funding {
    /// Returns what a file says that cannot be read.
    pub(crate) fn without(why: String) -> Self {
        Self { left_out: Some(FileLeftOut { path: "FUNDING.json".to_owned(), why }), ..Self::default() }
    }

    /// Reads `drips.ethereum.ownedBy` and `tributary.payoutAddresses`. Anything else may stand beside them.
    pub(crate) fn read(file: &[u8]) -> Self {
        let content = match text::lossy(file) {
            Ok(content) => content,
            Err(why) => return Self::without(why),
        };
        let value: Value = match serde_json::from_str(&content) {
            Ok(value) => value,
            Err(error) => return Self::without(text::json_error(&error)),
        };
        let Some(file) = value.as_object() else {
            return Self::without(format!("it is {} and no JSON object", kind(&value)));
        };
        let mut funding = Self::default();
        let drips = field(file, "drips");
        let tributary = field(file, "tributary");
        if let Some(drips) = drips {
            funding.read_drips(drips);
        }
        if let Some(tributary) = tributary {
            funding.read_tributary(tributary);
        }
        if drips.is_none() && tributary.is_none() {
            funding.warnings.push(
                "FUNDING.json names nobody: it has neither drips.ethereum.ownedBy nor tributary.payoutAddresses"
                    .to_owned(),
            );
        }
        funding
    }

    /// Reads the owner that Drips knows: an address for each chain, of which only the one on Ethereum is used. The same
    /// address on another chain may be a contract of somebody else.
    fn read_drips(&mut self, drips: &Value) {
        let Some(chains) = drips.as_object() else {
            return self.warn("drips", &format!("it is {} and no JSON object", kind(drips)));
        };
        let Some(ethereum) = field(chains, "ethereum").or_else(|| field(chains, "mainnet")) else {
            let others: Vec<String> = chains.keys().take(5).map(|chain| shown(chain)).collect();
            let others = if others.is_empty() { "no chain".to_owned() } else { others.join(", ") };
            return self.warn("drips", &format!("it names {others}, and only the owner on ethereum can be paid"));
        };
        let Some(owner) = ethereum.as_object().and_then(|chain| field(chain, "ownedBy")) else {
            return self.warn("drips.ethereum", "it has no ownedBy");
        };
        match address(owner) {
            Ok(owner) => self.owner = Some(owner),
            Err(detail) => self.warn("drips.ethereum.ownedBy", &detail),
        }
    }

    fn read_tributary(&mut self, tributary: &Value) {
        let Some(people) = tributary.as_object().and_then(|part| field(part, "payoutAddresses")) else {
            return self.warn("tributary", "it has no payoutAddresses");
        };
        let Some(people) = people.as_object() else {
            return self.warn("tributary.payoutAddresses", &format!("it is {} and no JSON object", kind(people)));
        };
        let mut wrong = 0;
        for (person, value) in people {
            let said = match (identity(person), address(value)) {
                (Some(identity), Ok(address)) => {
                    self.people.push((identity, address));
                    continue;
                }
                (None, _) => {
                    ("tributary.payoutAddresses".to_owned(), format!("{:?} is not an email or a login", shown(person)))
                }
                (_, Err(detail)) => (format!("tributary.payoutAddresses of {}", shown(person)), detail),
            };
            wrong += 1;
            if wrong <= MOST_NAMED {
                self.warn(&said.0, &said.1);
            }
        }
        if wrong > MOST_NAMED {
            let more = wrong - MOST_NAMED;
            self.warn(
                "tributary.payoutAddresses",
                &format!("{more} more people have no usable email or login, or no usable address"),
            );
        }
    }

    fn warn(&mut self, place: &str, detail: &str) {
        self.warnings.push(format!("FUNDING.json, {place} is left out: {detail}"));
    }
}

/// Returns a field of an object, whose name may be in any case if none is written exactly so.
fn field<'a>(object: &'a serde_json::Map<String, Value>, name: &str) -> Option<&'a Value> {
    object.get(name).or_else(|| object.iter().find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value))
}

/// Reads an address as people write it in JSON: plain, or as an account of Ethereum by CAIP-10 (`eip155:1:0x..`).
fn address(value: &Value) -> Result<Address, String> {
    let Some(text) = value.as_str() else { return Err(format!("it is {} and no address", kind(value))) };
    let text = text.trim();
    parse_address(text.strip_prefix("eip155:1:").unwrap_or(text)).map_err(|detail| {
        let is_name = text.to_ascii_lowercase().ends_with(".eth") && !text.starts_with("0x");
        if is_name { format!("{} is a name, and names are not looked up", shown(text)) } else { detail }
    })
}

/// Says what a JSON value is.
fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "a truth value",
        Value::Number(_) => "a number",
        Value::String(_) => "a text",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object",
    }
}

/// Returns somebody else's text for a message: short, and on one line.
fn shown(text: &str) -> String {
    text.chars().take(60).map(|letter| if letter.is_control() { ' ' } else { letter }).collect()
}

/// A JSON object as it is written, including repeated keys.
struct Pairs(Vec<(String, String)>);

impl<'de> Deserialize<'de> for Pairs {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Reader;
        impl<'de> Visitor<'de> for Reader {
            type Value = Pairs;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object from emails to addresses")
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Pairs, A::Error> {
                let mut pairs = Vec::new();
                while let Some(pair) = map.next_entry()? {
                    pairs.push(pair);
                }
                Ok(Pairs(pairs))
            }
        }
        deserializer.deserialize_map(Reader)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ADA: &str = "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed";
    const BOB: &str = "0xfb6916095ca1df60bb79ce92ce3ea74c37c5d359";

    fn line_of(text: &str) -> (usize, String) {
        match parse_mapping(text).unwrap_err() {
            ImportError::Mapping { line, detail } => (line, detail),
            other => panic!("{other}"),
        }
    }

    #[test]
    fn mappings_are_lines_or_json() {
        let lines = format!("# people\n\nADA@x.org = {ADA}\nbob#1@x.org\t{BOB} # note\nname:Eve  Moe={BOB}\n");
        let mapping = parse_mapping(&lines).unwrap();
        let people: Vec<_> = mapping.iter().map(|(identity, _)| identity).collect();
        assert_eq!(people, ["mailto:ada@x.org", "mailto:bob#1@x.org", "name:eve  moe"]);
        let json = format!("{{\"ada@x.org\": \"{ADA}\",\n \"bob#1@x.org\": \"{BOB}\", \"name:eve  moe\": \"{BOB}\"}}");
        assert_eq!(parse_mapping(&json).unwrap(), mapping);
        assert_eq!(parse_mapping("").unwrap(), Mapping::default());
    }

    #[test]
    fn wrong_lines_are_named() {
        let flipped = ADA.replace("aAeb", "AAeb");
        for (text, line) in [
            (format!("a@b {ADA}\na@c {flipped}\n"), 2),
            (format!("a@b {ADA}\n\nnobody {ADA}\n"), 3),
            ("a@b\n".to_owned(), 1),
            ("a@b 0x12\n".to_owned(), 1),
            (format!("a@b {ADA}\nA@B {BOB}\n"), 2),
            (format!("a@b 0x{}\n", "0".repeat(40)), 1),
            (format!("{{\n\"a@b\": \"{ADA}\",\n\"c@d\": \"0x1\"}}"), 3),
            (format!("{{\n\"a@b\": \"{ADA}\",\n\n\"a@b\": \"{BOB}\"}}"), 4),
            ("{\n\"a@b\": 3}".to_owned(), 2),
        ] {
            assert_eq!(line_of(&text).0, line, "{text}");
        }
        let many = "#\n".repeat(10_001);
        assert!(matches!(parse_mapping(&many), Err(ImportError::Limit { found: 10_001, .. })));
    }

    #[test]
    fn addresses_are_checked() {
        assert_eq!(parse_address(ADA).unwrap(), parse_address(&ADA.to_lowercase()).unwrap());
        let upper = format!("0x{}", ADA[2..].to_uppercase());
        assert_eq!(parse_address(ADA).unwrap(), parse_address(&upper).unwrap());
        for text in ["", "0x", BOB.trim_start_matches("0x"), "0xzz6916095ca1df60bb79ce92ce3ea74c37c5d359", "éé"] {
            assert!(parse_address(text).is_err(), "{text}");
        }
    }

    #[test]
    fn funding_keeps_what_is_sound() {
        let funding = Funding::read(
            format!(
                r#"{{"drips": {{"ethereum": {{"ownedBy": "{BOB}"}}}},
                    "tributary": {{"payoutAddresses": {{"Ada@x": "{ADA}", "eve@x": "0x1", "eve": "{ADA}"}}}}}}"#
            )
            .as_bytes(),
        );
        assert_eq!(funding.owner, Some(parse_address(BOB).unwrap()));
        assert_eq!(funding.people, [("mailto:ada@x".to_owned(), parse_address(ADA).unwrap())]);
        assert_eq!(funding.warnings.len(), 2);
    }

    #[test]
    fn a_file_that_cannot_be_used_says_why() {
        let latin: &[u8] = b"{\"drips\": {\"ethereum\": {\"ownedBy\": \"0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed\"}}, \"by\": \"Jos\xe9\"}";
        assert_eq!(Funding::read(latin).owner, Some(parse_address(ADA).unwrap()));
        for (text, why) in [
            ("{", "line 1: EOF"),
            ("{\"drips\": {\n// a comment\n}}", "line 2: "),
            ("[]", "it is a list and no JSON object"),
            ("", "it is empty"),
            ("{\n<<<<<<< a\n=======\n>>>>>>> b\n}", "line 2: it has the marks of a merge conflict"),
            (&("[".repeat(100_000)), "recursion limit"),
        ] {
            let found = Funding::read(text.as_bytes());
            assert!(found.left_out.as_ref().is_some_and(|file| file.why.contains(why)), "{found:?}");
            assert!(found.owner.is_none() && found.warnings.is_empty());
        }
        for (text, why) in [
            ("{}", "names nobody"),
            (r#"{"version": "v1.0.0", "entity": {}}"#, "names nobody"),
            (r#"{"drips": {}}"#, "it names no chain"),
            (r#"{"drips": []}"#, "it is a list"),
            (r#"{"drips": {"filecoin": {"ownedBy": "ADA"}}}"#, "it names filecoin, and only the owner on ethereum"),
            (r#"{"drips": {"ethereum": {}}}"#, "it has no ownedBy"),
            (r#"{"drips": {"ethereum": "ADA"}}"#, "it has no ownedBy"),
            (r#"{"drips": {"ethereum": {"ownedBy": 7}}}"#, "it is a number and no address"),
            (r#"{"drips": {"ethereum": {"ownedBy": null}}}"#, "it is null and no address"),
            (r#"{"drips": {"ethereum": {"ownedBy": "ada.eth"}}}"#, "ada.eth is a name"),
            (r#"{"drips": {"ethereum": {"ownedBy": "eip155:10:ADA"}}}"#, "is not an address"),
            (r#"{"tributary": {"payoutAddresses": ["ADA"]}}"#, "it is a list"),
        ] {
            let found = Funding::read(text.replace("ADA", ADA).as_bytes());
            assert!(found.warnings.len() == 1 && found.warnings[0].contains(why), "{text}: {found:?}");
            assert!(found.owner.is_none() && found.people.is_empty() && found.left_out.is_none());
        }
    }

    #[test]
    fn owners_are_found_as_tools_write_them() {
        let owner = Some(parse_address(ADA).unwrap());
        for text in [
            r#"{"drips": {"ethereum": {"ownedBy": "ADA"}}}"#,
            r#"{"$schema": "x", "opRetro": {"projectId": "0x1"}, "drips": {"filecoin": {"ownedBy": "0x1"}, "ethereum": {"ownedBy": "ADA"}}}"#,
            r#"{"drips": {"Ethereum": {"ownedby": " ADA "}}}"#,
            r#"{"drips": {"ethereum": {"ownedBy": "eip155:1:ADA"}}}"#,
        ] {
            for address in [ADA.to_owned(), ADA.to_lowercase()] {
                let found = Funding::read(text.replace("ADA", &address).as_bytes());
                assert_eq!((found.owner, found.warnings.len()), (owner, 0), "{text}");
            }
        }
        let wide: Vec<u8> = format!(r#"{{"drips": {{"ethereum": {{"ownedBy": "{ADA}"}}}}}}"#)
            .encode_utf16()
            .flat_map(u16::to_le_bytes)
            .collect();
        assert_eq!(Funding::read(&[b"\xff\xfe", &*wide].concat()).owner, owner);
    }
}

//! Every kind: its name, its body in JSON, and the schema.

use std::{collections::BTreeSet, fs, path::Path};

use facts::*;
use serde_json::{Value, json};

/// Facts as they are stored today, one of each kind. A change to this file is a change to what readers elsewhere rely on: add a
/// fact of a new kind, and give a kind whose body changes a new version.
const GOLDEN: &str = "tests/golden/version-1.json";

fn golden() -> Vec<Value> {
    serde_json::from_str(&fs::read_to_string(GOLDEN).unwrap()).unwrap()
}

#[test]
fn names_are_unique_nouns_and_verbs() {
    let names: BTreeSet<&str> = Kind::ALL.iter().map(|kind| kind.as_str()).collect();
    assert_eq!(names.len(), Kind::ALL.len());
    for kind in Kind::ALL {
        assert_eq!(kind.as_str().parse(), Ok(*kind));
        let parts: Vec<&str> = kind.as_str().split('.').collect();
        let word = |part: &&str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_');
        assert!(parts.len() == 2 && parts.iter().all(word), "{kind}");
    }
    assert!("asset.bought".parse::<Kind>().is_err());
}

#[test]
fn the_golden_facts_are_one_of_each_kind_and_are_read_and_written_as_they_are() {
    let kinds: Vec<String> = golden().iter().map(|fact| fact["kind"].as_str().unwrap().to_owned()).collect();
    let all: Vec<&str> = Kind::ALL.iter().map(|kind| kind.as_str()).collect();
    assert_eq!(kinds, all, "one golden fact of each kind, in the order of the list");
    for golden in golden() {
        let (kind, subject) = (golden["kind"].as_str().unwrap(), golden["subject"].as_str().unwrap());
        let (read_subject, fact) = version::read(1, kind, subject, golden["body"].clone()).unwrap();
        assert_eq!(read_subject.to_string(), subject);
        assert_eq!((fact.kind().as_str(), fact.body().unwrap()), (kind, golden["body"].clone()));
    }
}

#[test]
fn what_does_not_fit_is_an_error_that_names_it() {
    let sold = |body| version::read(1, "asset.sold", "asset:1:7", body).unwrap_err().to_string();
    assert!(sold(json!({})).contains("asset.sold"));
    let unknown = version::read(1, "asset.bought", "asset:1:7", json!({})).unwrap_err().to_string();
    assert!(unknown.contains("asset.bought"), "{unknown}");
    let newer = version::read(2, "income.finalized", "chain:1", json!({"through": 1})).unwrap_err().to_string();
    assert!(newer.contains("older than the database"), "{newer}");
    let subject = version::read(1, "income.finalized", "chain", json!({"through": 1})).unwrap_err().to_string();
    assert!(subject.contains("`chain`"), "{subject}");
}

#[test]
fn the_schema_in_docs_is_what_the_code_says() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/facts.schema.json");
    let said = serde_json::to_string_pretty(&facts::schema().unwrap()).unwrap() + "\n";
    if std::env::var_os("UPDATE").is_some() {
        fs::write(&path, &said).unwrap();
    }
    let kept = fs::read_to_string(&path).unwrap_or_default();
    assert!(kept == said, "docs/facts.schema.json is out of date: UPDATE=1 cargo test -p facts writes it");
}

#[test]
fn the_schema_defines_all_that_it_refers_to() {
    let schema = facts::schema().unwrap();
    let definitions = schema["$defs"].as_object().unwrap();
    let text = schema.to_string();
    let references: Vec<&str> = text.split("\"$ref\":\"#/$defs/").skip(1).collect();
    assert!(references.len() > definitions.len(), "{} references", references.len());
    for reference in references {
        let name = reference.split('"').next().unwrap();
        assert!(definitions.contains_key(name), "{name} is not defined");
    }
    assert_eq!(schema["oneOf"].as_array().unwrap().len(), Kind::ALL.len());
    assert!(!text.contains("#/components/"));
}

#[test]
fn a_trace_has_one_spelling() {
    let text = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
    let trace: TraceContext = text.parse().unwrap();
    assert_eq!(trace.to_string(), text);
    for wrong in [
        "",
        "00-00000000000000000000000000000000-00f067aa0ba902b7-01",
        "00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01",
        "00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01",
        "01-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
        "00-4bf92f3577b34da6a3ce929d0e0e473-00f067aa0ba902b7-01",
        "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-x",
    ] {
        assert!(wrong.parse::<TraceContext>().is_err(), "{wrong}");
    }
}

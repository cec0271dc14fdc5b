//! Facts that earlier versions stored, as old databases hold them.

use std::fs;

use facts::{Fact, Kind, Subject, version};
use serde_json::{Value, json};

/// Rows of an outbox as version 0 wrote them: topic, key and payload.
const GOLDEN: &str = "tests/golden/version-0.json";

#[test]
fn facts_of_version_0_are_read() {
    let rows: Vec<Value> = serde_json::from_str(&fs::read_to_string(GOLDEN).unwrap()).unwrap();
    assert!(rows.len() >= 9);
    for row in rows {
        let text = |field: &str| row[field].as_str().unwrap();
        let (subject, fact) = version::read(0, text("topic"), text("key"), row["payload"].clone()).unwrap();
        assert_eq!(subject.to_string(), text("subject"), "{row}");
        assert_eq!(fact.kind().as_str(), text("kind"), "{row}");
        assert_eq!(fact.body().unwrap(), row["body"], "{row}");
    }
}

#[test]
fn what_nobody_read_in_version_0_is_left_out_and_named() {
    let error = version::read(0, "Licences.LicenceGranted", "31337:1", json!({})).unwrap_err().to_string();
    assert!(error.contains("Licences.LicenceGranted"), "{error}");
    assert!(version::read(0, "asset.sold", "31337", json!({})).is_err());
}

#[test]
fn a_time_without_end_is_none() {
    let payload = json!({"asset_id": 7, "number": 3, "root": format!("\\x{}", "ab".repeat(32)), "data_cid": "bafy", "anchor_seq": 0,
        "totals": [], "activatable_at": "infinity"});
    let (subject, fact) = version::read(0, "root.proposed", "1:3", payload).unwrap();
    assert!(matches!(subject, Subject::Root { .. }));
    let Fact::RootProposed(proposed) = fact else { panic!("{:?}", Kind::RootProposed) };
    assert_eq!((proposed.number, proposed.activatable_at), (3, None));
}

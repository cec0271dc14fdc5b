//! RFC 8785, by its own examples.

use domain::ledger::canonical::{Canonical, CanonicalError, MAX_DEPTH, MAX_INTEGER};
use proptest::prelude::*;
use serde_json::{Value, json};

fn of(text: &str) -> Result<String, CanonicalError> {
    Canonical::of(&serde_json::from_str(text).unwrap()).map(Canonical::into_string)
}

/// Section 3.2.3.
#[test]
fn keys_are_sorted_by_utf_16() {
    let given = r#"{"\u20ac": "Euro Sign", "\r": "Carriage Return", "\ufb33": "Hebrew Letter Dalet With Dagesh", "1": "One",
        "\ud83d\ude00": "Emoji: Grinning Face", "\u0080": "Control", "\u00f6": "Latin Small Letter O With Diaeresis"}"#;
    let expected = "{\"\\r\":\"Carriage Return\",\"1\":\"One\",\"\u{80}\":\"Control\",\"ö\":\"Latin Small Letter O With \
                    Diaeresis\",\"€\":\"Euro Sign\",\"😀\":\"Emoji: Grinning Face\",\"\u{fb33}\":\"Hebrew Letter Dalet With \
                    Dagesh\"}";
    assert_eq!(of(given).unwrap(), expected);
}

/// Sections 3.2.2 and 3.2.3, except for fractions.
#[test]
fn strings_and_literals_are_written_as_the_rfc_writes_them() {
    let given = r#"{"string": "\u20ac$\u000F\u000aA'\u0042\u0022\u005c\\\"\/", "literals": [null, true, false]}"#;
    let expected = r#"{"literals":[null,true,false],"string":"€$\u000f\nA'B\"\\\\\"/"}"#;
    assert_eq!(of(given).unwrap(), expected);
    let controls: String = (0..0x20).map(|code| char::from_u32(code).unwrap()).chain(['\u{7f}', '\u{2028}']).collect();
    let expected = "\"\\u0000\\u0001\\u0002\\u0003\\u0004\\u0005\\u0006\\u0007\\b\\t\\n\\u000b\\f\\r\\u000e\\u000f\\u0010\\u0011\
                    \\u0012\\u0013\\u0014\\u0015\\u0016\\u0017\\u0018\\u0019\\u001a\\u001b\\u001c\\u001d\\u001e\\u001f\u{7f}\u{2028}\"";
    assert_eq!(Canonical::of(&json!(controls)).unwrap().as_str(), expected);
}

#[test]
fn numbers_are_whole_and_exact() {
    for (given, expected) in [
        ("0", "0"),
        ("-0", "0"),
        ("-0.0", "0"),
        ("1.0", "1"),
        ("1e3", "1000"),
        ("-17", "-17"),
        ("9007199254740991", "9007199254740991"),
        ("-9007199254740991", "-9007199254740991"),
    ] {
        assert_eq!(of(given).as_deref(), Ok(expected), "{given}");
    }
    for given in
        ["0.5", "1e-3", "9007199254740992", "-9007199254740992", "9007199254740992.0", "18446744073709551615", "1e300"]
    {
        assert!(matches!(of(given), Err(CanonicalError::Number { .. })), "{given}");
    }
    assert_eq!(MAX_INTEGER, 9_007_199_254_740_991);
    let error = of(r#"{"a/b": [1, {"~": 2.5}]}"#).unwrap_err();
    assert_eq!(error, CanonicalError::Number { at: "/a~1b/1/~0".into(), number: "2.5".into() });
}

#[test]
fn depth_has_an_end() {
    let deep = |levels: usize| (0..levels).fold(json!(1), |value, _| json!([value]));
    assert!(Canonical::of(&deep(MAX_DEPTH)).is_ok());
    let at = "/0".repeat(MAX_DEPTH);
    assert_eq!(Canonical::of(&deep(MAX_DEPTH + 1)).unwrap_err(), CanonicalError::Depth { at });
}

#[test]
fn only_canonical_text_is_taken_for_it() {
    for text in [r#"{"a":1,"b":[]}"#, "\"\\u000f\"", "[]", "-1"] {
        assert_eq!(Canonical::parse(text).unwrap().as_str(), text);
    }
    for (text, byte) in [
        (r#"{"b":1,"a":2}"#, 2),
        ("[1, 2]", 3),
        ("\"\\u000F\"", 6),
        ("1.0", 1),
        (r#"{"a":1,"a":1}"#, 6),
        ("\"\\/\"", 1),
    ] {
        assert_eq!(Canonical::parse(text).unwrap_err(), CanonicalError::Form { byte }, "{text}");
    }
    assert!(matches!(Canonical::parse("{").unwrap_err(), CanonicalError::Syntax(_)));
    assert!(matches!(Canonical::parse(r#""\ud800""#).unwrap_err(), CanonicalError::Syntax(_)));
}

fn value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        (-(MAX_INTEGER as i64)..=MAX_INTEGER as i64).prop_map(Value::from),
        any::<String>().prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 40, 6, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
            prop::collection::btree_map(any::<String>(), inner, 0..6)
                .prop_map(|fields| Value::Object(fields.into_iter().collect())),
        ]
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn what_is_written_reads_as_the_same_value(value in value()) {
        let canonical = Canonical::of(&value).unwrap();
        prop_assert_eq!(&serde_json::from_str::<Value>(canonical.as_str()).unwrap(), &value);
        prop_assert_eq!(Canonical::parse(canonical.as_str()).unwrap(), canonical);
    }
}

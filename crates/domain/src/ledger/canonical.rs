//! JSON in the one form that is hashed: RFC 8785, the JSON Canonicalization Scheme.
//!
//! Keys are sorted by their UTF-16 code units, there is nothing between tokens, and strings escape only what they
//! must. Our numbers are whole and below 2^53, where every implementation writes the same digits. Money is text.

use std::fmt;

use serde_json::Value;

/// The largest whole number that every JSON reader reads exactly: 2^53 - 1.
pub const MAX_INTEGER: u64 = (1 << 53) - 1;
/// How deeply arrays and objects may be nested.
pub const MAX_DEPTH: usize = 100;

/// The reason why a value has no canonical form here. `at` is a JSON pointer (RFC 6901), which is empty for the whole
/// value.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CanonicalError {
    /// A number has a fraction, or not every reader reads it exactly.
    #[error("{number} at `{at}` is not a whole number below 2^53: write amounts and fractions as text")]
    Number {
        /// The place.
        at: String,
        /// The number.
        number: String,
    },
    /// Arrays and objects are nested too deeply.
    #[error("the value at `{at}` lies deeper than {MAX_DEPTH} levels")]
    Depth {
        /// The place.
        at: String,
    },
    /// The text is not JSON.
    #[error("not JSON: {0}")]
    Syntax(String),
    /// JSON, but not in its canonical form.
    #[error("not in canonical form from byte {byte} on")]
    Form {
        /// The first byte that differs.
        byte: usize,
    },
}

impl CanonicalError {
    fn within(mut self, step: &str) -> Self {
        if let Self::Number { at, .. } | Self::Depth { at } = &mut self {
            *at = format!("/{}{at}", step.replace('~', "~0").replace('/', "~1"));
        }
        self
    }
}

/// JSON text in canonical form.
///
/// ```
/// use domain::ledger::Canonical;
/// let value = serde_json::json!({"b": [true, null, 1.0], "a": "€\n"});
/// assert_eq!(Canonical::of(&value).unwrap().as_str(), r#"{"a":"€\n","b":[true,null,1]}"#);
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Canonical(String);

impl Canonical {
    /// Writes a value canonically.
    ///
    /// # Errors
    /// When a number is not whole or not below 2^53, or when the value is nested too deeply.
    pub fn of(value: &Value) -> Result<Self, CanonicalError> {
        Self::around(value, 0)
    }

    /// Writes a value that contains others of full depth, `levels` levels down.
    pub(super) fn around(value: &Value, levels: usize) -> Result<Self, CanonicalError> {
        let mut text = String::new();
        write(&mut text, value, MAX_DEPTH + levels)?;
        Ok(Self(text))
    }

    /// Accepts only text that is canonical already.
    ///
    /// # Errors
    /// When the text is not JSON, has no canonical form, or has a different one.
    pub fn parse(text: impl Into<String>) -> Result<Self, CanonicalError> {
        let text = text.into();
        let value = serde_json::from_str(&text).map_err(|error| CanonicalError::Syntax(error.to_string()))?;
        let canonical = Self::of(&value)?;
        if canonical.0 != text {
            let same = canonical.0.bytes().zip(text.bytes()).take_while(|(a, b)| a == b).count();
            return Err(CanonicalError::Form { byte: same });
        }
        Ok(canonical)
    }

    /// Returns the text, UTF-8.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Returns the text itself.
    pub fn into_string(self) -> String {
        self.0
    }
}

impl fmt::Display for Canonical {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

fn write(text: &mut String, value: &Value, depth: usize) -> Result<(), CanonicalError> {
    if depth == 0 && (value.is_array() || value.is_object()) {
        return Err(CanonicalError::Depth { at: String::new() });
    }
    match value {
        Value::Null => text.push_str("null"),
        Value::Bool(true) => text.push_str("true"),
        Value::Bool(false) => text.push_str("false"),
        Value::Number(number) => text.push_str(&whole(number)?.to_string()),
        Value::String(string) => write_string(text, string),
        Value::Array(items) => {
            text.push('[');
            for (place, item) in items.iter().enumerate() {
                if place > 0 {
                    text.push(',');
                }
                write(text, item, depth - 1).map_err(|error| error.within(&place.to_string()))?;
            }
            text.push(']');
        }
        Value::Object(fields) => {
            let mut fields: Vec<(&String, &Value)> = fields.iter().collect();
            fields.sort_unstable_by(|(a, _), (b, _)| a.encode_utf16().cmp(b.encode_utf16()));
            text.push('{');
            for (place, (key, field)) in fields.into_iter().enumerate() {
                if place > 0 {
                    text.push(',');
                }
                write_string(text, key);
                text.push(':');
                write(text, field, depth - 1).map_err(|error| error.within(key))?;
            }
            text.push('}');
        }
    }
    Ok(())
}

fn whole(number: &serde_json::Number) -> Result<i64, CanonicalError> {
    let integer = number.as_i64().or_else(|| {
        // A float below 2^53 without a fraction is that integer; -0 is 0, as RFC 8785 has it.
        let float = number.as_f64().filter(|float| float.fract() == 0.0 && float.abs() <= MAX_INTEGER as f64)?;
        Some(float as i64)
    });
    integer
        .filter(|integer| integer.unsigned_abs() <= MAX_INTEGER)
        .ok_or_else(|| CanonicalError::Number { at: String::new(), number: number.to_string() })
}

/// Writes a string in quotes, with the escapes of RFC 8785 and no others.
pub(super) fn write_string(text: &mut String, string: &str) {
    text.push('"');
    for character in string.chars() {
        match character {
            '"' => text.push_str("\\\""),
            '\\' => text.push_str("\\\\"),
            '\u{8}' => text.push_str("\\b"),
            '\t' => text.push_str("\\t"),
            '\n' => text.push_str("\\n"),
            '\u{c}' => text.push_str("\\f"),
            '\r' => text.push_str("\\r"),
            control @ '\0'..'\u{20}' => text.push_str(&format!("\\u{:04x}", u32::from(control))),
            other => text.push(other),
        }
    }
    text.push('"');
}

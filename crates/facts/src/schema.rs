//! The JSON schema of all facts, for readers outside this program.

use serde_json::{Map, Value, json};
use utoipa::{
    PartialSchema, ToSchema,
    openapi::{RefOr, Schema},
};

use crate::{Kind, version};

/// A type's name and schema, and those of the types that it mentions.
pub(crate) struct Described {
    name: String,
    schemas: Vec<(String, RefOr<Schema>)>,
}

impl Described {
    pub(crate) fn of<T: ToSchema + PartialSchema>() -> Self {
        let name = T::name().into_owned();
        let mut schemas = vec![(name.clone(), T::schema())];
        T::schemas(&mut schemas);
        Self { name, schemas }
    }
}

/// Returns the schema of a fact as streams, webhooks and the ledger show it: an object with its kind and body (JSON Schema
/// 2020-12).
///
/// # Errors
/// When a schema cannot be written as JSON. This does not happen with today's kinds.
pub fn schema() -> serde_json::Result<Value> {
    let mut definitions = Map::new();
    let mut facts = Vec::new();
    for kind in Kind::ALL {
        let Described { name, schemas } = kind.body_schema();
        for (name, schema) in schemas {
            definitions.insert(name, with_local_references(serde_json::to_value(schema)?));
        }
        facts.push(json!({
            "type": "object",
            "required": ["kind", "body"],
            "properties": {"kind": {"const": kind.as_str()}, "body": {"$ref": format!("#/$defs/{name}")}},
        }));
    }
    Ok(json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Facts of Tributary",
        "description": "What happened, by kind. Fields may be added; what else changes is a new version of a kind.",
        "version": version::CURRENT,
        "oneOf": facts,
        "$defs": definitions,
    }))
}

/// Makes references local. OpenAPI refers to its components, but a schema on its own refers to its definitions.
fn with_local_references(schema: Value) -> Value {
    match schema {
        Value::Object(fields) => fields
            .into_iter()
            .map(|(name, value)| match (name.as_str(), &value) {
                ("$ref", Value::String(text)) => {
                    let local = text.replace("#/components/schemas/", "#/$defs/");
                    (name, local.into())
                }
                _ => (name, with_local_references(value)),
            })
            .collect::<Map<_, _>>()
            .into(),
        Value::Array(values) => values.into_iter().map(with_local_references).collect(),
        other => other,
    }
}

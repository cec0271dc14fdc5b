//! Decodes events of the modules (licences, staking, disputes, arbiters, anchors) by their contracts' ABIs. Every event with
//! a `seq` becomes a row with its fields as JSON, so that a new event needs no code here. Views give the rows their meaning.

use std::collections::HashMap;

use alloy::{
    dyn_abi::{DynSolValue, EventExt},
    json_abi::{Event, JsonAbi, Param},
    primitives::{Address, B256, LogData},
};
use bindings::abi;
use facts::{ContractEvent, Fact, Stream, Subject};
use serde_json::{Map, Value};
use store::deployments::Deployment;

use crate::{
    decode::{Decoded, Number, Place},
    row::{Field, Table},
    source::Log,
};

/// The modules' events by contract and topic.
pub struct Modules(HashMap<(Address, B256), (&'static str, Event)>);

impl Modules {
    pub fn new(deployment: &Deployment) -> Self {
        let modules: [(&str, Address, JsonAbi); 5] = [
            ("Licences", deployment.licences, abi::licences()),
            ("Staking", deployment.staking, abi::staking()),
            ("Disputes", deployment.disputes, abi::disputes()),
            ("CouncilArbiter", deployment.council, abi::council_arbiter()),
            ("Anchor", deployment.anchor, abi::anchor()),
        ];
        let events = modules.into_iter().flat_map(|(name, address, abi)| {
            abi.events.into_values().flatten().map(move |event| ((address, event.selector()), (name, event)))
        });
        Self(events.collect())
    }

    pub fn contains(&self, contract: Address) -> bool {
        self.0.keys().any(|(address, _)| *address == contract)
    }

    /// Returns whether an event has its contract's number.
    pub fn numbers(&self, contract: Address, topic: B256) -> bool {
        self.0.get(&(contract, topic)).is_some_and(|(_, event)| is_numbered(event))
    }

    /// Decodes an event of a module. Events without a number repeat our own events, or concern no state that we mirror.
    ///
    /// # Errors
    /// When the log is not an event of the contract's ABI. The text says why, for the quarantine.
    pub fn decode(&self, log: &Log, place: &Place) -> Result<Decoded, String> {
        let unknown = || format!("not an event of {}'s interface", log.address);
        let topic = log.topics.first().ok_or_else(unknown)?;
        let (contract, event) = self.0.get(&(log.address, *topic)).ok_or_else(unknown)?;
        if !is_numbered(event) {
            return Ok(Decoded::default());
        }
        let data = LogData::new_unchecked(log.topics.clone(), log.data.clone());
        let decoded = event.decode_log(&data).map_err(|error| format!("{}: {error}", event.name))?;
        let (mut indexed, mut body) = (decoded.indexed.iter(), decoded.body.iter());
        let mut details = Map::new();
        let mut addresses = Vec::new();
        for input in &event.inputs {
            let value = if input.indexed { indexed.next() } else { body.next() };
            let value = value.ok_or_else(|| format!("{} lacks {}", event.name, input.name))?;
            if let DynSolValue::Address(address) = value {
                addresses.push(*address);
            }
            details.insert(input.name.clone(), json_of(value, &input.components));
        }
        // An event without a number of ours is not counted, and one of no asset is about the chain.
        let seq = details.remove("seq").and_then(|seq| seq.as_str().and_then(|seq| seq.parse().ok()));
        let asset = details.get("assetId").and_then(Value::as_str).and_then(|id| id.parse::<i64>().ok());
        let chain = place.chain_id;
        let (subject, stream) = match asset {
            Some(asset) => (Subject::Asset { chain, asset: (asset as u64).into() }, Stream::asset(chain, asset as u64)),
            None => (Subject::Chain { chain }, Stream::Chain { chain }),
        };
        let streams = [stream].into_iter().chain(addresses.iter().copied().map(Stream::account)).collect();
        let body = ContractEvent {
            contract: (*contract).to_owned(),
            event: event.name.clone(),
            asset: asset.map(|asset| (asset as u64).into()),
            details: details.clone(),
        };
        let row = place.row(vec![
            ("contract", (*contract).into()),
            ("event", event.name.as_str().into()),
            ("asset_id", asset.map_or(Field::Null, Field::Int)),
            ("addresses", Field::Accounts(addresses)),
            ("details", Field::Json(details.into())),
        ]);
        Ok(Decoded {
            rows: vec![(Table::ModuleEvents, row)],
            number: seq.and_then(Number::of_contract),
            fact: Some(place.fact(subject, streams, Fact::ContractEvent(body))),
            ..Decoded::default()
        })
    }
}

fn is_numbered(event: &Event) -> bool {
    event.inputs.first().is_some_and(|first| first.name == "seq")
}

/// Writes a value as JSON: numbers as decimal strings, bytes as 0x-hex, structs as objects.
fn json_of(value: &DynSolValue, components: &[Param]) -> Value {
    match value {
        DynSolValue::Bool(value) => (*value).into(),
        DynSolValue::Uint(value, _) => value.to_string().into(),
        DynSolValue::Int(value, _) => value.to_string().into(),
        DynSolValue::Address(value) => value.to_checksum(None).into(),
        DynSolValue::FixedBytes(value, size) => alloy::hex::encode_prefixed(&value[..*size]).into(),
        DynSolValue::Bytes(value) => alloy::hex::encode_prefixed(value).into(),
        // PostgreSQL cannot store NUL.
        DynSolValue::String(value) => value.replace('\0', "\u{fffd}").into(),
        DynSolValue::Array(values) | DynSolValue::FixedArray(values) => {
            values.iter().map(|value| json_of(value, components)).collect()
        }
        DynSolValue::Tuple(values) | DynSolValue::CustomStruct { tuple: values, .. } => values
            .iter()
            .zip(components)
            .map(|(value, field)| (field.name.clone(), json_of(value, &field.components)))
            .collect::<Map<_, _>>()
            .into(),
        DynSolValue::Function(value) => alloy::hex::encode_prefixed(value.as_slice()).into(),
    }
}

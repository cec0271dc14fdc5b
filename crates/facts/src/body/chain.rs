//! What the mirror says of a chain as a whole, and the events of contracts that have no kind of their own.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use utoipa::ToSchema;

use crate::value::Asset;

/// An event of one of the contracts for licences, staking, disputes, arbiters or anchors.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ContractEvent {
    /// The contract's name: `Licences`.
    pub contract: String,
    /// The event's name: `LicenceGranted`.
    pub event: String,
    /// The asset it is about, where it names one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub asset: Option<Asset>,
    /// Its fields as the contract's ABI names them: numbers as decimal strings, bytes as 0x-hex.
    #[schema(value_type = Object)]
    pub details: Map<String, Value>,
}

/// The mirror read a chain's past in bulk: everything up to this block is there, and was not told one by one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Backfilled {
    /// The newest block that was read so.
    pub through: u64,
}

/// Blocks left the chain: what happened above this block did not happen. Facts that were told of it are taken back one by one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Reorganised {
    /// The newest block that stays.
    pub above: u64,
}

/// Income became final, and can be divided.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct IncomeFinalized {
    /// The newest final block.
    pub through: u64,
}

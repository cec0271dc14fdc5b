//! Content that was registered before, by somebody else.

use std::collections::BTreeMap;

use domain::{Address, AssetId, ContentHash};
use serde::{Deserialize, Serialize};

/// A registered asset.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Registration {
    pub asset: AssetId,
    pub registrant: Address,
    pub content: ContentHash,
    /// Seconds since 1970.
    pub time: i64,
}

/// An asset whose content somebody else registered first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Copy {
    pub asset: AssetId,
    pub registrant: Address,
    /// The asset that had the content first.
    pub original: AssetId,
}

/// Returns the copies, by asset. Content that its first registrant registers again is not a copy.
pub fn copies(registrations: &[Registration]) -> Vec<Copy> {
    let mut first: BTreeMap<[u8; 32], &Registration> = BTreeMap::new();
    let age = |registration: &Registration| (registration.time, registration.asset);
    for registration in registrations {
        let earliest = first.entry(registration.content.0.0).or_insert(registration);
        if age(registration) < age(earliest) {
            *earliest = registration;
        }
    }
    let mut copies: Vec<Copy> = registrations
        .iter()
        .filter_map(|registration| {
            let original = first.get(&registration.content.0.0)?;
            (original.registrant != registration.registrant).then_some(Copy {
                asset: registration.asset,
                registrant: registration.registrant,
                original: original.asset,
            })
        })
        .collect();
    copies.sort_by_key(|copy| copy.asset);
    copies
}

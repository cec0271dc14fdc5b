//! What a distribution is: payouts, reserves, and every flow that led to them.

use std::{collections::BTreeMap, fmt, str::FromStr};

use alloy_primitives::U256;
use serde::{Deserialize, Serialize};

use super::{
    graph::NodeIndex,
    party::{Beneficiary, Recipient},
};
use crate::money::{self, Address, Amount};

/// One exact division of income: `amount` + all `brought` = `fee` + all `payouts` + all `reserved` + all `carried`.
///
/// What an account earned is the sum of the flows to it. That is its payout, or what is carried for it, minus what was
/// brought for it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Distribution {
    /// The work whose income was divided.
    pub start: NodeIndex,
    /// The income.
    pub amount: Amount,
    /// What earlier distributions carried for each account, as far as it was brought along. Never zero.
    pub brought: BTreeMap<Address, Amount>,
    /// The protocol fee.
    pub fee: Amount,
    /// What each account is paid.
    pub payouts: BTreeMap<Address, Amount>,
    /// What is kept for those who have no account yet.
    pub reserved: BTreeMap<Beneficiary, Amount>,
    /// What is below the least payout. It is kept for each account until a later distribution brings it.
    pub carried: BTreeMap<Address, Amount>,
    /// Every step, children before parents. At every work the flows in (and `amount` at the start) sum to the flows out.
    pub flows: Vec<Flow>,
}

/// One part of one division: `amount` is `divided x weight / of`, rounded down or up to a whole unit.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Flow {
    /// The work whose income was divided.
    pub from: NodeIndex,
    /// Who receives the part.
    pub to: Target,
    /// The reason.
    pub rule: Rule,
    /// The contribution that earned it, if one did.
    pub contribution: Option<u64>,
    /// The weight of this part: a weighted cost, basis points, or use.
    #[serde(with = "money::decimal")]
    pub weight: U256,
    /// The sum of weights in the division, in the same unit.
    #[serde(with = "money::decimal")]
    pub of: U256,
    /// What was divided.
    pub divided: Amount,
    /// The part. Never zero.
    pub amount: Amount,
}

/// Where a flow ends.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Target {
    /// Income of a parent, to be divided there.
    Work(NodeIndex),
    /// An account is paid.
    Account(Address),
    /// Kept for someone without an account.
    Reserved(Beneficiary),
    /// The protocol.
    Fee,
}

impl From<Recipient> for Target {
    fn from(recipient: Recipient) -> Self {
        match recipient {
            Recipient::Account(address) => Self::Account(address),
            Recipient::Reserved(beneficiary) => Self::Reserved(beneficiary),
        }
    }
}

impl Target {
    /// Returns whether the flow ends with this recipient.
    pub fn is(&self, recipient: &Recipient) -> bool {
        match (self, recipient) {
            (Self::Account(a), Recipient::Account(b)) => a == b,
            (Self::Reserved(a), Recipient::Reserved(b)) => a == b,
            _ => false,
        }
    }
}

/// The reason why a part went where it did. The snake_case names are stored, so they must not change.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Rule {
    /// The protocol fee, taken once from the whole amount.
    Fee,
    /// A fixed share of income to one parent. Weight: basis points.
    FixedShare,
    /// A parent's part of a fixed share that several parents split. Weight: use.
    SharedByUse,
    /// A parent's part of the rest, by the cost its edge carries.
    CostEdge,
    /// Policy `pooled`: an ancestor's part of the rest, by the contributions it brings into the pool.
    Pooled,
    /// The part of a contribution by a human.
    Contribution,
    /// The part of a contribution by a SYSTEM, to the human who triggered it.
    SystemToHuman,
    /// The part of a contribution by a SYSTEM that nobody triggered, to the owners. Weight: basis points.
    SystemToOwners,
    /// An owner's share of what no contribution claims. Weight: basis points.
    OwnerShare,
    /// What no contribution claims of a work without an owner here. It is kept for the work's maintainers.
    ReservedExternal,
    /// What arrived at a work beyond the depth limit. It goes to the work's owners or, without owners, to its reserve.
    DepthLimit,
}

/// The text does not name a rule.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no rule of distribution")]
pub struct UnknownRule(pub String);

impl Rule {
    /// Every rule.
    pub const ALL: [Self; 11] = [
        Self::Fee,
        Self::FixedShare,
        Self::SharedByUse,
        Self::CostEdge,
        Self::Pooled,
        Self::Contribution,
        Self::SystemToHuman,
        Self::SystemToOwners,
        Self::OwnerShare,
        Self::ReservedExternal,
        Self::DepthLimit,
    ];

    /// Returns the stable name.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Fee => "fee",
            Self::FixedShare => "fixed_share",
            Self::SharedByUse => "shared_by_use",
            Self::CostEdge => "cost_edge",
            Self::Pooled => "pooled",
            Self::Contribution => "contribution",
            Self::SystemToHuman => "system_to_human",
            Self::SystemToOwners => "system_to_owners",
            Self::OwnerShare => "owner_share",
            Self::ReservedExternal => "reserved_external",
            Self::DepthLimit => "depth_limit",
        }
    }
}

impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Rule {
    type Err = UnknownRule;

    fn from_str(name: &str) -> Result<Self, Self::Err> {
        Self::ALL.into_iter().find(|rule| rule.as_str() == name).ok_or_else(|| UnknownRule(name.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rules_have_stable_names() {
        for rule in Rule::ALL {
            assert_eq!(rule.as_str().parse(), Ok(rule));
        }
        assert_eq!("tip".parse::<Rule>(), Err(UnknownRule("tip".into())));
    }
}

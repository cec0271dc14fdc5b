//! Short names for the works that tests are about.

use domain::{
    Address, Amount, AssetId, BasisPoints, U256,
    coherence::Weight,
    distribution::{
        Beneficiary, Contribution, Contributor, Distribution, DistributionError, Graph, NodeIndex, Options, Policy,
        Recipient, SharedEdges, Work, WorkKey, distribute,
    },
};

/// Returns the account of this number.
pub fn account(number: u64) -> Address {
    Address::left_padding_from(&number.to_be_bytes())
}

/// Returns an asset owned by one account.
pub fn asset(id: u64, owner: u64) -> Work {
    Work { owners: vec![(account(owner), BasisPoints::FULL)], ..Work::new(WorkKey::Asset(AssetId(id))) }
}

/// Returns an asset that nobody owns.
pub fn ownerless(id: u64) -> Work {
    Work::new(WorkKey::Asset(AssetId(id)))
}

/// Returns an external work that nobody has claimed.
pub fn external(url: &str) -> Work {
    Work::new(WorkKey::External(url.to_owned()))
}

pub fn human(number: u64) -> Contributor {
    Contributor::Human(Recipient::Account(account(number)))
}

pub fn somebody(identity: &str) -> Contributor {
    Contributor::Human(Recipient::Reserved(Beneficiary::Identity(identity.to_owned())))
}

pub fn system(triggered_by: Option<Contributor>) -> Contributor {
    Contributor::System { id: "bot".to_owned(), triggered_by: triggered_by.map(Box::new) }
}

pub fn weight(weight: u64) -> Weight {
    Weight(U256::from(weight))
}

/// Methods that give a work more parts, and can be chained.
pub trait With {
    fn owned(self, owners: &[(u64, u16)]) -> Self;
    fn by(self, id: u64, contributor: Contributor, weight: u64) -> Self;
    fn fixed(self, share: u16, parent: u32) -> Self;
    fn shared(self, share: u16, to: &[(u32, u64)]) -> Self;
    fn cost(self, parent: u32, weight: u64) -> Self;
}

impl With for Work {
    fn owned(mut self, owners: &[(u64, u16)]) -> Self {
        self.owners = owners.iter().map(|(owner, share)| (account(*owner), BasisPoints::new(*share))).collect();
        self
    }

    fn by(mut self, id: u64, contributor: Contributor, units: u64) -> Self {
        self.contributions.push(Contribution { id, contributor, weight: weight(units) });
        self
    }

    fn fixed(self, share: u16, parent: u32) -> Self {
        self.shared(share, &[(parent, 1)])
    }

    fn shared(mut self, share: u16, to: &[(u32, u64)]) -> Self {
        let to = to.iter().map(|(parent, used)| (NodeIndex(*parent), U256::from(*used))).collect();
        self.shared.push(SharedEdges { share: BasisPoints::new(share), to });
        self
    }

    fn cost(mut self, parent: u32, units: u64) -> Self {
        self.cost_edges.push((NodeIndex(parent), weight(units)));
        self
    }
}

pub const NO_FEE: Options =
    Options { fee: BasisPoints::ZERO, max_depth: None, min_payout: Amount::ZERO, policy: Policy::PassDown };

/// Distributes income of the first work.
pub fn run(works: Vec<Work>, amount: u64, options: &Options) -> Result<Distribution, DistributionError> {
    distribute(&Graph::new(works).unwrap(), NodeIndex(0), Amount::from(amount), options)
}

/// Returns the payouts as numbers.
pub fn payouts(distribution: &Distribution) -> Vec<(u64, u64)> {
    let number = |address: &Address| u64::from_be_bytes(address[12..].try_into().unwrap());
    distribution.payouts.iter().map(|(address, amount)| (number(address), amount.0.to())).collect()
}

/// Returns the reserves as text and numbers.
pub fn reserved(distribution: &Distribution) -> Vec<(String, u64)> {
    distribution.reserved.iter().map(|(name, amount)| (name.to_string(), amount.0.to())).collect()
}

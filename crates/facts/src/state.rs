//! The state of an asset as the ledger tells it: its events, folded in their order. By folding the events up to an entry,
//! anyone who has the events gets what was recorded as of that entry.

use std::collections::{BTreeMap, BTreeSet};

use alloy_primitives::U512;
use domain::{Address, Amount, U256, ledger::Event};
use rust_decimal::Decimal;
use serde_json::Value;

use crate::Kind;

/// An event lacks something that its kind requires.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("ledger entry {seq}: a `{kind}` without a valid `{field}`")]
pub struct FoldError {
    /// The entry's number.
    pub seq: u64,
    /// What happened.
    pub kind: String,
    /// The part of its body that is missing or malformed.
    pub field: &'static str,
}

/// The standing of a contribution.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Standing {
    /// It counts.
    Accepted,
    /// The work's owner has not decided yet.
    Proposed,
    /// The work's owner refused it.
    Rejected,
    /// Another contribution took its place.
    Corrected,
}

impl Standing {
    /// Returns the word for it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Accepted => "accepted",
            Self::Proposed => "proposed",
            Self::Rejected => "rejected",
            Self::Corrected => "corrected",
        }
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Contribution {
    contributor: String,
    cost: Decimal,
    weight: U256,
    standing: Standing,
}

/// The sum of the contributions with the same standing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Sum {
    /// The number of contributions.
    pub count: u64,
    /// Their cost, in the units of the cost rule.
    pub cost: Decimal,
    /// Their weight, in units of 1e-12. Each has at most 256 bits; their sum need not.
    pub weight: U512,
}

/// The sums of what was divided in one currency, in base units. Each amount has at most 256 bits; their sums need not.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Divided {
    /// The number of distributions.
    pub count: u64,
    /// The income they cover.
    pub amount: U512,
    /// What they gave to accounts.
    pub distributed: U512,
    /// What they kept for those without an address.
    pub reserved: U512,
    /// What earlier distributions had carried and these brought along.
    pub brought: U512,
    /// What they carried on.
    pub carried: U512,
    /// The part of the reserves that was given to accounts since.
    pub released: U512,
}

/// The state of an asset, or of anything else with a stream of its own, as of an entry.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct State {
    /// How many events there were, by their kinds.
    pub kinds: BTreeMap<String, u64>,
    /// The last of them: its number and its time in microseconds since 1970.
    pub last: Option<(u64, u64)>,
    /// The works that were recorded.
    pub works: BTreeSet<String>,
    /// Commitments to the works' versions, in the order in which they came.
    pub versions: Vec<String>,
    /// The hashes of recorded orders, in the order in which they came.
    pub orders: Vec<String>,
    /// The sums by currency.
    pub divided: BTreeMap<Address, Divided>,
    contributions: BTreeMap<String, Contribution>,
}

impl State {
    /// Adds the next event. Kinds that change nothing here are only counted.
    ///
    /// # Errors
    /// When the event's body lacks something that its kind requires.
    pub fn push(&mut self, event: &Event) -> Result<(), FoldError> {
        let wrong = |_| FoldError { seq: event.seq, kind: event.kind.clone(), field: "body" };
        let body: Value = serde_json::from_str(&event.body).map_err(wrong)?;
        let said = Said { event, body: &body };
        // A kind that only another version of the program knows changes nothing here.
        if let Ok(kind) = event.kind.parse() {
            self.apply(kind, &said)?;
        }
        *self.kinds.entry(event.kind.clone()).or_default() += 1;
        self.last = Some((event.seq, event.at));
        Ok(())
    }

    fn apply(&mut self, kind: Kind, said: &Said<'_>) -> Result<(), FoldError> {
        use Kind as K;
        match kind {
            K::WorkCreated => {
                self.works.insert(said.text("work")?.to_owned());
            }
            K::WorkVersionAdded => self.versions.push(said.text("contentCommitment")?.to_owned()),
            K::ContributionRecorded | K::ContributionAccepted => self.contribute(said, Standing::Accepted)?,
            K::ContributionProposed => self.contribute(said, Standing::Proposed)?,
            K::ContributionRejected => self.contribute(said, Standing::Rejected)?,
            K::ContributionCorrected => self.contribute(said, Standing::Corrected)?,
            K::OrderRecorded => self.orders.push(said.text("hash")?.to_owned()),
            K::DistributionClosed => self.divide(said)?,
            K::ReserveReleased => {
                let released = U512::from(said.number("amount")?);
                self.divided.entry(said.parsed("token")?).or_default().released += released;
            }
            // These change nothing that is folded here.
            K::WorkDependenciesChanged | K::WorkPolicySet | K::WorkMeasured | K::WorkPayeesChanged => {}
            K::GithubHookCreated | K::GithubHookRotated | K::GithubHookRevoked | K::GithubDelivered => {}
            K::ContributorAddressKnown => {}
            K::IdentityClaimed | K::IdentityRefused | K::IdentityLinked | K::IdentityUnlinked => {}
            K::RootBuilt | K::RootProposalQueued | K::RootActivationQueued => {}
            K::AdviceGiven | K::WatchBegun | K::WatchEnded | K::BooksStopped | K::BooksBalanced => {}
            // These facts come from the chain, which is its own ledger.
            K::AssetRegistered | K::AssetTransferred | K::AssetFrozen | K::AssetCidUpdated | K::AssetRoyaltyLowered => {
            }
            K::AssetSold | K::OrdersCancelled | K::OrdersCancelledAll | K::CreditAdded | K::CreditWithdrawn => {}
            K::MarketFeeSet | K::IncomeReceived | K::IncomeFinalized | K::PayoutClaimed | K::PayoutAddressSet => {}
            K::RootProposed | K::RootActivated | K::RootVetoed | K::RootTotalPassedOver | K::InboxDeployed => {}
            K::ContractEvent | K::ChainBackfilled | K::ChainReorganised => {}
        }
        Ok(())
    }

    fn divide(&mut self, said: &Said<'_>) -> Result<(), FoldError> {
        let divided = self.divided.entry(said.parsed("token")?).or_default();
        divided.count += 1;
        for (field, sum) in [
            ("amount", &mut divided.amount),
            ("distributed", &mut divided.distributed),
            ("reserved", &mut divided.reserved),
            ("brought", &mut divided.brought),
            ("carried", &mut divided.carried),
        ] {
            *sum += U512::from(said.number(field)?);
        }
        Ok(())
    }

    /// Takes over a contribution. Every event about a contribution contains all of it.
    fn contribute(&mut self, said: &Said<'_>, standing: Standing) -> Result<(), FoldError> {
        let contribution = Contribution {
            contributor: said.text("contributor")?.to_owned(),
            cost: said.cost()?,
            weight: said.number("weight")?,
            standing,
        };
        self.contributions.insert(said.event.subject.clone(), contribution);
        Ok(())
    }

    /// Returns how many events there were.
    pub fn events(&self) -> u64 {
        self.kinds.values().sum()
    }

    /// Returns the sum of the contributions with this standing, and the number of their contributors.
    pub fn contributions(&self, standing: Standing) -> (Sum, u64) {
        let mut sum = Sum::default();
        let mut contributors = BTreeSet::new();
        for contribution in self.contributions.values().filter(|contribution| contribution.standing == standing) {
            sum.count += 1;
            sum.cost += contribution.cost;
            sum.weight += U512::from(contribution.weight);
            contributors.insert(&contribution.contributor);
        }
        (sum, contributors.len() as u64)
    }
}

/// What an event's body says.
struct Said<'a> {
    event: &'a Event,
    body: &'a Value,
}

impl Said<'_> {
    fn wrong(&self, field: &'static str) -> FoldError {
        FoldError { seq: self.event.seq, kind: self.event.kind.clone(), field }
    }

    fn text(&self, field: &'static str) -> Result<&str, FoldError> {
        self.body[field].as_str().ok_or_else(|| self.wrong(field))
    }

    fn parsed<T: std::str::FromStr>(&self, field: &'static str) -> Result<T, FoldError> {
        self.text(field)?.parse().map_err(|_| self.wrong(field))
    }

    fn number(&self, field: &'static str) -> Result<U256, FoldError> {
        self.parsed::<Amount>(field).map(|number| number.0)
    }

    /// Reads a contribution's cost. It is below 10^14, so that no sum of costs overflows.
    fn cost(&self) -> Result<Decimal, FoldError> {
        let cost: Decimal = self.parsed("cost")?;
        let valid = !cost.is_sign_negative() && cost.scale() <= 6 && cost < Decimal::from(100_000_000_000_000_u64);
        valid.then_some(cost).ok_or_else(|| self.wrong("cost"))
    }
}

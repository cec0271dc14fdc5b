//! What each kind of fact says, by what it is about. Field names and values are part of the ledger, which is never rewritten, and of
//! the API: a field may be added, and none is renamed or removed without a new version of the kind.

mod advice;
mod asset;
mod chain;
mod contribution;
mod identity;
mod market;
mod payout;
mod work;

pub use advice::{AdviceGiven, WatchEntry};
pub use asset::{CidUpdated, Frozen, Registered, RoyaltyLowered, Share, Sold, Transferred};
pub use chain::{Backfilled, ContractEvent, IncomeFinalized, Reorganised};
pub use contribution::Contribution;
pub use identity::{AddressKnown, IdentityClaimed, IdentityLinked, IdentityRefused};
pub use market::{CancelledAll, CreditChanged, FeeSet, NoncesCancelled, OrderRecorded};
pub use payout::{
    BooksBalanced, BooksFault, BooksStopped, Claimed, DistributionClosed, InboxDeployed, IncomeReceived,
    PayoutAddressSet, ReserveReleased, RootActivationQueued, RootBuilt, RootDecided, RootProposalQueued, RootProposed,
    Total, TotalPassedOver,
};
pub use work::{
    DeliveryReceived, DependenciesChanged, GithubHookChanged, GithubHookRotated, PayeesChanged, PolicySet,
    VersionAdded, WorkCreated, WorkMeasured,
};

//! Every fact that Tributary tells, to itself and to others: one vocabulary for the outbox, the ledger, the workers, the pages
//! and subscribers.
//!
//! A fact happened once and is told once. [`Fact`] has a variant for each [`Kind`], with a [body] that holds the details as
//! types. So a reader of facts matches over all kinds, and the compiler names what is missing for a new kind. A [`NewFact`] is
//! a fact to be stored, with its [`Subject`] and the [`Stream`]s that list it. An [`Envelope`] is a stored fact, with its id,
//! version and place.
//!
//! Some facts come from the chain. They are stored in the outbox alone, because the chain is its own ledger, and they can be
//! retracted when their block leaves it. The others are recorded by Tributary. They stand in the ledger for ever, and the
//! outbox has those that something acts on ([`Kind::told_to`]).
//!
//! To add a kind, add a struct to the module of [`body`] for its subject, a line to the list below, and whatever the compiler
//! then asks for. A change to a body that old readers would misread needs a new version: see [`version`].

#![warn(missing_docs)]

pub mod body;
mod envelope;
mod schema;
mod sql;
pub mod state;
pub mod stream;
pub mod trace;
pub mod value;
pub mod version;

use std::{fmt, str::FromStr};

pub use body::*;
pub use envelope::{Envelope, NewFact, Place};
pub use schema::schema;
use serde_json::Value;
pub use stream::{Stream, Subject, Uuid};
pub use trace::TraceContext;
pub use value::{Account, Asset, ChainId, Hash, Id, ParseError, Units};

/// Where facts of a kind are told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ToldTo {
    /// The outbox, for those who act on the fact: workers, and later streams and webhooks.
    Outbox,
    /// The ledger, for those who check what was recorded.
    Ledger,
    /// Both.
    OutboxAndLedger,
}

impl ToldTo {
    /// Returns whether the ledger has the fact.
    pub fn ledger(self) -> bool {
        self != Self::Outbox
    }

    /// Returns whether the outbox has the fact.
    pub fn outbox(self) -> bool {
        self != Self::Ledger
    }
}

/// A body could not be written as, or read from, JSON.
#[derive(Debug, thiserror::Error)]
#[error("the body of `{kind}` is not what its kind says: {source}")]
pub struct BodyError {
    /// The kind.
    pub kind: Kind,
    /// What is wrong with it.
    pub source: serde_json::Error,
}

macro_rules! kinds {
    ($($(#[$doc:meta])* $variant:ident($body:ident) = $name:literal => $told:ident,)*) => {
        /// Something that happened, with its details.
        #[derive(Clone, Debug, PartialEq)]
        pub enum Fact {
            $($(#[$doc])* $variant($body),)*
        }

        /// What happened, without the details. As text it is a noun and a verb: `asset.sold`.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Kind {
            $($(#[$doc])* $variant,)*
        }

        impl Kind {
            /// All kinds.
            pub const ALL: &[Self] = &[$(Self::$variant,)*];

            /// Returns its name.
            pub const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$variant => $name,)*
                }
            }

            /// Returns where facts of this kind are told.
            pub const fn told_to(self) -> ToldTo {
                match self {
                    $(Self::$variant => ToldTo::$told,)*
                }
            }

            /// Returns the name and JSON schema of its body, and of the types that the body mentions.
            fn body_schema(self) -> schema::Described {
                match self {
                    $(Self::$variant => schema::Described::of::<$body>(),)*
                }
            }

            /// Returns the fact of this kind with this body, of the present version.
            fn read(self, body: Value) -> Result<Fact, BodyError> {
                match self {
                    $(Self::$variant => serde_json::from_value(body).map(Fact::$variant),)*
                }
                .map_err(|source| BodyError { kind: self, source })
            }
        }

        impl Fact {
            /// Returns what happened.
            pub const fn kind(&self) -> Kind {
                match self {
                    $(Self::$variant(_) => Kind::$variant,)*
                }
            }

            /// Returns the details as JSON.
            ///
            /// # Errors
            /// When a value cannot be written as JSON. This does not happen with today's kinds.
            pub fn body(&self) -> Result<Value, BodyError> {
                match self {
                    $(Self::$variant(body) => serde_json::to_value(body),)*
                }
                .map_err(|source| BodyError { kind: self.kind(), source })
            }
        }
    };
}

kinds! {
    /// A work was registered on chain and became an asset.
    AssetRegistered(Registered) = "asset.registered" => Outbox,
    /// An asset changed hands.
    AssetTransferred(Transferred) = "asset.transferred" => Outbox,
    /// A dispute froze an asset, or set it free.
    AssetFrozen(Frozen) = "asset.frozen" => Outbox,
    /// An asset's content moved to another address.
    AssetCidUpdated(CidUpdated) = "asset.cid_updated" => Outbox,
    /// An asset's royalty fell.
    AssetRoyaltyLowered(RoyaltyLowered) = "asset.royalty_lowered" => Outbox,
    /// An asset was sold.
    AssetSold(Sold) = "asset.sold" => Outbox,
    /// A maker cancelled some orders.
    OrdersCancelled(NoncesCancelled) = "orders.cancelled" => Outbox,
    /// A maker cancelled all orders.
    OrdersCancelledAll(CancelledAll) = "orders.cancelled_all" => Outbox,
    /// The market's contract owes an account more.
    CreditAdded(CreditChanged) = "credit.added" => Outbox,
    /// An account took out what the market's contract owed it.
    CreditWithdrawn(CreditChanged) = "credit.withdrawn" => Outbox,
    /// The market's fee, or who receives it, was set.
    MarketFeeSet(FeeSet) = "market.fee_set" => Outbox,
    /// An asset was paid something.
    IncomeReceived(IncomeReceived) = "income.received" => Outbox,
    /// Income became final, and can be divided.
    IncomeFinalized(IncomeFinalized) = "income.finalized" => Outbox,
    /// A payout root was proposed on chain.
    RootProposed(RootProposed) = "root.proposed" => Outbox,
    /// A payout root became the one that claims are checked against.
    RootActivated(RootDecided) = "root.activated" => Outbox,
    /// A payout root was vetoed.
    RootVetoed(RootDecided) = "root.vetoed" => Outbox,
    /// A root named a token that could not be moved.
    RootTotalPassedOver(TotalPassedOver) = "root.total_passed_over" => Outbox,
    /// An account claimed what it was due.
    PayoutClaimed(Claimed) = "payout.claimed" => Outbox,
    /// An account said where its payouts go.
    PayoutAddressSet(PayoutAddressSet) = "payout.address_set" => Outbox,
    /// An asset has an address of its own at which it can be paid.
    InboxDeployed(InboxDeployed) = "inbox.deployed" => Outbox,
    /// An event of a contract whose events have no kinds of their own.
    ContractEvent(ContractEvent) = "contract.event" => Outbox,
    /// The mirror read a chain's past in bulk.
    ChainBackfilled(Backfilled) = "chain.backfilled" => Outbox,
    /// Blocks left the chain.
    ChainReorganised(Reorganised) = "chain.reorganised" => Outbox,
    /// It became known where some of a work's contributors are paid.
    WorkPayeesChanged(PayeesChanged) = "work.payees_changed" => Outbox,
    /// GitHub delivered something about a work.
    GithubDelivered(DeliveryReceived) = "github.delivered" => Outbox,
    /// A work was described.
    WorkCreated(WorkCreated) = "work.created" => Ledger,
    /// A work has a new version.
    WorkVersionAdded(VersionAdded) = "work.version_added" => Ledger,
    /// A work's dependencies changed.
    WorkDependenciesChanged(DependenciesChanged) = "work.dependencies_changed" => Ledger,
    /// A work's owner said who may propose contributions.
    WorkPolicySet(PolicySet) = "work.policy" => Ledger,
    /// A work's coherence was measured.
    WorkMeasured(WorkMeasured) = "work.measured" => Ledger,
    /// A webhook at GitHub was made for a work.
    GithubHookCreated(GithubHookChanged) = "github_hook.created" => Ledger,
    /// A webhook at GitHub has another secret.
    GithubHookRotated(GithubHookRotated) = "github_hook.rotated" => Ledger,
    /// A webhook at GitHub was revoked.
    GithubHookRevoked(GithubHookChanged) = "github_hook.revoked" => Ledger,
    /// It became known where a contributor is paid for a work.
    ContributorAddressKnown(AddressKnown) = "contributor.address_known" => Ledger,
    /// A contribution was recorded, and counts.
    ContributionRecorded(Contribution) = "contribution.recorded" => Ledger,
    /// A contribution waits for the work's owner.
    ContributionProposed(Contribution) = "contribution.proposed" => Ledger,
    /// The work's owner accepted a contribution.
    ContributionAccepted(Contribution) = "contribution.accepted" => Ledger,
    /// The work's owner rejected a contribution.
    ContributionRejected(Contribution) = "contribution.rejected" => Ledger,
    /// Another contribution took the place of this one.
    ContributionCorrected(Contribution) = "contribution.corrected" => Ledger,
    /// An account claims to be the one behind an email or login.
    IdentityClaimed(IdentityClaimed) = "identity.claimed" => Ledger,
    /// The owner of a work refused a claim.
    IdentityRefused(IdentityRefused) = "identity.refused" => Ledger,
    /// A proven claim says where a contributor is paid for a work.
    IdentityLinked(IdentityLinked) = "identity.linked" => Ledger,
    /// A claim no longer says where a contributor is paid for a work.
    IdentityUnlinked(IdentityLinked) = "identity.unlinked" => Ledger,
    /// A signed order was stored.
    OrderRecorded(OrderRecorded) = "order.recorded" => OutboxAndLedger,
    /// Income was divided.
    DistributionClosed(DistributionClosed) = "distribution.closed" => Ledger,
    /// What was kept for somebody became a payout.
    ReserveReleased(ReserveReleased) = "reserve.released" => Ledger,
    /// A payout root was built.
    RootBuilt(RootBuilt) = "root.built" => Ledger,
    /// The transaction that proposes a root was stored, to be sent.
    RootProposalQueued(RootProposalQueued) = "root.proposal_queued" => Ledger,
    /// The transaction that activates a root was stored, to be sent.
    RootActivationQueued(RootActivationQueued) = "root.activation_queued" => Ledger,
    /// An agent advised.
    AdviceGiven(AdviceGiven) = "advice.given" => Ledger,
    /// Something is watched from now on.
    WatchBegun(WatchEntry) = "watch.begun" => OutboxAndLedger,
    /// Something is no longer watched.
    WatchEnded(WatchEntry) = "watch.ended" => OutboxAndLedger,
    /// The books do not balance.
    BooksStopped(BooksStopped) = "books.stopped" => Ledger,
    /// The books balance again.
    BooksBalanced(BooksBalanced) = "books.balanced" => Ledger,
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Kind {
    type Err = ParseError;

    fn from_str(text: &str) -> Result<Self, ParseError> {
        let known = Self::ALL.iter().copied().find(|kind| kind.as_str() == text);
        known.ok_or_else(|| ParseError::new("a kind of fact", text))
    }
}

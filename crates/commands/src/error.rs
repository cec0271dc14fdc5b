//! Why a command was not carried out.

use advisors::AdvisorError;
use alloy::transports::TransportError;
use domain::{
    contribution::{self, Proposals, State},
    identity, order, work,
};
use store::StoreError;

/// A rule that the input of a command breaks.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    #[error(transparent)]
    Order(#[from] order::Fault),
    #[error(transparent)]
    Work(#[from] work::Fault),
    #[error(transparent)]
    Contribution(#[from] contribution::Fault),
    #[error(transparent)]
    Identity(#[from] identity::Fault),
}

impl Fault {
    /// Returns a stable word for programs.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Order(fault) => fault.code(),
            Self::Work(fault) => fault.code(),
            Self::Contribution(fault) => fault.code(),
            Self::Identity(fault) => fault.code(),
        }
    }

    /// Returns the field of the input that is wrong.
    pub fn field(&self) -> &'static str {
        match self {
            Self::Order(fault) => fault.field(),
            Self::Work(fault) => fault.field(),
            Self::Contribution(fault) => fault.field(),
            Self::Identity(fault) => fault.field(),
        }
    }

    /// Returns the field and what is wrong with it, as a sentence without its full stop.
    pub fn sentence(&self) -> String {
        match self {
            Self::Contribution(fault) => fault.sentence(),
            Self::Order(_) | Self::Work(_) | Self::Identity(_) => format!("{} {self}", self.field()),
        }
    }
}

/// The command is valid, but something that is already recorded prevents it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Conflict {
    #[error("You have recorded this work before.")]
    DuplicateWork,
    #[error("This content is registered already, as asset {asset}.")]
    DuplicateContent { asset: i64 },
    #[error("Contribution {id} is {state} already.")]
    Decided { id: i64, state: State },
    #[error(
        "Only contributions that count can be corrected, each once: one of these is proposed, rejected or corrected \
         itself, or would be corrected twice."
    )]
    Corrected,
    #[error("Contribution {id} does not count: correct its newest revision.")]
    DoesNotCount { id: i64 },
    #[error("A correction of contribution {id} by you waits for the work's owner.")]
    CorrectionWaits { id: i64 },
    #[error(
        "{open} proposals {}to work {work} wait for its owner: with {brings} more they are above {limit}.",
        if *own { "of yours " } else { "" }
    )]
    TooManyProposals { work: i64, open: i64, own: bool, brings: usize, limit: usize },
    #[error("{most} claims of this account wait for a proof.")]
    TooManyClaims { most: i64 },
}

impl Conflict {
    /// Returns a stable word for programs.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::DuplicateWork => "duplicate_work",
            Self::DuplicateContent { .. } => "duplicate_content",
            Self::Decided { .. } => "decided",
            Self::Corrected | Self::DoesNotCount { .. } => "corrected",
            Self::CorrectionWaits { .. } => "correction_waits",
            Self::TooManyProposals { .. } => "too_many_proposals",
            Self::TooManyClaims { .. } => "too_many_claims",
        }
    }
}

/// Why a command was not carried out. Unless it is said otherwise, nothing was stored once the caller's transaction is
/// rolled back.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The input breaks these rules.
    #[error("{}", .0.iter().map(Fault::sentence).collect::<Vec<_>>().join("; "))]
    Refused(Vec<Fault>),
    /// What the command names does not exist, or is not the actor's.
    #[error("There is no {0}.")]
    NotFound(String),
    #[error(transparent)]
    Conflict(#[from] Conflict),
    /// The work's owner does not take proposals of this account.
    #[error("The owner of work {work} takes proposals of {from}.")]
    ProposalsClosed { work: i64, from: Proposals },
    /// A signed nonce is valid only once, and only for a while.
    #[error("The nonce was used before or is too old. Ask for a new one and sign again.")]
    NonceSpent,
    #[error(transparent)]
    Store(StoreError),
    #[error(transparent)]
    Advice(#[from] AdvisorError),
    /// The node does not answer, or its answer is not valid.
    #[error("the chain's node does not answer")]
    Chain(#[source] TransportError),
}

impl Error {
    /// Returns the error that a contribution which the input names does not exist.
    pub(crate) fn no_contribution(id: i64) -> Self {
        Self::NotFound(format!("contribution {id}"))
    }
}

impl From<Vec<Fault>> for Error {
    fn from(faults: Vec<Fault>) -> Self {
        Self::Refused(faults)
    }
}

macro_rules! refused_by {
    ($($fault:ty),*) => {$(
        impl From<$fault> for Error {
            fn from(fault: $fault) -> Self {
                Self::Refused(vec![fault.into()])
            }
        }
    )*};
}
refused_by!(order::Fault, work::Fault, contribution::Fault, identity::Fault);

impl From<sqlx::Error> for Error {
    fn from(error: sqlx::Error) -> Self {
        let constraint = error.as_database_error().and_then(|database| database.constraint());
        match constraint.and_then(on_constraint) {
            Some(known) => known,
            None => Self::Store(StoreError::Database(error)),
        }
    }
}

impl From<StoreError> for Error {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Database(error) => error.into(),
            error => Self::Store(error),
        }
    }
}

/// Returns what a broken constraint means to the caller. This is the only table of constraints.
fn on_constraint(name: &str) -> Option<Error> {
    match name {
        "works_owner_source_source_key_key" => Some(Conflict::DuplicateWork.into()),
        "works_title_check" => Some(work::Fault::TitleLength.into()),
        "works_description_check" => Some(work::Fault::DescriptionTooLong.into()),
        _ => None,
    }
}

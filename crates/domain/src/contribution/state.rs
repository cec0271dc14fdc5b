//! What becomes of contributions, and who may propose them.
//!
//! ```text
//! proposed --accept--> accepted --a correction is accepted--> corrected
//!     '-----reject---> rejected
//! ```

use std::{fmt, str::FromStr};

use crate::work;

/// The state of a contribution. Only accepted ones count.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// Waits for the work's owner.
    Proposed,
    /// Counts.
    Accepted,
    /// It never counted.
    Rejected,
    /// Counted until a newer revision took its place.
    Corrected,
}

/// The text does not name a state.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("is proposed, accepted, rejected or corrected")]
pub struct UnknownState;

/// What a work's owner decides about a proposed contribution.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It counts from now on.
    Accept,
    /// It never counts.
    Reject,
}

impl Verdict {
    /// Returns the state that it leads to.
    pub const fn state(self) -> State {
        match self {
            Self::Accept => State::Accepted,
            Self::Reject => State::Rejected,
        }
    }
}

/// What a verdict does to a contribution.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It is decided by this verdict.
    Decided,
    /// It was decided in the same way before, so nothing changes.
    Unchanged,
    /// It was decided the other way before, which cannot be reversed.
    Otherwise,
}

impl State {
    const ALL: [Self; 4] = [Self::Proposed, Self::Accepted, Self::Rejected, Self::Corrected];

    /// Returns the word for it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Proposed => "proposed",
            Self::Accepted => "accepted",
            Self::Rejected => "rejected",
            Self::Corrected => "corrected",
        }
    }

    /// Returns what a verdict does to a contribution in this state. An accepted contribution may have
    /// been corrected since.
    pub const fn decide(self, verdict: Verdict) -> Outcome {
        match (self, verdict) {
            (Self::Proposed, _) => Outcome::Decided,
            (Self::Accepted | Self::Corrected, Verdict::Accept) | (Self::Rejected, Verdict::Reject) => {
                Outcome::Unchanged
            }
            (Self::Accepted | Self::Corrected, Verdict::Reject) | (Self::Rejected, Verdict::Accept) => {
                Outcome::Otherwise
            }
        }
    }
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for State {
    type Err = UnknownState;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::ALL.into_iter().find(|state| state.as_str() == text).ok_or(UnknownState)
    }
}

/// Who may propose contributions to somebody else's work.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Proposals {
    /// Every account.
    Anyone,
    /// Accounts that have an accepted contribution to the work.
    Contributors,
    /// No account except the owner's.
    Nobody,
}

impl Proposals {
    const ALL: [Self; 3] = [Self::Anyone, Self::Contributors, Self::Nobody];

    /// Returns the word for it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Anyone => "anyone",
            Self::Contributors => "contributors",
            Self::Nobody => "nobody",
        }
    }
}

impl fmt::Display for Proposals {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Proposals {
    type Err = work::Fault;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::ALL.into_iter().find(|proposals| proposals.as_str() == text).ok_or(work::Fault::UnknownProposals)
    }
}

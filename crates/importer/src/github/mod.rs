//! What GitHub's webhook says, and which contributions follow from it. This module does no I/O: the HTTP endpoint and the
//! storage are elsewhere.
//!
//! ```text
//! body, X-Hub-Signature-256 --verify_signature--> Verified --event--> Push --contributions_of--> contributions
//! ```
//!
//! Only a [`Verified`] body can be parsed, so the signature is always checked first. A body that was stored after the check
//! is read with [`Verified::kept`].

mod merge_messages;
mod payload;
mod pull_request;
mod push;
mod signature;

pub use self::{
    payload::{Event, PayloadError, Repository, User},
    pull_request::{Merge, PullRequest, merge_of},
    push::{Author, Commit, Contribution, Contributions, LeftOut, Push, Reason, Signer, contributions_of},
    signature::{SignatureError, Verified, verify_signature},
};

/// A larger body is refused, in bytes. GitHub does not send larger ones.
pub const MAX_BODY_BYTES: usize = 25 << 20;
/// More commits in one push are refused; GitHub lists 2048.
pub const MAX_COMMITS: usize = 4096;
/// More files in one commit are refused; GitHub lists 3000.
pub const MAX_FILES: usize = 10_000;
/// Longer paths of files are refused, in bytes.
pub const MAX_PATH: usize = 4096;

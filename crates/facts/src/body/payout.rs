//! Income, its divisions, payout roots and claims, and the books over all of them.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::value::{Account, Asset, Hash, Id, Units};

/// An asset was paid something.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct IncomeReceived {
    /// The asset.
    pub asset: Asset,
    /// The token; the zero address is the chain's own coin.
    pub token: Account,
    /// Who paid.
    pub payer: Account,
    /// How much.
    pub amount: Units,
    /// What for, as the payer says.
    pub reason: String,
}

/// An amount of a token.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Total {
    /// The token.
    pub token: Account,
    /// How much.
    pub amount: Units,
}

/// A payout root was proposed on chain.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct RootProposed {
    /// Its number in the contract.
    pub number: u64,
    /// The root.
    pub root: Hash,
    /// Where the list behind it lies.
    pub data_cid: String,
    /// The newest anchor of the ledger that covers all distributions behind it; 0 for none.
    pub anchor_seq: u64,
    /// What it declares of each token.
    pub totals: Vec<Total>,
    /// From when it may be activated; null is never.
    pub activatable_at: Option<DateTime<Utc>>,
}

/// A payout root was activated, or vetoed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct RootDecided {
    /// Its number in the contract.
    pub number: u64,
    /// The root.
    pub root: Hash,
}

/// A root named a token that the contract could not move; the rest of the root holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct TotalPassedOver {
    /// The token.
    pub token: Account,
    /// What was to be moved.
    pub amount: Units,
}

/// An account claimed what it was due.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Claimed {
    /// Whose claim it is.
    pub account: Account,
    /// The token.
    pub token: Account,
    /// Who received it.
    pub recipient: Account,
    /// How much.
    pub amount: Units,
    /// All that the account has claimed of the token so far.
    pub cumulative: Units,
}

/// An account said where its payouts go.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct PayoutAddressSet {
    /// The account.
    pub account: Account,
    /// Who receives them from now on.
    pub recipient: Account,
}

/// An asset has an address of its own at which it can be paid.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct InboxDeployed {
    /// The asset.
    pub asset: Asset,
    /// The address.
    pub inbox: Account,
}

/// Income was divided.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct DistributionClosed {
    /// The income that was divided.
    pub amount: Units,
    /// The token.
    pub token: Account,
    /// The newest block with income that was divided.
    pub through_block: u64,
    /// What accounts receive.
    pub distributed: Units,
    /// What is kept for those without an address.
    pub reserved: Units,
    /// What earlier divisions had carried and this one brought along.
    pub brought: Units,
    /// What was below the least payout and waits for more.
    pub carried: Units,
    /// How income reaches the works beneath: `pass_down` or `pooled`.
    pub policy: String,
    /// The version of the rules.
    pub rules: u32,
    /// How many payouts it made.
    pub payouts: usize,
    /// How many reserves it made.
    pub reserves: usize,
    /// SHA-256 of the canonical input.
    pub input_hash: Hash,
    /// SHA-256 of the canonical result.
    pub result_hash: Hash,
}

/// What was kept for somebody became a payout, because their address became known.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ReserveReleased {
    /// The payout it became.
    pub payout: Id,
    /// The division that had made the reserve.
    pub distribution: Id,
    /// For whom it was kept.
    pub contributor: Id,
    /// Who receives it.
    pub account: Account,
    /// The token.
    pub token: Account,
    /// How much.
    pub amount: Units,
}

/// A payout root was built from everybody's totals.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct RootBuilt {
    /// The root.
    pub root: Hash,
    /// Where the list behind it lies.
    pub data_cid: String,
    /// What it declares of each token.
    pub totals: Vec<Total>,
    /// How many entries it has.
    pub entries: usize,
    /// The newest payout that it covers.
    pub through_payout: i64,
}

/// The transaction that proposes a root was stored, to be sent.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct RootProposalQueued {
    /// The key under which the transaction is sent once.
    pub key: String,
    /// Where the list behind the root lies.
    pub data_cid: String,
    /// The newest anchor of the ledger that covers all distributions behind it; 0 for none.
    pub anchor_seq: u64,
}

/// The transaction that activates a root was stored, to be sent.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct RootActivationQueued {
    /// The key under which the transaction is sent once.
    pub key: String,
    /// The root's number in the contract.
    pub number: u64,
}

/// A rule of the books that does not hold.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct BooksFault {
    /// In which token.
    pub token: Account,
    /// What should hold.
    pub rule: String,
    /// Where it does not.
    pub detail: String,
}

/// The books do not balance: nothing is divided in these tokens.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct BooksStopped {
    /// As of which block.
    pub block: u64,
    /// The tokens.
    pub tokens: Vec<Account>,
    /// What does not hold.
    pub faults: Vec<BooksFault>,
}

/// The books balance again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct BooksBalanced {
    /// As of which block.
    pub block: u64,
}

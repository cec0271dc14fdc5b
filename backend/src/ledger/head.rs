//! GET /v1/ledger

use axum::extract::State;
use domain::ledger::signature::{Signed, TreeHead};
use serde::Serialize;
use store::ledger::{self, Anchored};
use utoipa::ToSchema;

use super::{sign, time};
use crate::{
    AppState,
    problem::{Problem, Result},
};

/// Where the ledger ends, and how much of it is anchored.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct LedgerHead {
    /// How many events it has.
    pub size: u64,
    /// The hash of the last one, which covers all before it.
    pub hash: String,
    /// The Merkle root over all of them; absent when there are none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub root: Option<String>,
    /// Who vouches for size and root; absent where this server has no key.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub signature: Option<SignatureView>,
    /// Writes whose events have no number yet.
    pub pending: i64,
    /// The chain of the Anchor contract.
    pub chain_id: u64,
    /// The Anchor contract.
    pub contract: String,
    /// The newest anchor on chain.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub anchor: Option<AnchorView>,
    /// How many events no anchor covers yet.
    pub unanchored: u64,
}

/// A root of the ledger that stands on chain.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct AnchorView {
    /// Its number, from 1 without gaps.
    pub seq: u64,
    /// How many events it covers.
    pub size: u64,
    pub root: String,
    pub time: chrono::DateTime<chrono::Utc>,
    /// The contract's chained hash of all anchors up to this one.
    pub head: String,
    pub tx_hash: String,
    pub block_number: u64,
    /// Whether its block is final.
    pub finalized: bool,
}

impl TryFrom<Anchored> for AnchorView {
    type Error = Problem;

    fn try_from(anchored: Anchored) -> Result<Self> {
        let Anchored { anchor, head, transaction, block, finalized, .. } = anchored;
        Ok(Self {
            seq: anchor.seq,
            size: anchor.size,
            root: anchor.root.to_string(),
            time: time(anchor.time.saturating_mul(1_000_000))?,
            head: head.to_string(),
            tx_hash: transaction.to_string(),
            block_number: block,
            finalized,
        })
    }
}

/// An EIP-712 signature over `TreeHead(uint64 size,bytes32 root)`.
#[derive(Debug, Serialize, ToSchema)]
pub struct SignatureView {
    pub signer: String,
    pub signature: String,
}

impl From<Signed> for SignatureView {
    fn from(signed: Signed) -> Self {
        Self { signer: signed.signer.to_checksum(None), signature: signed.signature.to_string() }
    }
}

/// Where the ledger ends.
#[utoipa::path(get, path = "/v1/ledger", operation_id = "get_ledger", tag = "ledger", responses((status = 200, body = LedgerHead)))]
pub async fn head(State(state): State<AppState>) -> Result<axum::Json<LedgerHead>> {
    let mut tx = store::snapshot(&state.pool).await?;
    let ledger::Head { size, hash } = ledger::head(&mut tx).await?;
    let tree = match size {
        0 => None,
        _ => Some(TreeHead {
            chain_id: state.chain_id().0,
            contract: state.deployment.anchor,
            size,
            root: ledger::root_at(&mut tx, size).await?,
        }),
    };
    let anchor = ledger::newest_anchor(&mut tx, state.chain_id(), false).await?;
    let pending =
        sqlx::query_scalar!(r#"SELECT count(*) AS "pending!" FROM ledger.pending"#).fetch_one(&mut *tx).await?;
    let signature = match &tree {
        Some(tree) => sign(&state, tree).await?,
        None => None,
    };
    Ok(axum::Json(LedgerHead {
        size,
        hash: hash.to_string(),
        root: tree.map(|tree| tree.root.to_string()),
        signature: signature.map(SignatureView::from),
        pending,
        chain_id: state.chain_id().0,
        contract: state.deployment.anchor.to_checksum(None),
        unanchored: size.saturating_sub(anchor.map_or(0, |anchored| anchored.anchor.size)),
        anchor: anchor.map(AnchorView::try_from).transpose()?,
    }))
}

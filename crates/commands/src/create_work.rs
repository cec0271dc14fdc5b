//! Describes uploaded content as a work. It becomes an asset when its owner registers the content hash on chain.

use alloy::primitives::B256;
use chrono::{DateTime, Utc};
use domain::work::{self, Fault};
use facts::{ChainId, Hash};
use store::works::{self, uploads};

use crate::{Actor, Conflict, Fault as AnyFault, Result, Tx};

/// The description of a work.
#[derive(Clone, Debug)]
pub struct NewWork {
    /// One of [`bindings::KINDS`].
    pub kind: String,
    pub title: String,
    pub description: String,
    /// The hash of content that the actor uploaded.
    pub content_hash: B256,
}

/// A work that was recorded.
#[derive(Clone, Debug)]
pub struct Work {
    pub id: i64,
    pub kind: String,
    pub title: String,
    pub description: String,
    pub cid: String,
    pub created_at: DateTime<Utc>,
}

/// Records a work with its first version.
///
/// # Errors
/// When the description breaks rules, when the actor did not upload the content or it is an asset on `chain_id` already, or
/// when the actor recorded it before.
pub async fn create(tx: &mut Tx, chain_id: ChainId, actor: Actor, new: NewWork) -> Result<Work> {
    let (title, description) = (new.title.trim().to_owned(), new.description.trim().to_owned());
    if bindings::kind_number(&new.kind).is_none() {
        return Err(Fault::UnknownKind { kind: new.kind }.into());
    }
    if let Some(asset) = asset_of(tx, chain_id, new.content_hash).await? {
        return Err(Conflict::DuplicateContent { asset }.into());
    }
    let cid = uploads::cid(tx, actor.0, new.content_hash).await?.ok_or(Fault::NotUploaded)?;
    let faults = work::check_description(&title, &description);
    if !faults.is_empty() {
        return Err(faults.into_iter().map(AnyFault::from).collect::<Vec<_>>().into());
    }
    let described = works::NewWork {
        owner: actor.0,
        kind: &new.kind,
        title: &title,
        description: &description,
        source: "upload",
        source_key: &new.content_hash.to_string(),
        source_url: None,
    };
    let row = works::create(tx, &described).await?;
    works::add_version(tx, row.id, new.content_hash, &cid, "").await?;
    Ok(Work { id: row.id, kind: new.kind, title, description, cid, created_at: row.created_at })
}

/// Returns the asset that is registered with this content, if there is one.
///
/// # Errors
/// When the database does not answer.
pub async fn asset_of(conn: &mut sqlx::PgConnection, chain_id: ChainId, content_hash: B256) -> Result<Option<i64>> {
    Ok(sqlx::query_scalar!(
        "SELECT asset_id FROM chain.assets WHERE chain_id = $1 AND content_hash = $2",
        chain_id.get(),
        Hash(content_hash) as _
    )
    .fetch_optional(conn)
    .await?)
}

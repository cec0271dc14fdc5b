//! Roots and proofs from what is stored: a few dozen nodes, and the hashes of at most two times 63 events.

use std::collections::HashMap;

use ::facts::Hash;
use alloy_primitives::B256;
use domain::ledger::tree::{self, Consistency, Frontier, Node};
use sqlx::PgConnection;

use super::{head, seal::STORED_LEVEL, signed, unsigned};
use crate::StoreError;

/// Returns the root over the first `size` events, which is what is anchored.
///
/// # Errors
/// When `size` is 0, when the ledger has fewer events, or when the database fails.
pub async fn root_at(tx: &mut PgConnection, size: u64) -> Result<B256, StoreError> {
    within(tx, size).await?;
    frontier(tx, size).await?.root().ok_or_else(|| StoreError::Refused("an empty ledger has no root".to_owned()))
}

/// Returns the proof that entry `seq` is under the root over the first `size` events, from the leaf up.
///
/// # Errors
/// When there is no such entry among them, when the ledger has fewer events, or when the database fails.
pub async fn proof(tx: &mut PgConnection, seq: u64, size: u64) -> Result<Vec<B256>, StoreError> {
    within(tx, size).await?;
    let none = || StoreError::Refused(format!("there is no entry {seq} among the first {size}"));
    let nodes: Vec<Node> = tree::proof_nodes(seq, size).ok_or_else(none)?.concat();
    let hashes = hashes(tx, &nodes).await?;
    tree::proof(seq, size, |node| hashes.get(&node).copied()).map_err(|node| node.map_or_else(none, missing))
}

/// Returns the proof that the ledger of `to` events begins with that of `from` events.
///
/// # Errors
/// When `from` is more than `to`, when the ledger has fewer events, or when the database fails.
pub async fn consistency(tx: &mut PgConnection, from: u64, to: u64) -> Result<Consistency, StoreError> {
    within(tx, to).await?;
    if from > to {
        return Err(StoreError::Refused(format!("a ledger of {to} entries cannot begin with {from}")));
    }
    let (peaks, added) = tree::consistency_nodes(from, to);
    let hashes = hashes(tx, &[peaks, added].concat()).await?;
    tree::consistency(from, to, |node| hashes.get(&node).copied()).map_err(missing)
}

/// Returns the right edge of the tree over the first `size` events.
pub(super) async fn frontier(tx: &mut PgConnection, size: u64) -> Result<Frontier, StoreError> {
    let nodes = tree::nodes(0, size);
    let hashes = hashes(tx, &nodes).await?;
    let peaks = nodes.into_iter().map(|node| hashes.get(&node).copied().ok_or_else(|| missing(node)));
    let peaks = peaks.collect::<Result<Vec<_>, _>>()?;
    Frontier::new(size, peaks).ok_or_else(|| StoreError::Corrupt { what: "ledger size", value: size.to_string() })
}

async fn within(tx: &mut PgConnection, size: u64) -> Result<(), StoreError> {
    let has = head(tx).await?.size;
    if size > has {
        return Err(StoreError::Refused(format!("the ledger has {has} entries, not {size}")));
    }
    Ok(())
}

fn missing(node: Node) -> StoreError {
    StoreError::Corrupt {
        what: "ledger: missing hash of entries",
        value: format!("{} to {}", node.first(), node.last()),
    }
}

/// Returns the hashes of those nodes that exist. They are read if they are stored, and otherwise computed from the events
/// below.
async fn hashes(tx: &mut PgConnection, nodes: &[Node]) -> Result<HashMap<Node, B256>, StoreError> {
    let (stored, below): (Vec<Node>, Vec<Node>) = nodes.iter().partition(|node| node.level >= STORED_LEVEL);
    let mut hashes = HashMap::with_capacity(nodes.len());
    if !stored.is_empty() {
        let lasts: Vec<i64> = stored.iter().map(|node| signed(node.last())).collect();
        let levels: Vec<i16> = stored.iter().map(|node| i16::from(node.level)).collect();
        let rows = sqlx::query!(
            r#"SELECT n.last, n.level, n.hash AS "hash: Hash"
               FROM unnest($1::bigint[], $2::smallint[]) AS w (last, level)
               JOIN ledger.nodes n ON n.last = w.last AND n.level = w.level"#,
            &lasts,
            &levels
        )
        .fetch_all(&mut *tx)
        .await?;
        for row in rows {
            let level = row.level as u8;
            hashes.insert(Node { level, index: (unsigned(row.last) >> level) - 1 }, row.hash.0);
        }
    }
    if !below.is_empty() {
        let seqs: Vec<i64> = below.iter().flat_map(|node| node.first()..=node.last()).map(signed).collect();
        let rows = sqlx::query!(r#"SELECT seq, hash AS "hash: Hash" FROM ledger.events WHERE seq = ANY($1)"#, &seqs);
        let rows = rows.fetch_all(tx).await?.into_iter();
        let leaves = rows.map(|row| Ok((unsigned(row.seq), tree::leaf(unsigned(row.seq), row.hash.0))));
        let leaves = leaves.collect::<Result<HashMap<u64, B256>, StoreError>>()?;
        hashes.extend(below.into_iter().filter_map(|node| Some((node, over(node, &leaves)?))));
    }
    Ok(hashes)
}

/// Returns the hash of a node over leaves, or `None` when a leaf is missing.
fn over(node: Node, leaves: &HashMap<u64, B256>) -> Option<B256> {
    let mut frontier = Frontier::default();
    for seq in node.first()..=node.last() {
        frontier.push(*leaves.get(&seq)?, |_, _| ());
    }
    frontier.root()
}

//! The standing of a transaction of ours, so that it is sent again if it failed, and only then.

use facts::ChainId;
use sqlx::PgConnection;

use crate::JobError;

/// What became of a transaction under a key, and of those that replaced it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Standing {
    /// It is on its way, or on chain.
    UnderWay,
    /// There is none, or the chain refused all of them. The next one must use this key; `refused` is the reason
    /// of the last refusal.
    Missing { key: String, refused: Option<String> },
}

/// Returns the standing of the transaction under `key`, or under `key:2`, `key:3` and so on if it was replaced.
///
/// # Errors
/// When the database fails.
pub async fn of(conn: &mut PgConnection, chain_id: ChainId, key: &str) -> Result<Standing, JobError> {
    let states = sqlx::query!(
        "SELECT state, error FROM sender_transactions
         WHERE chain_id = $1 AND (key = $2 OR starts_with(key, $2 || ':')) ORDER BY id",
        chain_id.get(),
        key
    )
    .fetch_all(conn)
    .await?;
    if states.iter().any(|one| !matches!(one.state.as_str(), "refused" | "reverted")) {
        return Ok(Standing::UnderWay);
    }
    let number = states.len() + 1;
    let refused = states.into_iter().next_back().map(|last| last.error.unwrap_or(last.state));
    let key = if number == 1 { key.to_owned() } else { format!("{key}:{number}") };
    Ok(Standing::Missing { key, refused })
}

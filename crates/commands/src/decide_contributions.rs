//! Accepts or rejects what others proposed to the actor's works. An accepted correction takes the place of what it
//! corrects. A decision cannot be reversed, but an accepted contribution can be corrected, and a rejected one recorded again.

use std::collections::BTreeSet;

use domain::contribution::{self, Outcome, State, Verdict};
use facts::Account;
use store::{StoreError, works::contributions};

use crate::{Actor, Conflict, Error, Result, Tx};

/// Decides on all of these contributions, or on none. Returns the number that were decided now. The others had the same
/// decision before.
///
/// # Errors
/// When one does not exist or belongs to somebody else's work, was decided otherwise, or corrects what does not count.
pub async fn decide(tx: &mut Tx, actor: Actor, ids: &[i64], verdict: Verdict, reason: &str) -> Result<usize> {
    contribution::check_count("ids", "ids", ids.len())?;
    contribution::check_reason(reason)?;
    let ids: Vec<i64> = BTreeSet::from_iter(ids).into_iter().copied().collect();
    let rows = sqlx::query!(
        "SELECT c.id, c.state, c.corrects FROM contributions c JOIN works w ON w.id = c.work_id
         WHERE c.id = ANY ($1) AND w.owner = $2 ORDER BY c.id FOR NO KEY UPDATE OF c",
        &ids,
        Account(actor.0) as _
    )
    .fetch_all(&mut **tx)
    .await?;
    let missing: Vec<String> =
        ids.iter().filter(|id| !rows.iter().any(|row| row.id == **id)).map(i64::to_string).collect();
    if !missing.is_empty() {
        return Err(Error::NotFound(format!("contribution {} to a work of yours", missing.join(", "))));
    }
    let (mut open, mut replaced) = (Vec::new(), Vec::new());
    for row in rows {
        let corrupt = |_| StoreError::Corrupt { what: "state", value: row.state.clone() };
        let state: State = row.state.parse().map_err(corrupt)?;
        match state.decide(verdict) {
            Outcome::Unchanged => {}
            Outcome::Otherwise => return Err(Conflict::Decided { id: row.id, state }.into()),
            Outcome::Decided => {
                open.push(row.id);
                replaced.extend(row.corrects);
            }
        }
    }
    let accept = verdict == Verdict::Accept;
    if accept {
        replace(tx, &replaced, actor).await?;
    }
    contributions::decide(tx, &open, accept, actor.0, reason).await?;
    Ok(open.len())
}

/// Marks contributions as corrected. Each of them must have counted until now.
pub(crate) async fn replace(tx: &mut Tx, ids: &[i64], by: Actor) -> Result<()> {
    if contributions::replace(tx, ids, by.0).await? < ids.len() {
        return Err(Conflict::Corrected.into());
    }
    Ok(())
}

//! Changes an owner's settings for a work: who may propose contributions, and what counts at once.

use alloy::primitives::Address;
use domain::contribution::{Proposals, State};
use facts::Account;
use store::{StoreError, works};

use crate::{Actor, Conflict, Error, Result, Tx};

/// The number of proposals of one account to one work that may wait at a time.
const MAX_OPEN: usize = 1000;
/// The number of proposals of all accounts to one work that may wait at a time.
const MAX_OPEN_OF_ALL: usize = 20_000;

/// An owner's settings for a work.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Policy {
    pub proposals: Proposals,
    /// Whether what imports and pushes bring counts at once. Otherwise it is proposed.
    pub preaccepted: bool,
}

/// Sets the policy of a work that the actor owns.
///
/// # Errors
/// When the work is not the actor's.
pub async fn set(tx: &mut Tx, actor: Actor, work: i64, policy: Policy) -> Result<()> {
    let row = sqlx::query!(
        "SELECT proposals, preaccepted FROM works WHERE id = $1 AND owner = $2 FOR NO KEY UPDATE",
        work,
        Account(actor.0) as _
    )
    .fetch_optional(&mut **tx)
    .await?
    .ok_or_else(|| Error::NotFound(format!("work {work} of yours")))?;
    let proposals = policy.proposals.as_str();
    if (row.proposals.as_str(), row.preaccepted) == (proposals, policy.preaccepted) {
        return Ok(());
    }
    Ok(works::set_policy(tx, work, proposals, policy.preaccepted, actor.0).await?)
}

/// Returns the state in which the actor's contributions to a work are recorded, or the error why none is. Holds the work
/// until the transaction ends, so that limits also apply to requests at the same time.
pub(crate) async fn standing(tx: &mut Tx, actor: Actor, work: i64, brings: usize) -> Result<State> {
    let row = sqlx::query!(
        r#"SELECT id, owner AS "owner: Account", proposals FROM works WHERE id = $1 FOR NO KEY UPDATE"#,
        work
    )
    .fetch_optional(&mut **tx)
    .await?
    .ok_or_else(|| Error::NotFound(format!("work {work}")))?;
    let owner = row.owner.0;
    if owner == actor.0 {
        return Ok(State::Accepted);
    }
    let from: Proposals =
        row.proposals.parse().map_err(|_| StoreError::Corrupt { what: "policy", value: row.proposals.clone() })?;
    let may = match from {
        Proposals::Anyone => true,
        Proposals::Contributors => contributes(tx, work, actor).await?,
        Proposals::Nobody => false,
    };
    if !may {
        return Err(Error::ProposalsClosed { work, from });
    }
    check_open(tx, actor, (work, owner), brings).await?;
    Ok(State::Proposed)
}

/// Checks that this many more proposals may wait for the work's owner.
async fn check_open(tx: &mut Tx, actor: Actor, (work, owner): (i64, Address), brings: usize) -> Result<()> {
    let open = sqlx::query!(
        r#"SELECT count(*) FILTER (WHERE recorded_by = $2) AS "own!", count(*) AS "all!" FROM contributions c
           WHERE work_id = $1 AND state = 'proposed' AND recorded_by <> $3"#,
        work,
        Account(actor.0) as _,
        Account(owner) as _
    )
    .fetch_one(&mut **tx)
    .await?;
    for (open, limit, own) in [(open.own, MAX_OPEN, true), (open.all, MAX_OPEN_OF_ALL, false)] {
        if open as usize + brings > limit {
            return Err(Conflict::TooManyProposals { work, open, own, brings, limit }.into());
        }
    }
    Ok(())
}

/// Tells whether a contribution of the actor counts.
async fn contributes(tx: &mut Tx, work: i64, actor: Actor) -> Result<bool> {
    let contributes = sqlx::query_scalar!(
        r#"SELECT EXISTS (
               SELECT FROM contributions x WHERE x.work_id = $1 AND x.state = 'accepted' AND x.contributor_id IN (
                   SELECT c.id FROM contributors c WHERE c.key = $2
                   UNION SELECT a.contributor_id FROM contributor_addresses a WHERE a.work_id = $1 AND a.address = $3)) AS "is!""#,
        work,
        format!("account:{}", actor.0.to_checksum(None)),
        Account(actor.0) as _
    )
    .fetch_one(&mut **tx)
    .await?;
    Ok(contributes)
}

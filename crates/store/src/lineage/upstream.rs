//! What a work passes on to the works it was made from.

use std::collections::BTreeMap;

use ::facts::ChainId;
use sqlx::PgConnection;

use crate::StoreError;

/// All of a work's income, in basis points.
pub const WHOLE: u16 = 10_000;
/// What passes on to the works beneath, when no licence says otherwise: to parents together, and to dependencies together.
pub const SHARE: u16 = 1500;

/// What the licence under which an asset was made passes on to a parent, in basis points, by asset and parent.
pub type Licensed = BTreeMap<(i64, i64), u16>;

/// Returns what the licences under which assets were made pass on: of all assets of a chain, or where asset and parent are
/// among those given.
///
/// # Errors
/// When the database fails, or holds a share that the contract does not let through.
pub async fn licensed(tx: &mut PgConnection, chain_id: ChainId, among: Option<&[i64]>) -> Result<Licensed, StoreError> {
    let rows = sqlx::query!(
        r#"SELECT asset_id::bigint AS "asset_id!", parent_id AS "parent_id!", share AS "share!" FROM chain.licensed_shares
           WHERE chain_id = $1 AND ($2::bigint[] IS NULL OR (parent_id = ANY ($2) AND asset_id = ANY ($2)))"#,
        chain_id.get(),
        among
    )
    .fetch_all(tx)
    .await?;
    rows.into_iter()
        .map(|row| {
            let share = u16::try_from(row.share).ok().filter(|share| *share <= WHOLE);
            let share =
                share.ok_or_else(|| StoreError::Corrupt { what: "revenue share", value: row.share.to_string() })?;
            Ok(((row.asset_id, row.parent_id), share))
        })
        .collect()
}

/// Returns what an asset passes on, in basis points, each share with the parents that divide it equally. Licensed parents
/// come first, in their order, as long as something is left. The others divide [`SHARE`], or what is left of the whole.
pub fn shares(asset: i64, parents: &[i64], licensed: &Licensed) -> Vec<(u16, Vec<i64>)> {
    let (mut left, mut shares, mut others) = (WHOLE, Vec::new(), Vec::new());
    for parent in parents {
        match licensed.get(&(asset, *parent)) {
            Some(share) => {
                let share = left.min(*share);
                left -= share;
                shares.push((share, vec![*parent]));
            }
            None => others.push(*parent),
        }
    }
    if !others.is_empty() {
        shares.push((left.min(SHARE), others));
    }
    shares.retain(|(share, _)| *share > 0);
    shares
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn licences_come_first_and_never_more_than_the_whole_is_passed_on() {
        let none = Licensed::new();
        assert_eq!(shares(9, &[1, 2], &none), [(1500, vec![1, 2])]);
        assert_eq!(shares(9, &[], &none), []);
        let some = Licensed::from([((9, 2), 500), ((9, 3), 0), ((8, 1), 9000)]);
        assert_eq!(shares(9, &[1, 2, 3], &some), [(500, vec![2]), (1500, vec![1])]);
        let much = Licensed::from([((9, 2), 6000), ((9, 3), 5000)]);
        assert_eq!(shares(9, &[1, 2, 3], &much), [(6000, vec![2]), (4000, vec![3])]);
        let nearly = Licensed::from([((9, 2), 9000)]);
        assert_eq!(shares(9, &[1, 2, 3], &nearly), [(9000, vec![2]), (1000, vec![1, 3])]);
    }
}

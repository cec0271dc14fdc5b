//! Which contributions count when income is divided, and whom it falls to.

use alloy_primitives::{Address, U256};
use anyhow::Result;
use chrono::DateTime;
use domain::{
    cost::Evidence,
    distribution::{Contributor, Recipient, WorkKey},
    identity::Identity,
};
use facts::ChainId;
use rust_decimal::Decimal;
use sqlx::{PgConnection, PgPool};
use store::{
    accounts::identities,
    payouts::pots,
    works::contributions::{self, NewContribution, Record, Someone, State},
};

const CHAIN: ChainId = ChainId(5);
const OWNER: Address = Address::repeat_byte(1);
const ADA: Address = Address::repeat_byte(0xaa);
const BOB: Address = Address::repeat_byte(0xbb);

/// A database with a chain's tables, a registered asset, and the work that speaks for it.
async fn stage() -> Result<(PgPool, i64)> {
    let pool = testkit::database().await?;
    sqlx::query("SELECT chain.create_generation($1, 1, true), chain.attach_generation($1, 1)")
        .bind(CHAIN.get())
        .execute(&pool)
        .await?;
    let mut tx = pool.begin().await?;
    sqlx::query("SELECT set_config('search_path', 'chain_5_1, chain, public', true)").execute(&mut *tx).await?;
    sqlx::query(
        "INSERT INTO registrations (chain_id, block_number, log_index, tx_hash, at, asset_id, registrant, first_owner, kind,
                                    open, content_hash, royalty_bps, cid, shares, parents)
         VALUES ($1, 1, 0, $2, now(), 1, $3, $3, 'CODE', true, $2, 0, '', $4::jsonb, '{}')",
    )
    .bind(CHAIN.get())
    .bind([7_u8; 32].as_slice())
    .bind(OWNER.as_slice())
    .bind(format!(r#"[{{"account": "{OWNER}", "bps": 10000}}]"#))
    .execute(&mut *tx)
    .await?;
    sqlx::query("SELECT chain.refresh_assets($1, ARRAY[1::bigint])").bind(CHAIN.get()).execute(&mut *tx).await?;
    tx.commit().await?;
    let work = sqlx::query_scalar(
        "INSERT INTO works (owner, kind, title, source, source_key) VALUES ($1, 'CODE', 'Work', 'upload', 'x') RETURNING id",
    )
    .bind(OWNER.as_slice())
    .fetch_one(&pool)
    .await?;
    sqlx::query("INSERT INTO work_versions (work_id, content_hash, cid) VALUES ($1, $2, 'bafy')")
        .bind(work)
        .bind([7_u8; 32].as_slice())
        .execute(&pool)
        .await?;
    Ok((pool, work))
}

fn by(contributor: &str, triggered_by: &[&str], reference: &str, cost: i64) -> NewContribution {
    NewContribution {
        contributor: contributor.to_owned(),
        name: None,
        triggered_by: triggered_by.iter().map(|key| (*key).to_owned()).collect(),
        kind: "MANUAL_LABOR".to_owned(),
        cost: Decimal::from(cost),
        coherence: Decimal::new(5, 1),
        basis: None,
        evidence_kind: Evidence::Declared,
        evidence: None,
        source_key: reference.to_owned(),
        summary: String::new(),
        occurred_at: DateTime::UNIX_EPOCH,
    }
}

async fn record(tx: &mut PgConnection, work_id: i64, state: State, new: &[NewContribution]) -> Result<Vec<i64>> {
    let keys = new.iter().flat_map(|one| [&one.contributor].into_iter().chain(&one.triggered_by));
    let people: Vec<Someone> = keys.map(|key| Someone { key: key.clone(), name: key.clone() }).collect();
    contributions::introduce(tx, &people).await?;
    let record = Record { work_id, recorded_by: OWNER, state, corrects: None };
    Ok(contributions::record(tx, record, new).await?)
}

/// The asset's contributions as a division takes them: who is paid in the end, and the cost in whole dollars.
async fn counted(tx: &mut PgConnection) -> Result<Vec<(Option<Recipient>, u64)>> {
    let lineage = pots::lineage(tx, CHAIN, 1).await?;
    let work = &lineage.graph.works()[lineage.start.0 as usize];
    assert_eq!(work.key, WorkKey::Asset(domain::AssetId(1)));
    let dollar = U256::from(10).pow(U256::from(12));
    let paid = |contributor: &Contributor| contributor.human().cloned();
    Ok(work.contributions.iter().map(|one| (paid(&one.contributor), (one.weight.0 / dollar).to())).collect())
}

fn account(account: Address) -> Option<Recipient> {
    Some(Recipient::Account(account))
}

#[tokio::test]
async fn only_what_is_accepted_counts() -> Result<()> {
    let (pool, work) = stage().await?;
    let mut conn = pool.acquire().await?;
    let ada = format!("account:{}", ADA.to_checksum(None));
    let accepted =
        record(&mut conn, work, State::Accepted, &[by(&ada, &[], "one", 3), by(&ada, &[], "two", 5)]).await?;
    let proposed = record(&mut conn, work, State::Proposed, &[by(&ada, &[], "three", 7)]).await?;
    assert_eq!((accepted.len(), proposed.len()), (2, 1));
    assert_eq!(counted(&mut conn).await?, [(account(ADA), 3), (account(ADA), 5)]);
    for (state, id, sum) in [("accepted", proposed[0], 15), ("rejected", proposed[0], 8), ("corrected", accepted[1], 3)]
    {
        sqlx::query("UPDATE contributions SET state = $2, decided_by = recorded_by, decided_at = now() WHERE id = $1")
            .bind(id)
            .bind(state)
            .execute(&mut *conn)
            .await?;
        assert_eq!(counted(&mut conn).await?.iter().map(|(_, cost)| cost).sum::<u64>(), sum, "{state}");
    }
    // Whatever became of it, it is known when it comes again.
    let again = [by(&ada, &[], "one", 3), by(&ada, &[], "two", 5), by(&ada, &[], "three", 7)];
    assert!(record(&mut conn, work, State::Accepted, &again).await?.is_empty());
    assert_eq!(counted(&mut conn).await?, [(account(ADA), 3)]);
    Ok(())
}

#[tokio::test]
async fn a_tools_share_goes_to_whoever_set_it_to_work_each_time() -> Result<()> {
    let (pool, work) = stage().await?;
    let mut conn = pool.acquire().await?;
    let (ada, bob) = (format!("account:{}", ADA.to_checksum(None)), format!("account:{}", BOB.to_checksum(None)));
    let new = [
        by("tool:model", &[&ada], "one", 1),
        by("tool:model", &[&bob], "two", 2),
        by("tool:model", &["tool:agent", "tool:ci", &ada], "three", 3),
        by("tool:agent", &["tool:model", &bob], "four", 4),
        by("tool:model", &[], "five", 5),
        by("tool:model", &["mailto:eve@example.org"], "six", 6),
    ];
    record(&mut conn, work, State::Accepted, &new).await?;
    let people = counted(&mut conn).await?;
    let expected = [(account(ADA), 1), (account(BOB), 2), (account(ADA), 3), (account(BOB), 4), (None, 5)];
    assert_eq!(people[..5], expected);
    let Some(Recipient::Reserved(eve)) = &people[5].0 else { panic!("{people:?}") };
    assert_eq!(eve.to_string(), format!("identity:work/{work}/mailto:eve@example.org"));

    // Who only set a tool to work can be linked to an account as well.
    let identity: Identity = "mailto:eve@example.org".parse()?;
    let claim = identities::Claim { identity: &identity, account: BOB, statement: "mine", signature: &[1] };
    let mut tx = pool.begin().await?;
    let (id, new) = identities::claim(&mut tx, &claim).await?;
    assert!(new);
    identities::decide(&mut tx, id, Address::repeat_byte(9), true, "").await?;
    tx.commit().await?;
    assert_eq!(counted(&mut conn).await?, people, "another owner's word");
    let mut tx = pool.begin().await?;
    assert!(identities::decide(&mut tx, id, OWNER, true, "").await?);
    assert!(!identities::decide(&mut tx, id, OWNER, true, "").await?, "decided before");
    tx.commit().await?;
    assert_eq!(counted(&mut conn).await?[5], (account(BOB), 6));
    Ok(())
}

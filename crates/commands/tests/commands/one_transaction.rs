//! Commands without HTTP: several of them are one transaction, and nothing of them is true before it commits.

use alloy::primitives::B256;
use anyhow::Result;
use commands::{
    Actor, Conflict, Error, Tx,
    changes::Changes,
    correct_contribution::correct,
    create_work::{self, NewWork},
    decide_contributions::decide,
    record_contributions::{New, record},
    set_policy::{self, Policy},
};
use domain::{
    contribution::{Cost, Proposals, State, Verdict},
    identity::Identity,
};
use facts::ChainId;
use sqlx::PgPool;

const CHAIN: ChainId = ChainId(31_337);

fn hour(reference: &str, by: Actor) -> New {
    let given = Changes {
        contributor: Some(Identity::Account(by.0)),
        kind: Some("MANUAL_LABOR".into()),
        cost: Cost::declared("1.5").ok(),
        ..Changes::default()
    };
    New { reference: reference.into(), given }
}

async fn count(pool: &PgPool, table: &'static str) -> Result<i64> {
    let query = format!("SELECT count(*) FROM {table}");
    Ok(sqlx::query_scalar(sqlx::AssertSqlSafe(query)).fetch_one(pool).await?)
}

/// A work is created, and what somebody proposes to it accepted and corrected: the work and the newest revision.
async fn story(tx: &mut Tx, owner: Actor, ada: Actor, content_hash: B256) -> Result<(i64, i64)> {
    sqlx::query("INSERT INTO uploads (content_hash, account, cid, size) VALUES ($1, $2, 'bafk', 1)")
        .bind(content_hash.as_slice())
        .bind(owner.0.as_slice())
        .execute(&mut **tx)
        .await?;
    let new = NewWork { kind: "CODE".into(), title: " Library ".into(), description: String::new(), content_hash };
    let work = create_work::create(tx, CHAIN, owner, new).await?;
    assert_eq!(work.title, "Library");
    let recorded = record(tx, ada, work.id, &[hour("one", ada), hour("two", ada)]).await?;
    assert_eq!((recorded.new, recorded.state), (2, State::Proposed));
    let again = record(tx, ada, work.id, &[hour("one", ada)]).await?;
    assert_eq!(again.new, 0, "what comes again is known");
    let ids: Vec<i64> = sqlx::query_scalar("SELECT id FROM contributions ORDER BY id").fetch_all(&mut **tx).await?;
    assert_eq!(decide(tx, owner, &ids[..1], Verdict::Accept, "").await?, 1);
    assert_eq!(decide(tx, owner, &[ids[0], ids[0]], Verdict::Accept, "").await?, 0, "decided so before");
    let turned = decide(tx, owner, &ids[..1], Verdict::Reject, "").await;
    let decided = Conflict::Decided { id: ids[0], state: State::Accepted };
    assert!(matches!(turned, Err(Error::Conflict(conflict)) if conflict == decided));
    assert!(matches!(decide(tx, ada, &ids[..1], Verdict::Accept, "").await, Err(Error::NotFound(_))));
    let changes = Changes { cost: Cost::declared("2").ok(), ..Changes::default() };
    let corrected = correct(tx, owner, ids[0], &changes).await?;
    assert_eq!((corrected.revision, corrected.state), (1, State::Accepted));
    let empty = correct(tx, owner, corrected.id, &Changes::default()).await;
    assert!(matches!(&empty, Err(Error::Refused(faults)) if faults[0].code() == "correction_empty"), "{empty:?}");

    let closed = Policy { proposals: Proposals::Nobody, preaccepted: true };
    assert!(matches!(set_policy::set(tx, ada, work.id, closed).await, Err(Error::NotFound(_))));
    set_policy::set(tx, owner, work.id, closed).await?;
    let refused = record(tx, ada, work.id, &[hour("three", ada)]).await;
    assert!(matches!(refused, Err(Error::ProposalsClosed { from: Proposals::Nobody, .. })), "{refused:?}");
    Ok((work.id, corrected.id))
}

#[tokio::test]
async fn several_commands_are_one_transaction() -> Result<()> {
    let pool = testkit::database().await?;
    let (owner, ada) = (Actor(testkit::account(1)), Actor(testkit::account(2)));
    let content = B256::repeat_byte(7);
    let tables = ["uploads", "works", "work_versions", "contributions", "contributors", "ledger.pending"];

    let mut tx = pool.begin().await?;
    story(&mut tx, owner, ada, content).await?;
    tx.rollback().await?;
    for table in tables {
        assert_eq!(count(&pool, table).await?, 0, "{table}");
    }

    let mut tx = pool.begin().await?;
    let (work, corrected) = story(&mut tx, owner, ada, content).await?;
    tx.commit().await?;
    for table in tables {
        assert!(count(&pool, table).await? > 0, "{table}");
    }
    let states: Vec<(i64, String)> =
        sqlx::query_as("SELECT id, state FROM contributions WHERE work_id = $1 AND state = 'accepted'")
            .bind(work)
            .fetch_all(&pool)
            .await?;
    assert_eq!(states, [(corrected, "accepted".to_owned())]);

    // A constraint of the database is told as the rule that it stands for.
    let mut tx = pool.begin().await?;
    let new = NewWork { kind: "CODE".into(), title: "Again".into(), description: String::new(), content_hash: content };
    let again = create_work::create(&mut tx, CHAIN, owner, new).await;
    assert!(matches!(again, Err(Error::Conflict(Conflict::DuplicateWork))), "{again:?}");
    Ok(())
}

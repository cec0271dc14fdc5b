//! What is appended is sealed once, whole, in an order in which causes come first; and then it can be read and proved.

use std::{
    collections::BTreeSet,
    sync::atomic::{AtomicBool, Ordering},
    time::Duration,
};

use anyhow::Result;
use domain::ledger::{
    Canonical, Entry, NewEvent,
    chain::verify_chain,
    tree::{self, verify_consistency, verify_proof},
};
use serde_json::json;
use sqlx::{Connection, PgConnection, PgPool};
use store::ledger;

use super::{append, entries, event, order, seal, sealed, verify};

const PATIENCE: Duration = Duration::from_secs(60);

#[tokio::test]
async fn what_was_appended_is_read_as_it_was() -> Result<()> {
    let pool = sealed(300).await?;
    let entries = entries(&pool).await?;
    let verified = verify_chain(entries.clone())?;
    assert_eq!(verified.size(), 300);
    for (n, entry) in (1..).zip(&entries) {
        let expected = event(n).numbered(n, entry.event.at);
        assert_eq!(entry.event, expected);
    }
    let through = super::verify(&pool).await??;
    assert_eq!((through.head.size, through.head.hash), (300, verified.hash()));
    let mut conn = pool.acquire().await?;
    assert_eq!(through.root, Some(ledger::root_at(&mut conn, 300).await?));
    assert_eq!(ledger::entry(&mut conn, 301).await?, None);
    assert_eq!(ledger::entry(&mut conn, u64::MAX).await?, None);
    Ok(())
}

#[tokio::test]
async fn streams_are_read_by_page_and_as_of_an_entry() -> Result<()> {
    let pool = sealed(100).await?;
    let mut conn = pool.acquire().await?;
    let (mut after, mut read) = (0, Vec::new());
    loop {
        let page = ledger::history(&mut conn, "asset:1:1", after, 50, 5).await?;
        let Some(last) = page.last() else { break };
        after = last.event.seq;
        read.extend(page.into_iter().map(|entry| entry.event.seq));
    }
    assert_eq!(read, (1..=50).filter(|n| n % 3 == 1).collect::<Vec<u64>>());
    let newest = ledger::newest(&mut conn, "contributor:\"0\\", u64::MAX, 3).await?;
    assert_eq!(newest.iter().map(|entry| entry.event.seq).collect::<Vec<_>>(), [100, 98, 96]);
    let before = ledger::newest(&mut conn, "contributor:\"0\\", 96, 1).await?;
    assert_eq!(before[0].event.seq, 94);
    assert!(ledger::history(&mut conn, "asset:1:9", 0, u64::MAX, 5).await?.is_empty());
    let range = |entries: Vec<Entry>| entries.iter().map(|entry| entry.event.seq).collect::<Vec<_>>();
    assert_eq!(range(ledger::range(&mut conn, 97, u64::MAX, 5).await?), [98, 99, 100]);
    assert_eq!(range(ledger::range(&mut conn, 10, 13, 2).await?), [11, 12]);
    Ok(())
}

#[tokio::test]
async fn every_proof_from_stored_nodes_holds() -> Result<()> {
    const SIZE: u64 = 333;
    let pool = sealed(SIZE).await?;
    let entries = entries(&pool).await?;
    let mut conn = pool.acquire().await?;
    let mut frontier = tree::Frontier::default();
    let mut roots = vec![None];
    for entry in &entries {
        frontier.push(tree::leaf(entry.event.seq, entry.hash), |_, _| ());
        roots.push(frontier.root());
    }
    let root = |size: u64| roots[size as usize].unwrap();
    for size in [1, 2, 63, 64, 65, 127, 128, 192, 200, 256, 320, SIZE] {
        assert_eq!(ledger::root_at(&mut conn, size).await?, root(size), "size {size}");
        for seq in [1, 2, 63, 64, 65, 100, 128, 191, 250, 257, 321, SIZE] {
            let proof = ledger::proof(&mut conn, seq, size).await;
            if seq > size {
                assert!(proof.is_err());
                continue;
            }
            let hash = entries[seq as usize - 1].hash;
            assert!(verify_proof(root(size), size, seq, hash, &proof?), "entry {seq} of {size}");
        }
        for from in [1, 64, 100, 128, 300] {
            let proof = ledger::consistency(&mut conn, from, size).await;
            if from > size {
                assert!(proof.is_err());
                continue;
            }
            assert!(verify_consistency((from, root(from)), (size, root(size)), &proof?), "{from} to {size}");
        }
    }
    for refused in [ledger::root_at(&mut conn, SIZE + 1).await, ledger::root_at(&mut conn, 0).await] {
        assert!(refused.is_err());
    }
    assert!(ledger::proof(&mut conn, 1, SIZE + 1).await.is_err());
    assert!(ledger::consistency(&mut conn, 1, SIZE + 1).await.is_err());
    // One node for 32 entries.
    let nodes: i64 = sqlx::query_scalar("SELECT count(*) FROM ledger.nodes").fetch_one(&pool).await?;
    assert_eq!(nodes, 5 + 2 + 1);
    Ok(())
}

#[tokio::test]
async fn an_event_is_in_the_ledger_if_and_only_if_its_transaction_is() -> Result<()> {
    let pool = testkit::database().await?;
    assert_eq!(seal(&pool, 10).await?, 0);
    let mut lost = pool.begin().await?;
    ledger::append(&mut lost, &[event(1)]).await?;
    append(&pool, 2, 2, 1).await?;
    // One that runs holds nobody up, and is not seen.
    assert_eq!(seal(&pool, 10).await?, 1);
    lost.rollback().await?;
    let mut part = pool.begin().await?;
    ledger::append(&mut part, &[event(3)]).await?;
    let mut inner = Connection::begin(&mut *part).await?;
    ledger::append(&mut inner, &[event(4)]).await?;
    inner.rollback().await?;
    ledger::append(&mut part, &[event(5), event(6)]).await?;
    ledger::append(&mut part, &[]).await?;
    part.commit().await?;
    assert_eq!(seal(&pool, 10).await?, 3);
    assert_eq!(order(&pool).await?, ["contribution:2", "contribution:3", "contribution:5", "contribution:6"]);
    verify(&pool).await??;
    Ok(())
}

/// The order in which transactions began, wrote and got their ids says nothing about what they saw.
#[tokio::test]
async fn who_saw_anothers_effect_comes_after_it() -> Result<()> {
    let pool = testkit::database().await?;
    let mut first = pool.begin().await?;
    // It has the lower transaction id, and its event the lower id, ...
    sqlx::query("SELECT pg_current_xact_id()").execute(&mut *first).await?;
    ledger::append(&mut first, &[event(2)]).await?;
    append(&pool, 1, 1, 1).await?;
    // ... but it sees what the other did, and so it comes later.
    let seen: i64 = sqlx::query_scalar("SELECT count(*) FROM ledger.pending").fetch_one(&mut *first).await?;
    assert_eq!(seen, 2);
    ledger::append(&mut first, &[event(3)]).await?;
    first.commit().await?;
    append(&pool, 4, 4, 1).await?;
    // However few are sealed at a time.
    assert_eq!(seal(&pool, 1).await?, 4);
    assert_eq!(order(&pool).await?, [1, 2, 3, 4].map(|n| format!("contribution:{n}")));
    Ok(())
}

/// A sealer's transaction that ends at any point leaves everything as it was: no call of `seal` does anything else.
#[tokio::test]
async fn a_sealer_killed_anywhere_loses_and_repeats_nothing() -> Result<()> {
    let pool = testkit::database().await?;
    append(&pool, 1, 200, 3).await?;
    let mut killed = 0;
    for polls in 1.. {
        // A connection of its own: dropped in the midst of a statement, it is closed as by a crash.
        let mut conn = PgConnection::connect_with(&pool.connect_options()).await?;
        sqlx::raw_sql("BEGIN").execute(&mut conn).await?;
        let finished = testkit::polled(ledger::seal(&mut conn, 20), polls).await;
        drop(conn);
        let head: i64 = sqlx::query_scalar("SELECT size FROM ledger.head").fetch_one(&pool).await?;
        assert_eq!(head, 0);
        if let Some(sealed) = finished {
            // This one was killed after its last statement, before it committed.
            assert!(sealed?.events > 0);
            break;
        }
        killed += 1;
    }
    // How many points there are depends on how quickly the server answers.
    assert!(killed > 0, "it was killed nowhere");
    assert_eq!(seal(&pool, 20).await?, 200);
    assert_eq!(order(&pool).await?, (1..=200).map(|n| format!("contribution:{n}")).collect::<Vec<_>>());
    verify(&pool).await??;
    Ok(())
}

/// Many writers that read each other's counter, transactions that fail, and two sealers, one of which fails again and
/// again: everything committed is there once, and within the counter's stream in the order of the counter.
#[tokio::test]
async fn concurrent_writers_and_sealers() -> Result<()> {
    const WRITERS: u64 = 6;
    const EACH: u64 = 40;
    let pool = testkit::database().await?;
    sqlx::query("CREATE TABLE counter (n bigint)").execute(&pool).await?;
    sqlx::query("INSERT INTO counter VALUES (0)").execute(&pool).await?;
    let write = async |writer: u64| -> Result<()> {
        for round in 0..EACH {
            let mut tx = pool.begin().await?;
            ledger::append(&mut tx, &[event(1_000 * writer + round)]).await?;
            let n: i64 = sqlx::query_scalar("UPDATE counter SET n = n + 1 RETURNING n").fetch_one(&mut *tx).await?;
            let body = Canonical::of(&json!({"n": n})).unwrap();
            ledger::append(&mut tx, &[NewEvent::new("counted", "counter", ["counter"], body).unwrap()]).await?;
            if round % 5 == writer % 5 {
                tx.rollback().await?;
            } else {
                tx.commit().await?;
            }
        }
        Ok(())
    };
    let done = AtomicBool::new(false);
    let sealer = async |fails: bool| -> Result<u64> {
        let mut sealed = 0;
        for round in 1.. {
            let last = done.load(Ordering::Relaxed);
            let mut tx = pool.begin().await?;
            let events = ledger::seal(&mut tx, 7).await?.events;
            if fails && round % 3 == 0 {
                tx.rollback().await?;
                continue;
            }
            tx.commit().await?;
            sealed += events;
            if last && events == 0 {
                break;
            }
        }
        Ok(sealed)
    };
    let writers = async {
        let result = tokio::try_join!(write(0), write(1), write(2), write(3), write(4), write(5));
        done.store(true, Ordering::Relaxed);
        result
    };
    let all = async { tokio::try_join!(writers, sealer(false), sealer(true)) };
    let (_, first, second) = tokio::time::timeout(PATIENCE, all).await??;
    let expected = WRITERS * EACH * 4 / 5 * 2;
    assert_eq!(first + second, expected);
    verify(&pool).await??;
    let subjects = order(&pool).await?;
    let distinct: BTreeSet<&String> = subjects.iter().filter(|subject| *subject != "counter").collect();
    assert_eq!(distinct.len() as u64, expected / 2);
    let mut conn = pool.acquire().await?;
    let counted = ledger::history(&mut conn, "counter", 0, u64::MAX, 1_000).await?;
    let bodies: Vec<String> = counted.into_iter().map(|entry| entry.event.body).collect();
    assert_eq!(bodies, (1..=expected / 2).map(|n| format!("{{\"n\":{n}}}")).collect::<Vec<_>>());
    Ok(())
}

#[tokio::test]
async fn what_others_put_into_pending_stops_sealing_in_sight() -> Result<()> {
    let pool = testkit::database().await?;
    append(&pool, 1, 3, 1).await?;
    for events in [
        "nonsense",
        r#"[{"kind":"k","subject":"s","streams":[],"body":{"b":1.5}}]"#,
        r#"[{"kind":"","subject":"s","streams":[],"body":{}}]"#,
    ] {
        sqlx::query("INSERT INTO ledger.pending (events) VALUES ($1)").bind(events).execute(&pool).await?;
        let error = seal(&pool, 10).await.unwrap_err().to_string();
        assert!(error.contains("ledger.pending"), "{error}");
        sqlx::query("DELETE FROM ledger.pending WHERE events = $1").bind(events).execute(&pool).await?;
    }
    assert_eq!(seal(&pool, 10).await?, 3);
    Ok(())
}

/// As the migration says it: a role that may append and read, and one that may seal on top of that.
#[tokio::test]
async fn privileges_allow_appending_and_nothing_else() -> Result<()> {
    let pool = sealed(3).await?;
    let roles = "CREATE ROLE ledger_app; CREATE ROLE ledger_sealer IN ROLE ledger_app;
        GRANT USAGE ON SCHEMA ledger TO ledger_app;
        GRANT INSERT, SELECT (id) ON ledger.pending TO ledger_app;
        GRANT SELECT ON ledger.events, ledger.streams, ledger.nodes, ledger.head TO ledger_app;
        GRANT SELECT, DELETE ON ledger.pending TO ledger_sealer;
        GRANT INSERT ON ledger.events, ledger.streams, ledger.nodes TO ledger_sealer;
        GRANT UPDATE ON ledger.head TO ledger_sealer;
        SET LOCAL ROLE ledger_app";
    // Roles belong to the whole server: these are gone with the transaction.
    let mut tx = pool.begin().await?;
    sqlx::raw_sql(roles).execute(&mut *tx).await?;
    ledger::append(&mut tx, &[event(4)]).await?;
    // What a deferred trigger does at a commit.
    sqlx::query("SET CONSTRAINTS ALL IMMEDIATE").execute(&mut *tx).await?;
    let waiting: i64 = sqlx::query_scalar("SELECT count(*) FROM ledger.pending").fetch_one(&mut *tx).await?;
    assert_eq!(waiting, 1);
    assert_eq!(ledger::newest(&mut tx, "contributor:\"1\\", u64::MAX, 1).await?[0].event.seq, 3);
    for refused in [
        "UPDATE ledger.pending SET events = ''",
        "DELETE FROM ledger.pending",
        "SELECT events FROM ledger.pending",
        "INSERT INTO ledger.streams VALUES ('x', 1)",
        "UPDATE ledger.events SET kind = 'x'",
        "DELETE FROM ledger.events",
        "TRUNCATE ledger.events",
        "UPDATE ledger.head SET size = 0",
        "DELETE FROM ledger.nodes",
        "ALTER TABLE ledger.events DISABLE TRIGGER only_grows",
    ] {
        let error = refused_in(&mut tx, refused).await?;
        assert!(error.contains("permission denied") || error.contains("must be owner"), "{refused}: {error}");
    }
    sqlx::raw_sql("SET LOCAL ROLE ledger_sealer").execute(&mut *tx).await?;
    assert_eq!(ledger::seal(&mut tx, 10).await?, ledger::Sealed { events: 1, size: 4 });
    for refused in ["UPDATE ledger.events SET kind = 'x'", "DELETE FROM ledger.streams", "DELETE FROM ledger.head"] {
        assert!(refused_in(&mut tx, refused).await?.contains("permission denied"), "{refused}");
    }
    tx.rollback().await?;
    Ok(())
}

#[tokio::test]
async fn not_even_the_owner_changes_an_event() -> Result<()> {
    let pool = sealed(3).await?;
    for table in ["events", "streams", "nodes"] {
        for change in ["DELETE FROM", "TRUNCATE"] {
            let change = format!("{change} ledger.{table}");
            assert!(refused(&pool, &change).await?.contains("the ledger only grows"), "{change}");
        }
    }
    for change in [
        "UPDATE ledger.events SET kind = 'x' WHERE seq = 2",
        "UPDATE ledger.streams SET seq = 1",
        "DELETE FROM ledger.head",
        "SET session_replication_role = replica; DELETE FROM ledger.events",
    ] {
        assert!(refused(&pool, change).await?.contains("the ledger only grows"), "{change}");
    }
    verify(&pool).await??;
    Ok(())
}

async fn refused(pool: &PgPool, statement: &str) -> Result<String> {
    let mut tx = pool.begin().await?;
    refused_in(&mut tx, statement).await
}

/// What the server says to a statement that must fail; the transaction goes on.
async fn refused_in(tx: &mut PgConnection, statement: &str) -> Result<String> {
    let mut inner = Connection::begin(&mut *tx).await?;
    let result = sqlx::raw_sql(sqlx::AssertSqlSafe(statement.to_owned())).execute(&mut *inner).await;
    inner.rollback().await?;
    Ok(result.expect_err(statement).to_string())
}

//! Each event is taken once by each reader, in an order that misses none, whenever its transaction ends.

use std::{
    collections::BTreeSet,
    sync::atomic::{AtomicUsize, Ordering},
    time::Duration,
};

use anyhow::Result;
use facts::{ChainId, DeliveryReceived, Fact, IncomeReceived, NewFact, Place, Stream, Subject, TraceContext};
use sqlx::PgPool;
use store::{
    facts::{outbox, tell_one, trace},
    payouts::pots,
};

const PATIENCE: Duration = Duration::from_secs(30);

/// A fact that is known by a number.
fn fact(work: i64) -> NewFact {
    let body = DeliveryReceived { work: work.into() };
    NewFact::new(Subject::Work { work: work.into() }, [Stream::work(work)], Fact::GithubDelivered(body))
}

async fn tell(pool: &PgPool, work: i64) -> Result<()> {
    let mut tx = pool.begin().await?;
    tell_one(&mut tx, fact(work)).await?;
    tx.commit().await?;
    Ok(())
}

/// Takes events in a transaction that ends well.
async fn take(pool: &PgPool, reader: &str, limit: i64) -> Result<Vec<i64>> {
    let mut tx = pool.begin().await?;
    let taken = outbox::take(&mut tx, reader, limit).await?;
    tx.commit().await?;
    numbers(taken)
}

fn numbers(taken: outbox::Taken) -> Result<Vec<i64>> {
    anyhow::ensure!(taken.unreadable.is_empty(), "{:?}", taken.unreadable);
    let number = |subject| match subject {
        Subject::Work { work } => work.0,
        other => panic!("{other}"),
    };
    Ok(taken.facts.into_iter().map(|fact| number(fact.subject)).collect())
}

/// Takes so many events, one round after the other: any older transaction of the server, also of another test, holds
/// them back while it runs.
async fn take_all(pool: &PgPool, reader: &str, count: usize, limit: i64) -> Result<Vec<i64>> {
    let mut taken = Vec::new();
    tokio::time::timeout(PATIENCE, async {
        while taken.len() < count {
            taken.extend(take(pool, reader, limit).await?);
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        anyhow::Ok(())
    })
    .await??;
    Ok(taken)
}

#[tokio::test]
async fn a_transaction_that_commits_late_is_not_missed() -> Result<()> {
    let pool = testkit::database().await?;
    let mut late = pool.begin().await?;
    const LATE: i64 = 1;
    const EARLY: i64 = 2;
    tell_one(&mut late, fact(LATE)).await?;
    tell(&pool, EARLY).await?;
    // The early one has the higher id and is committed; it waits, because taking it would put the place behind the late one.
    assert!(take(&pool, "r", 10).await?.is_empty());
    late.commit().await?;
    assert_eq!(take_all(&pool, "r", 2, 10).await?, [LATE, EARLY]);

    // Ids out of order: a transaction that began first stores last.
    let mut first = pool.begin().await?;
    sqlx::query("SELECT pg_current_xact_id()").execute(&mut *first).await?;
    const LOWER_ID_LATER_TRANSACTION: i64 = 3;
    const HIGHER_ID_EARLIER_TRANSACTION: i64 = 4;
    tell(&pool, LOWER_ID_LATER_TRANSACTION).await?;
    tell_one(&mut first, fact(HIGHER_ID_EARLIER_TRANSACTION)).await?;
    first.commit().await?;
    let expected = [HIGHER_ID_EARLIER_TRANSACTION, LOWER_ID_LATER_TRANSACTION];
    assert_eq!(take_all(&pool, "r", 2, 1).await?, expected);
    assert!(take(&pool, "r", 1).await?.is_empty());
    // A reader of another name has its own place, and one that fails keeps its own.
    let mut failing = pool.begin().await?;
    outbox::take(&mut failing, "other", 10).await?;
    failing.rollback().await?;
    assert_eq!(take_all(&pool, "other", 4, 10).await?.len(), 4);
    Ok(())
}

/// A market at rest asks again and again, and must not write each time.
#[tokio::test]
async fn a_reader_with_nothing_to_read_writes_nothing() -> Result<()> {
    let pool = testkit::database().await?;
    tell(&pool, 1).await?;
    assert_eq!(take_all(&pool, "r", 1, 10).await?, [1]);
    let mut tx = pool.begin().await?;
    outbox::take(&mut tx, "r", 10).await?;
    let assigned: Option<String> =
        sqlx::query_scalar("SELECT pg_current_xact_id_if_assigned()::text").fetch_one(&mut *tx).await?;
    assert_eq!(assigned, None, "a transaction that locks or writes has a number");
    Ok(())
}

#[tokio::test]
async fn two_readers_at_once_take_each_event_once() -> Result<()> {
    const EVENTS: usize = 300;
    let pool = testkit::database().await?;
    let write = async |writer: usize| -> Result<()> {
        for n in 0..EVENTS / 3 {
            let mut tx = pool.begin().await?;
            tell_one(&mut tx, fact((writer * EVENTS + n) as i64)).await?;
            if n % 7 == writer {
                tokio::time::sleep(Duration::from_millis(3)).await;
            }
            tx.commit().await?;
        }
        Ok(())
    };
    let left = AtomicUsize::new(EVENTS);
    let read = async |fails: bool| -> Result<Vec<i64>> {
        let mut taken = Vec::new();
        for round in 1.. {
            if left.load(Ordering::Relaxed) == 0 {
                break;
            }
            let mut tx = pool.begin().await?;
            let events = outbox::take(&mut tx, "r", 7).await?;
            if fails && round % 3 == 0 {
                // What a reader did with its events goes with its transaction, and the events come again.
                tx.rollback().await?;
                continue;
            }
            tx.commit().await?;
            left.fetch_sub(events.len(), Ordering::Relaxed);
            taken.extend(numbers(events)?);
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
        Ok(taken)
    };
    let all = async { tokio::try_join!(write(0), write(1), write(2), read(false), read(true)) };
    let (_, _, _, first, second) = tokio::time::timeout(PATIENCE, all).await??;
    assert!(take(&pool, "r", 1).await?.is_empty());
    let all: BTreeSet<&i64> = first.iter().chain(&second).collect();
    assert_eq!((all.len(), first.len() + second.len()), (EVENTS, EVENTS));
    Ok(())
}

#[tokio::test]
async fn a_fact_is_read_with_all_that_surrounds_it_and_taken_back_word_for_word() -> Result<()> {
    let pool = testkit::database().await?;
    let (chain, account) = (ChainId(31337), alloy::primitives::Address::repeat_byte(7));
    let income = |block: u64, log: u32| NewFact {
        chain: Some(chain),
        place: Some(Place { block, log, transaction: alloy::primitives::B256::ZERO.into(), time: 0 }),
        subject: Subject::Asset { chain, asset: 7.into() },
        streams: vec![Stream::asset(chain, 7), Stream::account(account)],
        fact: Fact::IncomeReceived(IncomeReceived {
            asset: 7.into(),
            token: account.into(),
            payer: account.into(),
            amount: alloy::primitives::U256::MAX.into(),
            reason: "a gift".into(),
        }),
    };
    let cause: TraceContext = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01".parse()?;
    let told = [income(5, 0), income(6, 1), income(6, 2)];
    let mut tx = pool.begin().await?;
    trace::within(Some(cause), store::facts::tell(&mut tx, &told)).await?;
    tx.commit().await?;
    // Another chain's blocks have the same numbers.
    for (above, retracted) in [(6, 0), (5, 2), (5, 0), (4, 1)] {
        let mut tx = pool.begin().await?;
        assert_eq!(outbox::retract(&mut tx, ChainId(1), 0).await?, 0);
        assert_eq!(outbox::retract(&mut tx, chain, above).await?, retracted, "above {above}");
        tx.commit().await?;
    }
    let mut facts = Vec::new();
    tokio::time::timeout(PATIENCE, async {
        while facts.len() < 6 {
            let mut tx = pool.begin().await?;
            facts.extend(outbox::take(&mut tx, "r", 10).await?.facts);
            tx.commit().await?;
        }
        anyhow::Ok(())
    })
    .await??;
    let (before, after) = facts.split_at(3);
    for (fact, new) in before.iter().zip(&told) {
        assert_eq!((&fact.subject, &fact.streams, &fact.fact), (&new.subject, &new.streams, &new.fact));
        assert_eq!(
            (fact.chain, fact.block, fact.trace),
            (Some(chain), new.place.map(|place| place.block), Some(cause))
        );
        assert!(!fact.is_retracted());
    }
    for (retraction, taken_back) in after.iter().zip([2, 1, 0]) {
        assert_eq!(retraction.retracts, Some(before[taken_back].id), "the newest goes first");
        assert_eq!((&retraction.fact, &retraction.streams), (&before[taken_back].fact, &before[taken_back].streams));
    }
    Ok(())
}

#[tokio::test]
async fn rows_of_another_program_hold_nobody_up() -> Result<()> {
    let pool = testkit::database().await?;
    sqlx::query(
        "INSERT INTO outbox (topic, key, payload, version) VALUES
            ('asset.bought', 'asset:1:7', '{}', 1), ('income.finalized', 'chain:1', '{\"through\": 3}', 9),
            ('income.finalized', '31337', '{\"through\": 3}', 0)",
    )
    .execute(&pool)
    .await?;
    tell(&pool, 1).await?;
    let (mut facts, mut unreadable) = (Vec::new(), Vec::new());
    tokio::time::timeout(PATIENCE, async {
        while facts.len() + unreadable.len() < 4 {
            let mut tx = pool.begin().await?;
            let taken = outbox::take(&mut tx, "r", 10).await?;
            facts.extend(taken.facts);
            unreadable.extend(taken.unreadable);
            tx.commit().await?;
        }
        anyhow::Ok(())
    })
    .await??;
    assert_eq!(
        unreadable.iter().map(|row| row.kind.as_str()).collect::<Vec<_>>(),
        ["asset.bought", "income.finalized"]
    );
    assert_eq!(facts.iter().map(|fact| fact.chain).collect::<Vec<_>>(), [Some(ChainId(31337)), None]);
    Ok(())
}

#[tokio::test]
async fn every_chain_has_a_lock_of_its_own() -> Result<()> {
    let pool = testkit::database().await?;
    let mut transactions = Vec::new();
    // Ids beyond 32 bits exist: 2^31 is the first that an integer cannot hold.
    for chain in [1, 31337, 1 << 31, 1_313_161_554, (1 << 32) + 1, i64::MAX as u64] {
        let mut tx = pool.begin().await?;
        tokio::time::timeout(Duration::from_secs(5), pots::lock(&mut tx, ChainId(chain))).await??;
        transactions.push(tx);
    }
    let mut again = pool.begin().await?;
    let waits = tokio::time::timeout(Duration::from_millis(200), pots::lock(&mut again, ChainId(1 << 31))).await;
    assert!(waits.is_err(), "a lock was given twice");
    Ok(())
}

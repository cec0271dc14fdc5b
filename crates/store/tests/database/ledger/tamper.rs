//! What a superuser may do to the ledger's tables, and that each of it is found where it is.

use anyhow::Result;
use domain::{
    B256,
    ledger::{
        Entry,
        tree::{self, Frontier},
    },
};
use sqlx::PgConnection;
use store::ledger::{self, Fault};

use super::{entries, sealed};

const SIZE: u64 = 200;

/// What is done, and the entry and the words by which it is found.
const WAYS: &[(&str, &str, &str)] = &[
    ("body", "UPDATE ledger.events SET body = '{\"n\":1}' WHERE seq = 77", "entry 77: its hash says"),
    (
        "body, by a space",
        "UPDATE ledger.events SET body = '{ ' || substr(body, 2) WHERE seq = 77",
        "entry 77: its body is not in canonical form",
    ),
    ("kind", "UPDATE ledger.events SET kind = 'contribution.refused' WHERE seq = 1", "entry 1: its hash says"),
    ("subject", "UPDATE ledger.events SET subject = 'contribution:8' WHERE seq = 200", "entry 200: its hash says"),
    (
        "streams of an event",
        "UPDATE ledger.events SET streams = streams[1:1] WHERE seq = 64",
        "entry 64: its hash says",
    ),
    (
        "streams of an event, reordered",
        "UPDATE ledger.events SET streams = ARRAY[streams[2], streams[1]] WHERE seq = 64",
        "entry 64: its stream `asset",
    ),
    ("time", "UPDATE ledger.events SET at = at - interval '1 microsecond' WHERE seq = 100", "entry 100: its hash says"),
    ("time of all", "UPDATE ledger.events SET at = at - interval '1 day'", "entry 1: its hash says"),
    ("hash", "UPDATE ledger.events SET hash = sha256('x') WHERE seq = 9", "entry 9: its hash says"),
    ("previous hash", "UPDATE ledger.events SET previous = sha256('x') WHERE seq = 9", "entry 9: its hash says"),
    (
        "hash and the next one's link",
        "UPDATE ledger.events SET hash = sha256('x') WHERE seq = 9;
        UPDATE ledger.events SET previous = sha256('x') WHERE seq = 10",
        "entry 9: its hash says",
    ),
    (
        "two events swapped",
        "UPDATE ledger.events SET seq = CASE seq WHEN 50 THEN -51 ELSE -50 END WHERE seq IN (50, 51);
        UPDATE ledger.events SET seq = -seq WHERE seq < 0",
        "entry 50: its hash says",
    ),
    (
        "two bodies swapped",
        "UPDATE ledger.events e SET body = o.body FROM ledger.events o
        WHERE (e.seq, o.seq) IN ((20, 180), (180, 20))",
        "entry 20: its hash says",
    ),
    ("first deleted", "DELETE FROM ledger.events WHERE seq = 1", "entry 1: it is missing: after 0 comes 2"),
    ("middle deleted", "DELETE FROM ledger.events WHERE seq = 120", "entry 120: it is missing: after 119 comes 121"),
    (
        "several deleted",
        "DELETE FROM ledger.events WHERE seq BETWEEN 120 AND 150",
        "entry 120: it is missing: after 119 comes 151",
    ),
    ("last deleted", "DELETE FROM ledger.events WHERE seq = 200", "entry 200: it is missing: 200 entries were sealed"),
    (
        "last deleted, and the head",
        "DELETE FROM ledger.events WHERE seq = 200; UPDATE ledger.head SET size = 199,
        hash = (SELECT hash FROM ledger.events WHERE seq = 199)",
        "entry 200: it is listed in stream",
    ),
    ("all deleted", "DELETE FROM ledger.events", "entry 1: it is missing: 200 entries were sealed"),
    (
        "deleted and renumbered",
        "DELETE FROM ledger.events WHERE seq = 120;
        UPDATE ledger.events SET seq = -(seq - 1) WHERE seq > 120; UPDATE ledger.events SET seq = -seq WHERE seq < 0",
        "entry 120: its hash says",
    ),
    (
        "added at the end",
        "INSERT INTO ledger.events SELECT 201, at, kind, subject, '{}', body, hash, sha256('x') FROM ledger.events
        WHERE seq = 200",
        "entry 201: it was added by other hands: 200 entries were sealed",
    ),
    (
        "inserted and renumbered",
        "UPDATE ledger.events SET seq = -(seq + 1) WHERE seq >= 120; UPDATE ledger.events SET seq = -seq WHERE seq < 0;
        INSERT INTO ledger.events SELECT 120, at, kind, subject, streams, body, previous, hash FROM ledger.events
        WHERE seq = 119",
        "entry 120: its hash says",
    ),
    (
        "added before the first",
        "INSERT INTO ledger.events SELECT 0, at, kind, subject, '{}', body, previous, hash FROM ledger.events WHERE seq = 1",
        "entry 0: it comes after entry 0",
    ),
    (
        "taken out of a stream",
        "DELETE FROM ledger.streams WHERE seq = 33 AND stream = 'asset:1:0'",
        "entry 33: it belongs to stream `asset:1:0`, but is not listed",
    ),
    (
        "put into a stream",
        "INSERT INTO ledger.streams VALUES ('asset:1:2', 33)",
        "entry 33: it is listed in stream `asset:1:2`",
    ),
    (
        "put into a stream, without an event",
        "INSERT INTO ledger.streams VALUES ('asset:1:2', 201)",
        "entry 201: it is listed in stream `asset:1:2`",
    ),
    (
        "moved to another stream",
        "UPDATE ledger.streams SET stream = 'asset:9:9' WHERE seq = 33 AND stream = 'asset:1:0'",
        "entry 33",
    ),
    (
        "node",
        "UPDATE ledger.nodes SET hash = sha256('x') WHERE last = 128 AND level = 7",
        "entries up to 128: their node of level 7",
    ),
    ("node removed", "DELETE FROM ledger.nodes WHERE last = 64", "entries 1 to 64: their node of level 6 is missing"),
    ("node added", "INSERT INTO ledger.nodes VALUES (64, 8, sha256('x'))", "entries up to 64: their node of level 8"),
    (
        "node added behind the end",
        "INSERT INTO ledger.nodes VALUES (256, 6, sha256('x'))",
        "entries up to 256: their node of level 6",
    ),
    ("head's hash", "UPDATE ledger.head SET hash = sha256('x')", "ledger head: it says that entry 200 has hash"),
    ("head's size, lower", "UPDATE ledger.head SET size = 199", "ledger head: it says that entry 199 has hash"),
    ("head's size, higher", "UPDATE ledger.head SET size = 201", "entry 201: it is missing: 201 entries were sealed"),
    (
        "head set back",
        "UPDATE ledger.head SET size = 199, hash = (SELECT hash FROM ledger.events WHERE seq = 199)",
        "entry 200: it was added by other hands",
    ),
];

/// Does what the server would refuse: triggers and constraints are out of the way.
async fn tamper(tx: &mut PgConnection, statements: &str) -> Result<()> {
    for statement in [
        "ALTER TABLE ledger.events DISABLE TRIGGER ALL, DROP CONSTRAINT IF EXISTS events_seq_check",
        "ALTER TABLE ledger.streams DISABLE TRIGGER ALL",
        "ALTER TABLE ledger.nodes DISABLE TRIGGER ALL",
        "ALTER TABLE ledger.head DISABLE TRIGGER ALL",
        statements,
    ] {
        sqlx::raw_sql(sqlx::AssertSqlSafe(statement.to_owned())).execute(&mut *tx).await?;
    }
    Ok(())
}

#[tokio::test]
async fn every_way_of_tampering_is_found_where_it_is() -> Result<()> {
    let pool = sealed(SIZE).await?;
    super::verify(&pool).await??;
    for (name, statements, expected) in WAYS {
        // Every way begins with the untouched ledger, and is undone at its end.
        let mut tx = pool.begin().await?;
        tamper(&mut tx, statements).await?;
        let fault = ledger::verify(&mut tx, &[], |_, _| ()).await?.expect_err(name).to_string();
        assert!(fault.contains(expected), "{name}: {fault}");
        tx.rollback().await?;
    }
    assert!(WAYS.len() >= 20);
    Ok(())
}

/// Statements that make entry 100 another one and write all after it anew: events, nodes, head.
fn rewritten(mut entries: Vec<Entry>) -> [Vec<String>; 3] {
    entries[99].event.body = "{}".into();
    let (mut events, mut nodes) = (Vec::new(), Vec::new());
    let mut frontier = Frontier::default();
    for place in 0..entries.len() {
        if place >= 99 {
            entries[place] = Entry::after(entries[place - 1].hash, entries[place].event.clone());
        }
        let Entry { event, previous, hash } = &entries[place];
        if place >= 99 {
            let body = event.body.replace('\'', "''");
            let (previous, hash, seq) = (hex(*previous), hex(*hash), event.seq);
            events.push(format!(
                "UPDATE ledger.events SET body = '{body}', previous = {previous}, hash = {hash} WHERE seq = {seq}"
            ));
        }
        frontier.push(tree::leaf(event.seq, *hash), |node, hash| {
            let (last, level, hash) = (node.last(), node.level, hex(hash));
            nodes.push(format!("UPDATE ledger.nodes SET hash = {hash} WHERE last = {last} AND level = {level}"));
        });
    }
    [events, nodes, vec![format!("UPDATE ledger.head SET hash = {}", hex(entries[entries.len() - 1].hash))]]
}

fn hex(hash: B256) -> String {
    format!("decode('{}', 'hex')", alloy::hex::encode(hash))
}

#[tokio::test]
async fn writing_anew_what_follows_only_moves_where_it_is_found() -> Result<()> {
    let pool = sealed(SIZE).await?;
    let mut tx = pool.begin().await?;
    let mut anchored = Vec::new();
    for size in [50, 99, 150, 200] {
        anchored.push((size, ledger::root_at(&mut tx, size).await?));
    }
    let before = ledger::verify(&mut tx, &anchored, |_, _| ()).await??;
    let [events, nodes, head] = rewritten(entries(&pool).await?);
    for (statements, expected) in [
        (&events[..1], "entry 101: it follows an entry with hash"),
        (&events[1..], "entries up to 128: their node of level 6"),
        (&nodes[..], "ledger head: it says that entry 200 has hash"),
    ] {
        tamper(&mut tx, &statements.join(";")).await?;
        let fault = ledger::verify(&mut tx, &[], |_, _| ()).await?.unwrap_err().to_string();
        assert!(fault.contains(expected), "{fault}");
    }
    tamper(&mut tx, &head[0]).await?;
    let mut told = Vec::new();
    let after = ledger::verify(&mut tx, &[], |done, all| told.push((done, all))).await??;
    assert_ne!(before.root, after.root, "it holds together, and is another");
    assert_eq!(told, [(200, 200)]);

    // Only what was anchored is against that.
    let computed = ledger::root_at(&mut tx, 150).await?;
    let fault = ledger::verify(&mut tx, &anchored, |_, _| ()).await?.unwrap_err();
    assert_eq!(fault, Fault::Anchor { first: 100, size: 150, anchored: anchored[2].1, computed });
    assert!(fault.to_string().contains("entries 100 to 150: one of them is not what was anchored"));
    Ok(())
}

#[tokio::test]
async fn a_ledger_cut_short_is_found_by_what_was_anchored() -> Result<()> {
    let pool = sealed(SIZE).await?;
    let mut conn = pool.acquire().await?;
    let anchored = [(190, ledger::root_at(&mut conn, 190).await?)];
    tamper(
        &mut conn,
        "DELETE FROM ledger.events WHERE seq > 150; DELETE FROM ledger.streams WHERE seq > 150;
         DELETE FROM ledger.nodes WHERE last > 150;
         UPDATE ledger.head SET size = 150, hash = (SELECT hash FROM ledger.events WHERE seq = 150)",
    )
    .await?;
    ledger::verify(&mut conn, &[], |_, _| ()).await??;
    let fault = ledger::verify(&mut conn, &anchored, |_, _| ()).await?.unwrap_err();
    assert_eq!(fault, Fault::Shorter { size: 150, anchored: 190 });
    Ok(())
}

/// Sealing on top of a head that others moved would hide it: the numbers that are taken already refuse it.
#[tokio::test]
async fn a_head_set_back_cannot_be_sealed_upon() -> Result<()> {
    let pool = sealed(SIZE).await?;
    let mut conn = pool.acquire().await?;
    tamper(&mut conn, "UPDATE ledger.head SET size = 199, hash = (SELECT hash FROM ledger.events WHERE seq = 199)")
        .await?;
    super::append(&pool, 201, 202, 1).await?;
    let error = super::seal(&pool, 10).await.unwrap_err().to_string();
    assert!(error.contains("events_pkey"), "{error}");
    Ok(())
}

/// What is anchored next must extend what was anchored: only what came since is read again.
#[tokio::test]
async fn reading_on_from_an_anchor_finds_what_is_wrong_since_and_another_beginning() -> Result<()> {
    let pool = sealed(SIZE).await?;
    let mut conn = pool.acquire().await?;
    let (whole, anchored) = (ledger::root_at(&mut conn, SIZE).await?, ledger::root_at(&mut conn, 150).await?);
    let verified = ledger::verify_since(&mut conn, 150, anchored).await??;
    assert_eq!((verified.head.size, verified.root), (SIZE, Some(whole)));
    assert_eq!(ledger::verify_since(&mut conn, SIZE, whole).await??.root, Some(whole), "nothing came since");
    let fault = ledger::verify_since(&mut conn, 150, B256::ZERO).await?.unwrap_err();
    assert_eq!(fault, Fault::Anchor { first: 1, size: 150, anchored: B256::ZERO, computed: anchored });
    let fault = ledger::verify_since(&mut conn, 201, whole).await?.unwrap_err();
    assert_eq!(fault, Fault::Shorter { size: SIZE, anchored: 201 });
    for (statements, expected) in [
        ("UPDATE ledger.events SET body = '{}' WHERE seq = 151", "entry 151: its hash says"),
        ("DELETE FROM ledger.events WHERE seq = 180", "entry 180: it is missing"),
        ("UPDATE ledger.nodes SET hash = sha256('x') WHERE last = 192", "entries up to 192: their node of level 6"),
        ("UPDATE ledger.nodes SET hash = sha256('x') WHERE level = 7", "entries 1 to 150: one of them is not what was"),
        (
            "UPDATE ledger.events SET hash = sha256('x') WHERE seq = 149",
            "entries 1 to 150: one of them is not what was",
        ),
        (
            "UPDATE ledger.events SET hash = sha256('x') WHERE seq = 150",
            "entries 1 to 150: one of them is not what was",
        ),
        ("DELETE FROM ledger.events WHERE seq = 150", "entry 150: it is missing: 200 entries were sealed"),
    ] {
        let mut tx = pool.begin().await?;
        tamper(&mut tx, statements).await?;
        let fault = ledger::verify_since(&mut tx, 150, anchored).await?.expect_err(statements).to_string();
        assert!(fault.contains(expected), "{statements}: {fault}");
        tx.rollback().await?;
    }
    Ok(())
}

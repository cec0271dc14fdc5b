//! Finding works by their text: the same works as by reading all of them, without reading all of them.

use anyhow::{Result, ensure};
use facts::ChainId;
use sqlx::{PgConnection, PgPool};
use store::works::catalogue::{self, Found, Page, Wanted};

use crate::read::Reads;

const CHAIN: ChainId = ChainId(5);
const LIMIT: i64 = 50;
/// How many works there are first.
const WORKS: i64 = 6_000;

/// A market with as many works as are asked for, of two owners.
async fn database() -> Result<PgPool> {
    let pool = testkit::database().await?;
    sqlx::query("SELECT chain.create_generation($1, 1, true), chain.attach_generation($1, 1), chain.index_generation($1, 1, NULL)")
        .bind(CHAIN.get())
        .execute(&pool)
        .await?;
    register(&pool, 1, WORKS).await?;
    // What somebody else says of a content does not speak for the asset.
    sqlx::query(
        "WITH w AS (INSERT INTO works (owner, kind, title, source, source_key)
                    VALUES (decode(repeat('09', 20), 'hex'), 'CODE', 'Zymurgy stolen', 'upload', 'stolen') RETURNING id)
         INSERT INTO work_versions (work_id, content_hash, cid) SELECT id, sha256(int8send(77)), '' FROM w",
    )
    .execute(&pool)
    .await?;
    Ok(pool)
}

/// Registers the works with these numbers, and describes all but every eleventh. What they say repeats with their number, so that
/// twice as many have the same words twice as often, save those that only works up to [`WORKS`] have.
async fn register(pool: &PgPool, from: i64, to: i64) -> Result<()> {
    sqlx::query(
        "WITH w AS (
             INSERT INTO works (owner, kind, title, description, source, source_key)
             SELECT decode(repeat(CASE n % 3 WHEN 0 THEN '01' ELSE '02' END, 20), 'hex'), 'CODE', 'Work ' || n,
                    concat_ws(' ', CASE WHEN n % 2 = 0 THEN 'A Common word' END,
                                   CASE WHEN n % 60 = 1 THEN 'now and again' END,
                                   CASE WHEN n <= 3000 THEN 'ancient' END,
                                   CASE WHEN n IN (7, 5000, 5900) THEN 'Zymurgy' END,
                                   CASE n % 2500 WHEN 101 THEN '50% off' WHEN 102 THEN '50x off' WHEN 103 THEN 'snake_case'
                                                 WHEN 104 THEN 'snakeXcase' WHEN 105 THEN 'back\\slash_dir' WHEN 106 THEN 'c++'
                                                 WHEN 107 THEN 'Ὀδύσσεια' WHEN 108 THEN '音乐' END)
                    || repeat(' and so on', (n % 7)::int),
                    'upload', n
             FROM generate_series($1::bigint, $2::bigint) n WHERE n % 11 > 0 RETURNING id, source_key)
         INSERT INTO work_versions (work_id, content_hash, cid) SELECT id, sha256(int8send(source_key::bigint)), '' FROM w",
    )
    .bind(from)
    .bind(to)
    .execute(pool)
    .await?;
    sqlx::query(
        "INSERT INTO chain.assets (chain_id, asset_id, kind, open, content_hash, cid, royalty_bps, registrant, first_owner, owner,
                                   epoch, shares, parents, registered_at, block_number, tx_hash, log_index)
         SELECT $1, n, CASE WHEN n % 4 = 0 THEN 'MUSIC' ELSE 'CODE' END, true, sha256(int8send(n)), '', 0, o, o, o, 0, '[]', '{}',
                now(), n, sha256(int8send(n)), 0
         FROM generate_series($2::bigint, $3::bigint) n,
              LATERAL (SELECT decode(repeat(CASE n % 3 WHEN 0 THEN '01' ELSE '02' END, 20), 'hex') AS o) o",
    )
    .bind(CHAIN.get())
    .bind(from)
    .bind(to)
    .execute(pool)
    .await?;
    Ok(())
}

fn saying(text: &str) -> Wanted {
    Wanted { text: Some(text.to_owned()), ..Wanted::default() }
}

async fn first(conn: &mut PgConnection, wanted: &Wanted) -> Result<Found> {
    Ok(catalogue::find(conn, Page { chain_id: CHAIN, below: i64::MAX, limit: LIMIT }, wanted).await?)
}

/// Reads all pages.
async fn all(conn: &mut PgConnection, wanted: &Wanted, limit: i64) -> Result<Vec<i64>> {
    let (mut assets, mut below) = (Vec::new(), i64::MAX);
    loop {
        let found = catalogue::find(conn, Page { chain_id: CHAIN, below, limit }, wanted).await?;
        ensure!(found.assets.len() as i64 <= limit, "a page holds {} assets", found.assets.len());
        assets.extend(found.assets);
        let Some(next) = found.next else { return Ok(assets) };
        ensure!(next < below, "the page below {below} leads to {next}");
        below = next;
    }
}

/// The obvious way: looks at every work.
async fn obviously(conn: &mut PgConnection, wanted: &Wanted) -> Result<Vec<i64>> {
    let query = "SELECT a.asset_id FROM chain.assets a
                 JOIN asset_works aw ON aw.chain_id = a.chain_id AND aw.asset_id = a.asset_id JOIN works w ON w.id = aw.work_id
                 WHERE a.chain_id = $1 AND ($3::text IS NULL OR a.kind = $3) AND ($4::bytea IS NULL OR a.owner = $4)
                   AND (strpos(lower(w.title), lower($2)) > 0 OR strpos(lower(w.description), lower($2)) > 0)
                 ORDER BY a.asset_id DESC";
    let owner = wanted.owner.map(|owner| owner.to_vec());
    Ok(sqlx::query_scalar(query)
        .bind(CHAIN.get())
        .bind(&wanted.text)
        .bind(&wanted.kind)
        .bind(owner)
        .fetch_all(conn)
        .await?)
}

#[tokio::test]
async fn what_is_found_is_what_reading_everything_finds() -> Result<()> {
    let pool = database().await?;
    let mut conn = pool.acquire().await?;
    for text in [
        "common",
        "COMMON WORD",
        "now and again",
        "ancient",
        "zymurgy",
        "Zymurgy stolen",
        "Work 5999",
        "work 59",
        "nowhere at all",
        "50% off",
        "0% o",
        "snake_case",
        "e_c",
        "_",
        "%",
        "\\",
        "back\\slash_",
        "\\slash",
        "c++",
        "++",
        "ὀδύσσεια",
        "ΣΕΙ",
        "音乐",
        "音",
        "z",
        "on an",
        "'; DROP TABLE works",
        "%%%",
        "___",
    ] {
        for limit in [LIMIT, 200] {
            let wanted = saying(text);
            let expected = obviously(&mut conn, &wanted).await?;
            assert_eq!(all(&mut conn, &wanted, limit).await?, expected, "{text}");
        }
    }
    let owner = alloy_primitives::Address::repeat_byte(1);
    for text in ["common", "now and again", "zymurgy", "ancient"] {
        for wanted in [
            Wanted { owner: Some(owner), ..saying(text) },
            Wanted { kind: Some("MUSIC".to_owned()), ..saying(text) },
            Wanted { kind: Some("MUSIC".to_owned()), owner: Some(owner), ..saying(text) },
        ] {
            assert_eq!(all(&mut conn, &wanted, LIMIT).await?, obviously(&mut conn, &wanted).await?, "{wanted:?}");
        }
    }
    // Those without any words are there too.
    let everything = all(&mut conn, &Wanted::default(), LIMIT).await?;
    assert_eq!(everything, (1..=WORKS).rev().collect::<Vec<_>>());
    // Among so many, the page of a text that is neither common nor rare is short, and leads on.
    let old = first(&mut conn, &saying("ancient")).await?;
    assert_eq!(old, Found { assets: Vec::new(), next: Some(WORKS - 2_999) });
    assert_eq!(first(&mut conn, &saying("zymurgy")).await?, Found { assets: vec![5_900, 5_000, 7], next: None });
    Ok(())
}

const TABLES: [&str; 3] = ["works", "work_versions", "chain_5_1.assets"];

async fn reads(tx: &mut PgConnection) -> Result<[Reads; 3]> {
    let [works, versions, assets] = TABLES;
    Ok([Reads::of(tx, works).await?, Reads::of(tx, versions).await?, Reads::of(tx, assets).await?])
}

/// Tells how many rows of each table the first page of a text reads. No table may be read from end to end.
async fn rows(pool: &PgPool, text: &str) -> Result<[i64; 3]> {
    let mut tx = pool.begin().await?;
    let before = reads(&mut tx).await?;
    first(&mut tx, &saying(text)).await?;
    let after = reads(&mut tx).await?;
    let mut rows = [0; 3];
    for place in 0..3 {
        let reads = after[place] - before[place];
        ensure!(reads.scans == 0, "`{text}` reads {} from end to end", TABLES[place]);
        rows[place] = reads.rows;
    }
    Ok(rows)
}

#[tokio::test]
async fn a_page_reads_as_much_however_many_works_there_are() -> Result<()> {
    let pool = database().await?;
    // The mirror sees to the statistics of its tables. Those of the works may be missing.
    for statistics in ["SELECT chain.analyze_generation(5, 1, NULL)", "ANALYZE"] {
        sqlx::query(statistics).execute(&pool).await?;
        for text in ["common", "now and again", "ancient", "zymurgy", "on an", "c++", "音乐", "nowhere at all"] {
            let rows = rows(&pool, text).await?;
            // At most the first works, those that the index names, and all that a page looks through, each a few times.
            assert!(rows.iter().all(|rows| *rows <= 15_000), "`{text}` reads {rows:?} of {TABLES:?}");
        }
    }
    let texts = ["common", "zymurgy", "nowhere at all", "ancient"];
    let mut before = Vec::new();
    for text in texts {
        before.push(rows(&pool, text).await?);
    }
    // As many again, and as many as these again.
    for (from, to) in [(WORKS + 1, 2 * WORKS), (2 * WORKS + 1, 4 * WORKS)] {
        register(&pool, from, to).await?;
        sqlx::query("ANALYZE").execute(&pool).await?;
        for (text, before) in texts.iter().zip(&before) {
            let after = rows(&pool, text).await?;
            let grown = after.iter().zip(before).any(|(after, before)| after.abs_diff(*before) > 10);
            assert!(!grown, "`{text}` reads {before:?} of {TABLES:?} with {WORKS} works, and {after:?} with {to}");
        }
    }
    // A text that every second work has is found among the first, one that three have by the index.
    assert!(before[0][0] < 300 && before[1][0] < 1_200, "{before:?}");
    Ok(())
}

//! Importing a repository again adds what is new and touches nobody else's records.

use alloy::primitives::{Address, U256};
use anyhow::Result;
use commands::import_repository::{self, Imported};
use domain::{
    coherence::{Weight, hint_for_commit},
    identity::Identity,
    split::largest_remainder,
};
use rust_decimal::Decimal;
use sqlx::PgPool;
use store::accounts::identities;

use crate::repo::{ADA, BOB, Repo, lock};

const OWNER: Address = Address::repeat_byte(1);
const OTHER: Address = Address::repeat_byte(2);
const ADAS: &str = "ada@example.org = 0x00000000000000000000000000000000000000aa";

async fn import(pool: &PgPool, owner: Address, repo: &Repo, mapping: &str) -> Result<Imported> {
    let mut tx = pool.begin().await?;
    let imported = import_repository::import(&mut tx, owner, &repo.read(mapping)?, "bafymanifest").await?;
    tx.commit().await?;
    Ok(imported)
}

/// Everything an import writes, row by row, without the rows of the outbox.
async fn contents(pool: &PgPool) -> Result<Vec<String>> {
    let mut all = Vec::new();
    for table in [
        "works",
        "work_versions",
        "contributors",
        "contributor_addresses",
        "contributions",
        "external_works",
        "work_uses",
        "work_dependencies",
    ] {
        let rows: Vec<String> =
            sqlx::query_scalar(sqlx::AssertSqlSafe(format!("SELECT t::text FROM {table} t ORDER BY 1")))
                .fetch_all(pool)
                .await?;
        all.extend(rows.into_iter().map(|row| format!("{table}: {row}")));
    }
    Ok(all)
}

async fn known_addresses(pool: &PgPool) -> Result<Vec<(String, String)>> {
    Ok(sqlx::query_as("SELECT key, payload::text FROM outbox WHERE topic = 'work.payees_changed' ORDER BY id")
        .fetch_all(pool)
        .await?)
}

async fn graph(pool: &PgPool, work: i64) -> Result<Vec<String>> {
    Ok(sqlx::query_scalar(
        "SELECT coalesce(u.name, 'work') || '>' || d.name || '*' || w.uses FROM work_uses w
         LEFT JOIN external_works u ON u.id = w.user_id JOIN external_works d ON d.id = w.dependency_id
         WHERE w.work_id = $1 ORDER BY 1",
    )
    .bind(work)
    .fetch_all(pool)
    .await?)
}

#[tokio::test]
async fn a_second_import_adds_only_what_is_new() -> Result<()> {
    let pool = testkit::database().await?;
    let mut repo = Repo::new()?;
    repo.commit(ADA, "src/a.rs", "one\n", "first")?;
    repo.commit(BOB, "tests/b.rs", "two\n", "second")?;
    repo.commit(ADA, "Cargo.lock", &lock(&[("own", &["left"]), ("left", &["deep"]), ("deep", &[])]), "lock")?;

    let first = import(&pool, OWNER, &repo, "").await?;
    assert!(first.new_work);
    assert_eq!((first.new_contributions, first.contributions, first.new_addresses, first.externals), (3, 3, 0, 2));
    assert_eq!(graph(&pool, first.work_id).await?, ["left>deep*1", "work>left*1"]);
    let held = contents(&pool).await?;
    let again = import(&pool, OWNER, &repo, "").await?;
    assert_eq!(again, Imported { new_work: false, new_contributions: 0, ..first.clone() });
    assert_eq!(contents(&pool).await?, held, "the second import changed something");
    assert!(known_addresses(&pool).await?.is_empty());

    // A new commit adds exactly its contribution, and a version.
    repo.commit(BOB, "src/c.rs", "three\n", "third")?;
    let grown = import(&pool, OWNER, &repo, "").await?;
    assert_eq!((grown.work_id, grown.new_contributions, grown.contributions), (first.work_id, 1, 4));
    let kept = contents(&pool).await?;
    assert!(held.iter().all(|row| kept.contains(row)), "an import changed what was recorded before");
    assert_eq!(kept.len(), held.len() + 2);

    // Another lock file replaces the graph; what it named stays known, for what was reserved in its name.
    repo.commit(ADA, "Cargo.lock", &lock(&[("own", &["right", "deep"]), ("right", &[]), ("deep", &[])]), "lock")?;
    import(&pool, OWNER, &repo, "").await?;
    assert_eq!(graph(&pool, first.work_id).await?, ["work>deep*1", "work>right*1"]);
    let externals: i64 = sqlx::query_scalar("SELECT count(*) FROM external_works").fetch_one(&pool).await?;
    assert_eq!(externals, 3);

    // A mapping adds an address and tells of it, once; another address later is another row, and the newest counts.
    let mapped = import(&pool, OWNER, &repo, ADAS).await?;
    assert_eq!((mapped.new_addresses, mapped.new_contributions), (1, 0));
    assert_eq!(import(&pool, OWNER, &repo, ADAS).await?.new_addresses, 0);
    let events = known_addresses(&pool).await?;
    assert_eq!(
        events,
        [(format!("work:{}", first.work_id), format!(r#"{{"work": "{}", "addresses": 1}}"#, first.work_id))]
    );
    import(&pool, OWNER, &repo, "ada@example.org = 0x00000000000000000000000000000000000000bb").await?;
    import(&pool, OWNER, &repo, ADAS).await?;
    let last: Vec<u8> = sqlx::query_scalar("SELECT address::bytea FROM contributor_addresses ORDER BY id DESC LIMIT 1")
        .fetch_one(&pool)
        .await?;
    assert_eq!(last.last(), Some(&0xaa));
    assert_eq!(known_addresses(&pool).await?.len(), 3);
    Ok(())
}

#[tokio::test]
async fn a_commit_stays_with_whom_it_was_recorded_for() -> Result<()> {
    let pool = testkit::database().await?;
    let mut repo = Repo::new()?;
    repo.commit(ADA, "src/a.rs", "one\n", "first")?;
    repo.commit(BOB, "src/b.rs", "two\n", "together\n\nCo-authored-by: Ada <ada@example.org>")?;
    repo.commit(BOB, "src/c.rs", "three\n", "third")?;
    let first = import(&pool, OWNER, &repo, "").await?;
    assert_eq!((first.contributions, first.attributed_otherwise), (4, 0));
    let held = contents(&pool).await?;
    // From here on the mailmap gives Ada another address.
    repo.commit(ADA, ".mailmap", "Ada <ada@new.example.org> <ada@example.org>\n", "mailmap")?;
    let mapped = import(&pool, OWNER, &repo, "").await?;
    assert_eq!((mapped.new_contributions, mapped.contributions, mapped.attributed_otherwise), (1, 5, 2));
    let kept = contents(&pool).await?;
    assert!(held.iter().all(|row| kept.contains(row)), "an import changed what was recorded before");
    // Another owner knows none of it.
    let other = import(&pool, OTHER, &repo, "").await?;
    assert_eq!((other.new_contributions, other.attributed_otherwise), (5, 0));
    Ok(())
}

#[tokio::test]
async fn owners_do_not_touch_each_other_and_a_rollback_leaves_nothing() -> Result<()> {
    let pool = testkit::database().await?;
    let mut repo = Repo::new()?;
    repo.commit(ADA, "src/a.rs", "one\n", "first")?;
    repo.commit(ADA, "Cargo.lock", &lock(&[("own", &["left"]), ("left", &[])]), "lock")?;
    let empty = contents(&pool).await?;
    let mut tx = pool.begin().await?;
    import_repository::import(&mut tx, OWNER, &repo.read(ADAS)?, "bafymanifest").await?;
    tx.rollback().await?;
    assert_eq!(contents(&pool).await?, empty);
    assert!(known_addresses(&pool).await?.is_empty());

    // Somebody's repository says that Ada is a program, before anyone else says who she is.
    let mut liar = Repo::new()?;
    liar.commit("Ada [bot] <ada@example.org>", "a", "", "mine")?;
    import(&pool, OTHER, &liar, "").await?;
    let first = import(&pool, OWNER, &repo, "").await?;
    let kinds: Vec<(String, String)> =
        sqlx::query_as("SELECT key, kind FROM contributors ORDER BY key").fetch_all(&pool).await?;
    let kinds: Vec<(&str, &str)> = kinds.iter().map(|(key, kind)| (key.as_str(), kind.as_str())).collect();
    assert_eq!(kinds, [("mailto:ada@example.org", "HUMAN"), ("tool:mailto:ada@example.org", "SYSTEM")]);
    let held = contents(&pool).await?;
    // The other owner says where Ada is paid, and has another graph.
    repo.commit(BOB, "Cargo.lock", &lock(&[("own", &["evil"]), ("evil", &[])]), "lock")?;
    let second = import(&pool, OTHER, &repo, ADAS).await?;
    assert_ne!(first.work_id, second.work_id);
    let kept = contents(&pool).await?;
    assert!(held.iter().all(|row| kept.contains(row)), "an import changed another owner's records");
    assert_eq!(graph(&pool, first.work_id).await?, ["work>left*1"]);
    let foreign: i64 = sqlx::query_scalar("SELECT count(*) FROM contributor_addresses WHERE work_id = $1")
        .bind(first.work_id)
        .fetch_one(&pool)
        .await?;
    assert_eq!(foreign, 0);
    let events = known_addresses(&pool).await?;
    assert_eq!(events.iter().map(|(key, _)| key.as_str()).collect::<Vec<_>>(), [format!("work:{}", second.work_id)]);

    // Both at once, first for two new owners and then again, end as one after the other would.
    for _ in 0..2 {
        let owners = [Address::repeat_byte(3), Address::repeat_byte(4), Address::repeat_byte(3)];
        let [a, b, c] = owners.map(|owner| import(&pool, owner, &repo, ADAS));
        let (a, b, c) = tokio::try_join!(a, b, c)?;
        assert_eq!(a.work_id, c.work_id);
        assert_ne!(a.work_id, b.work_id);
        assert_eq!([a.contributions, b.contributions, c.contributions], [3; 3]);
    }
    Ok(())
}

#[tokio::test]
async fn costs_are_split_exactly_and_weighed_as_the_rules_say() -> Result<()> {
    let pool = testkit::database().await?;
    let mut repo = Repo::new()?;
    let together = "together\n\nCo-authored-by: Bob <bob@example.org>\nCo-authored-by: Eve <eve@example.org>";
    repo.commit(ADA, "src/a.rs", "1\n2\n3\n", together)?;
    repo.commit(ADA, "tests/a.rs", "1\n", "a test")?;
    repo.commit("dependabot[bot] <bot@example.org>", "Cargo.lock", &lock(&[("own", &[])]), "bump")?;
    let repository = repo.read("")?;
    let imported = import(&pool, OWNER, &repo, "").await?;
    assert_eq!(imported.contributions, 5);

    for commit in &repository.commits {
        let rows: Vec<(String, String, String, String)> = sqlx::query_as(
            "SELECT p.key, c.kind, c.cost::text, c.weight::text FROM contributions c JOIN contributors p ON p.id = c.contributor_id
             WHERE c.work_id = $1 AND c.source_key = $2 ORDER BY c.id",
        )
        .bind(imported.work_id)
        .bind(format!("git:{}", commit.id))
        .fetch_all(&pool)
        .await?;
        let authors: Vec<_> = commit.authors.iter().map(|author| &repository.people[*author]).collect();
        let whole = U256::from((commit.cost * Decimal::from(1_000_000)).mantissa() / 10_i128.pow(commit.cost.scale()));
        let parts = largest_remainder(whole, &vec![U256::from(1); authors.len()])?;
        assert_eq!(rows.len(), authors.len());
        let mut sum = Decimal::ZERO;
        for ((author, part), (key, kind, cost, weight)) in authors.iter().zip(parts).zip(&rows) {
            let prefix = if author.system { "tool:" } else { "" };
            assert_eq!(*key, format!("{prefix}{}", author.identity));
            assert_eq!(kind, if author.system { "TOOL_EXECUTION" } else { "MANUAL_LABOR" });
            let cost: Decimal = cost.parse()?;
            assert_eq!(cost * Decimal::from(1_000_000), Decimal::from(part.to::<u64>()), "{key} of {}", commit.subject);
            let multiplier = hint_for_commit(commit.touches_tests) + Decimal::new(5, 1);
            assert_eq!(*weight, Weight::new(cost, multiplier)?.0.to_string());
            sum += cost;
        }
        assert_eq!(sum, commit.cost, "the parts of {}", commit.subject);
    }
    let systems: Vec<(String, Vec<i64>)> = sqlx::query_as(
        "SELECT p.key, c.triggered_by FROM contributions c JOIN contributors p ON p.id = c.contributor_id WHERE p.kind = 'SYSTEM'",
    )
    .fetch_all(&pool)
    .await?;
    assert_eq!(systems, [("tool:mailto:bot@example.org".to_owned(), vec![])]);
    Ok(())
}

async fn states(pool: &PgPool) -> Result<Vec<(String, i64)>> {
    Ok(sqlx::query_as("SELECT state, count(*) FROM contributions GROUP BY state ORDER BY state")
        .fetch_all(pool)
        .await?)
}

#[tokio::test]
async fn an_owner_may_want_to_look_at_commits_before_they_count() -> Result<()> {
    let pool = testkit::database().await?;
    let mut repo = Repo::new()?;
    repo.commit(ADA, "src/a.rs", "one\n", "first")?;
    let work = import(&pool, OWNER, &repo, "").await?.work_id;
    sqlx::query("UPDATE works SET preaccepted = false").execute(&pool).await?;
    repo.commit(BOB, "src/b.rs", "two\n", "second")?;
    repo.commit(BOB, "src/c.rs", "three\n", "third")?;
    let imported = import(&pool, OWNER, &repo, "").await?;
    assert_eq!((imported.new_contributions, imported.contributions), (2, 3));
    assert_eq!(states(&pool).await?, [("accepted".to_owned(), 1), ("proposed".to_owned(), 2)]);

    // What was rejected stays so, however often the history is read.
    sqlx::query(
        "UPDATE contributions SET state = 'rejected', decided_by = recorded_by, decided_at = now()
         WHERE id = (SELECT max(id) FROM contributions)",
    )
    .execute(&pool)
    .await?;
    sqlx::query("UPDATE works SET preaccepted = true").execute(&pool).await?;
    let again = import(&pool, OWNER, &repo, "").await?;
    assert_eq!((again.work_id, again.new_contributions, again.contributions), (work, 0, 2));
    let expected = [("accepted".to_owned(), 1), ("proposed".to_owned(), 1), ("rejected".to_owned(), 1)];
    assert_eq!(states(&pool).await?, expected);
    Ok(())
}

async fn claim(pool: &PgPool, name: &str, account: u8) -> Result<i64> {
    let identity: Identity = name.parse()?;
    let account = Address::left_padding_from(&[account]);
    let claim = identities::Claim { identity: &identity, account, statement: name, signature: &[1] };
    let mut tx = pool.begin().await?;
    let (id, _) = identities::claim(&mut tx, &claim).await?;
    tx.commit().await?;
    Ok(id)
}

/// Where Ada is paid, work by work.
async fn paid(pool: &PgPool) -> Result<Vec<(i64, u8)>> {
    let rows: Vec<(i64, Vec<u8>)> = sqlx::query_as(
        "SELECT DISTINCT ON (work_id) work_id, address::bytea FROM contributor_addresses ORDER BY work_id, id DESC",
    )
    .fetch_all(pool)
    .await?;
    Ok(rows.into_iter().map(|(work, address)| (work, address[19])).collect())
}

async fn proofs(pool: &PgPool) -> Result<Vec<(i64, Option<i64>, String)>> {
    Ok(sqlx::query_as("SELECT claim_id, work_id, source FROM identity_proofs ORDER BY decided_at, 1")
        .fetch_all(pool)
        .await?)
}

#[tokio::test]
async fn what_a_repository_says_proves_a_claim_for_its_work() -> Result<()> {
    const NAME: &str = "mailto:ada@example.org";
    let pool = testkit::database().await?;
    let mut repo = Repo::new()?;
    repo.commit(ADA, "src/a.rs", "one\n", "first")?;
    let trailer = "second\n\nPayout-Address: 0x00000000000000000000000000000000000000bb";
    repo.commit(ADA, "src/b.rs", "two\n", trailer)?;
    let work = import(&pool, OWNER, &repo, "").await?.work_id;
    assert_eq!(paid(&pool).await?, [(work, 0xbb)]);

    // The claim comes after the commit, and another account's claim proves nothing.
    let first = claim(&pool, NAME, 0xbb).await?;
    claim(&pool, NAME, 0xee).await?;
    assert_eq!(proofs(&pool).await?, [(first, Some(work), "trailer".to_owned())]);
    let mut plain = Repo::new()?;
    plain.commit(ADA, "src/a.rs", "other\n", "first")?;
    let other = import(&pool, OWNER, &plain, "").await?.work_id;
    assert_eq!(paid(&pool).await?, [(work, 0xbb)], "it proves nothing for another work");

    // What is signed for outranks what files say later, also the owner's mapping.
    let evil = "ada@example.org = 0x00000000000000000000000000000000000000ef";
    assert_eq!(import(&pool, OWNER, &repo, evil).await?.new_addresses, 0);
    assert_eq!(paid(&pool).await?, [(work, 0xbb)]);

    // The commit comes after the claim.
    let second = claim(&pool, NAME, 0xcc).await?;
    assert_eq!(proofs(&pool).await?.len(), 1);
    let trailer = "moved\n\nPayout-Address: 0x00000000000000000000000000000000000000cc";
    repo.commit(ADA, "src/c.rs", "three\n", trailer)?;
    assert_eq!(import(&pool, OWNER, &repo, "").await?.new_addresses, 1);
    assert_eq!(import(&pool, OWNER, &repo, "").await?.new_addresses, 0);
    assert_eq!(paid(&pool).await?, [(work, 0xcc)]);
    assert_eq!(proofs(&pool).await?[1], (second, Some(work), "trailer".to_owned()));

    // An owner's word holds for works that come later too.
    assert!(decide(&pool, second, true).await?);
    assert_eq!(paid(&pool).await?, [(work, 0xcc), (other, 0xcc)]);
    let mut later = Repo::new()?;
    later.commit(ADA, "src/a.rs", "later\n", "first")?;
    let later = import(&pool, OWNER, &later, "").await?;
    assert_eq!((later.new_contributions, paid(&pool).await?[2]), (1, (later.work_id, 0xcc)));

    // It outranks commits, which anyone can write in her name.
    let third = claim(&pool, NAME, 0xdd).await?;
    repo.commit(
        ADA,
        "src/d.rs",
        "four\n",
        "Payout-Address\n\nPayout-Address: 0x00000000000000000000000000000000000000dd",
    )?;
    assert_eq!(import(&pool, OWNER, &repo, "").await?.new_addresses, 0);
    assert_eq!(paid(&pool).await?[0], (work, 0xcc));
    // A refusal takes back what was linked, by whatever proof; then the repository speaks, but not for what was refused.
    assert!(decide(&pool, second, false).await?);
    assert!(!decide(&pool, second, false).await?);
    assert_eq!(paid(&pool).await?, [(work, 0xbb)], "the first claim, proven by a commit");
    assert_eq!(import(&pool, OWNER, &repo, "").await?.new_addresses, 1);
    assert_eq!(paid(&pool).await?, [(work, 0xdd)]);
    assert!(decide(&pool, third, false).await?);
    assert_eq!(paid(&pool).await?, [(work, 0xbb)]);
    assert_eq!(import(&pool, OWNER, &repo, "").await?.new_addresses, 0);
    assert_eq!(paid(&pool).await?, [(work, 0xbb)]);
    Ok(())
}

async fn decide(pool: &PgPool, claim: i64, confirm: bool) -> Result<bool> {
    let mut tx = pool.begin().await?;
    let changed = identities::decide(&mut tx, claim, OWNER, confirm, "").await?;
    tx.commit().await?;
    Ok(changed)
}

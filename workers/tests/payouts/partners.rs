//! Partners for works whose people changed: they are recorded at most once a day, with the people from whom they were
//! chosen.

use advisors::{
    partners::{AGENT, Cache, Memory, Subject, Wish, advise_on_changed, subject},
    replay,
};
use alloy::primitives::Address;
use anyhow::{Context as _, Result};
use facts::ChainId;
use serde_json::{Value, json};
use store::advice;
use testkit::account;

use crate::stage::{Running, Stage, person, repository};

const CHAIN: ChainId = ChainId(31337);

/// Sets up two works, the second by somebody of the first and somebody else.
async fn two_teams(stage: &Stage) -> Result<[i64; 2]> {
    let [ada, eve, kim, bot] = [
        person("mailto:ada", Some(account(5))),
        person("mailto:eve", Some(account(6))),
        person("mailto:kim", None),
        person("mailto:helper[bot]", Some(account(7))),
    ];
    let library = repository("library", vec![ada.clone(), kim, bot], &[(0, 100), (1, 50), (2, 70)]);
    let program = repository("program", vec![ada, eve], &[(0, 100), (1, 300), (1, 5)]);
    Ok([stage.import(1, &library).await?.work_id, stage.import(2, &program).await?.work_id])
}

async fn newest(stage: &Stage, work: i64) -> Result<advice::Recorded> {
    let mut conn = stage.pool().acquire().await?;
    let newest = advice::newest(&mut conn, CHAIN, &subject(work)).await?;
    newest.into_iter().find(|one| one.advice.agent == AGENT).context("no advice")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn works_that_changed_are_advised_on_once_a_day_and_again_to_the_byte() -> Result<()> {
    let stage = Stage::start().await?;
    let mut memory = Memory::default();
    let mut advise = async || anyhow::Ok(advise_on_changed(stage.pool(), CHAIN, &mut memory).await?);
    assert_eq!(advise().await?, 0, "there is no work");
    let [library, program] = two_teams(&stage).await?;
    assert_eq!(advise().await?, 2);
    assert_eq!(advise().await?, 0, "once a day");

    let one = newest(&stage, library).await?;
    let said: Value = serde_json::from_str(&one.advice.answer)?;
    // Kim has no account, and a machine cannot be a partner.
    assert_eq!((&said["considered"], &said["matched"]), (&json!(1), &json!(1)));
    let partner = &said["partners"][0];
    assert_eq!(partner["account"], json!(account(6)));
    let split = partner["split"].as_array().context("no split")?;
    assert_eq!(split.iter().filter_map(Value::as_u64).sum::<u64>(), 10_000);

    // On the next day and with other people, there is advice only on the work that changed, and earlier advice can be
    // computed again.
    sqlx::query("UPDATE agent_models SET day = day - 1").execute(stage.pool()).await?;
    assert_eq!(advise().await?, 0, "nothing was changed");
    assert_eq!(advise_on_changed(stage.pool(), CHAIN, &mut Memory::default()).await?, 0, "nor is it for others");
    let mut longer = repository("program", vec![person("mailto:ada", Some(account(5)))], &[(0, 100)]);
    longer.commits[0].id = "another".into();
    stage.import(2, &longer).await?;
    assert_eq!(advise().await?, 1);
    sqlx::query("DELETE FROM contributor_addresses").execute(stage.pool()).await?;
    for recorded in [one, newest(&stage, program).await?] {
        assert_eq!(replay(stage.pool(), &recorded).await?, recorded.advice.answer);
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_known_of_people_follows_their_contributions() -> Result<()> {
    let stage = Stage::start().await?;
    let cache = Cache::new(stage.pool().clone(), CHAIN);
    let wish = Wish { count: 10, ..Wish::default() };
    assert!(cache.known().await?.ask(Subject::Work(1), &wish)?.is_none());
    let [library, _] = two_teams(&stage).await?;
    let partners = async || {
        let answer = cache.known().await?.ask(Subject::Work(library), &wish)?;
        anyhow::Ok(answer.map(|answer| answer.advice.partners.iter().map(|one| one.account).collect::<Vec<Address>>()))
    };
    // The new people are read in the background.
    stage.until("the new people", async || Ok(partners().await? == Some(vec![account(6)]))).await?;
    let known = cache.refresh().await?;
    assert_eq!(known.name(account(6)), Some("mailto:eve"));
    assert!(std::sync::Arc::ptr_eq(&known, &cache.refresh().await?), "nothing was changed");
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn workers_tell_of_partners_by_themselves() -> Result<()> {
    let stage = Stage::start().await?;
    let [library, _] = two_teams(&stage).await?;
    let running = Running::start(&stage).await?;
    stage.until("the advice", async || Ok(newest(&stage, library).await.is_ok())).await?;
    running.stop().await
}

//! The ledger says the same as the tables, now and as of any event.

use alloy::primitives::Address;
use anyhow::{Context as _, Result};
use facts::state::{Divided, Standing, State};
use store::ledger;

use crate::stage::{Stage, content, depends_on, person, repository, whole};

const BOB: Address = Address::repeat_byte(0xb0);

/// Returns the kinds of the events after one.
async fn kinds(stage: &Stage, after: u64) -> Result<Vec<String>> {
    while workers::seal(stage.pool()).await? > 0 {}
    let mut conn = stage.pool().acquire().await?;
    let entries = ledger::range(&mut conn, after, u64::MAX, 1000).await?;
    Ok(entries.into_iter().map(|entry| entry.event.kind).collect())
}

/// Returns the state of an asset, folded from its stream as of an event.
async fn state(stage: &Stage, asset: u64, as_of: u64) -> Result<State> {
    let mut conn = stage.pool().acquire().await?;
    let mut state = State::default();
    for entry in ledger::history(&mut conn, &format!("asset:31337:{asset}"), 0, as_of, 1000).await? {
        state.push(&entry.event)?;
    }
    Ok(state)
}

/// Returns the same state from the tables, as text.
async fn tables(stage: &Stage, asset: u64) -> Result<Vec<String>> {
    let query = "SELECT concat_ws(' ', count(*), trim_scale(coalesce(sum(cost), 0)), coalesce(sum(weight), 0),
                                  count(DISTINCT contributor_id))
                 FROM contributions WHERE work_id = (SELECT work_id FROM asset_works WHERE asset_id = $1)
                 UNION ALL
                 SELECT concat_ws(' ', count(*), sum(amount), sum(distributed), sum(reserved), sum(brought), sum(carried),
                                  (SELECT coalesce(sum(p.amount), 0) FROM payouts p JOIN distributions x ON x.id = p.distribution_id
                                   WHERE x.asset_id = $1 AND p.reserve_id IS NOT NULL))
                 FROM distributions WHERE asset_id = $1";
    Ok(sqlx::query_scalar(query).bind(asset as i64).fetch_all(stage.pool()).await?)
}

fn text(state: &State) -> Vec<String> {
    let (sum, contributors) = state.contributions(Standing::Accepted);
    let Divided { count, amount, distributed, reserved, brought, carried, released } =
        state.divided.get(&Address::ZERO).copied().unwrap_or_default();
    vec![
        format!("{} {} {} {contributors}", sum.count, sum.cost.normalize(), sum.weight),
        format!("{count} {amount} {distributed} {reserved} {brought} {carried} {released}"),
    ]
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_ledger_tells_what_the_tables_say() -> Result<()> {
    let stage = Stage::start().await?;
    let people = |bob| vec![person("mailto:ada", Some(Address::repeat_byte(0xad))), person("mailto:bob", bob)];
    let history = [(0, 125), (1, 33), (0, 7)];
    let mut first = repository("work", people(None), &history);
    depends_on(&mut first, &["left", "deep"]);
    stage.import(1, &first).await?;
    let told = [
        &["work.created", "work.version_added"][..],
        &["contribution.recorded"; 3],
        &["contributor.address_known", "work.dependencies_changed"],
    ];
    assert_eq!(kinds(&stage, 0).await?, told.concat());
    // Importing the same again tells nothing. A new version and other dependencies are told.
    stage.import(1, &first).await?;
    assert_eq!(kinds(&stage, 7).await?, [] as [&str; 0]);
    let mut second = first.clone();
    second.content_hash = content("second");
    depends_on(&mut second, &["left"]);
    stage.import(1, &second).await?;
    assert_eq!(kinds(&stage, 7).await?, ["work.version_added", "work.dependencies_changed"]);

    let asset = stage.register(1, content("work"), &[], &whole(1)).await?;
    for amount in [1_000_003, 77] {
        stage.fund(asset, amount).await?;
        stage.settle().await?;
        workers::close(&stage.context).await?;
    }
    stage.publish_and_activate().await?;
    let roots = ["root.built", "root.proposal_queued", "root.activation_queued"];
    assert_eq!(kinds(&stage, 9).await?, [&["distribution.closed"; 2][..], &roots].concat());
    let before = tables(&stage, asset).await?;
    assert_eq!(text(&state(&stage, asset, u64::MAX).await?), before);

    second.people = people(Some(BOB));
    stage.import(1, &second).await?;
    workers::close(&stage.context).await?;
    let released = ["contributor.address_known", "reserve.released", "reserve.released"];
    assert_eq!(kinds(&stage, 14).await?, released);
    let after = tables(&stage, asset).await?;
    assert_ne!(after, before);
    assert_eq!(text(&state(&stage, asset, u64::MAX).await?), after);
    assert_eq!(text(&state(&stage, asset, 14).await?), before, "as of the event before");
    let at_first = state(&stage, asset, 6).await?;
    assert_eq!((at_first.contributions(Standing::Accepted).0.count, at_first.divided.len()), (3, 0));
    assert_eq!((at_first.versions.len(), state(&stage, asset, 8).await?.versions.len()), (1, 2));

    // Every stream that is concerned lists the events, and nothing names people.
    let mut conn = stage.pool().acquire().await?;
    let entries = ledger::history(&mut conn, &format!("account:{}", BOB.to_checksum(None)), 0, u64::MAX, 10).await?;
    assert_eq!(entries.iter().map(|entry| entry.event.kind.as_str()).collect::<Vec<_>>(), released);
    let whole_ledger = ledger::range(&mut conn, 0, u64::MAX, 1000).await?;
    let named = whole_ledger.iter().find(|entry| entry.event.canonical().contains("mailto:"));
    assert_eq!(named, None, "an address of mail cannot be taken back");
    let root = ledger::history(&mut conn, "roots:31337", 0, u64::MAX, 10).await?;
    let root = &root.first().context("a root was built")?.event;
    assert_eq!(ledger::history(&mut conn, &root.subject, 0, u64::MAX, 10).await?.len(), 3);
    Ok(())
}

//! What was reserved for somebody is released as soon as the same work's records say where they are
//! paid.

use alloy::primitives::{Address, U256};
use anyhow::Result;
use importer::Repository;

use crate::stage::{Stage, content, depends_on, person, repository, whole};

const BOB: Address = Address::repeat_byte(0xb0);

fn of_bob(address: Option<Address>) -> Repository {
    let mut repository = repository("work", vec![person("mailto:bob", address)], &[(0, 100)]);
    depends_on(&mut repository, &["left"]);
    repository
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_reserve_is_released_once_and_only_by_its_own_work() -> Result<()> {
    let stage = Stage::start().await?;
    stage.import(1, &of_bob(None)).await?;
    let asset = stage.register(1, content("work"), &[], &whole(1)).await?;
    stage.fund(asset, 1000).await?;
    stage.settle().await?;
    workers::close(&stage.context).await?;
    assert_eq!(stage.paid().await?, []);
    assert_eq!(stage.number("SELECT sum(amount)::bigint FROM reserves WHERE beneficiary = 'mailto:bob'").await?, 850);

    // Another owner imports the same history and says that Bob is paid at their own address.
    stage.import(3, &of_bob(Some(Address::repeat_byte(0xee)))).await?;
    workers::close(&stage.context).await?;
    assert_eq!(stage.paid().await?, [], "another owner's mapping took what was reserved");

    stage.import(1, &of_bob(Some(BOB))).await?;
    let close = || workers::close(&stage.context);
    tokio::try_join!(close(), close(), close(), close())?;
    assert_eq!(stage.paid().await?, [(BOB, U256::from(850))]);
    stage.check_books().await?;

    // A later address counts for later income. What was released stays where it went.
    let moved = Address::repeat_byte(0xb1);
    stage.import(1, &of_bob(Some(moved))).await?;
    stage.fund(asset, 100).await?;
    stage.settle().await?;
    workers::close(&stage.context).await?;
    assert_eq!(stage.paid().await?, [(BOB, U256::from(850)), (moved, U256::from(85))]);

    // What is kept for a package waits for its maintainers, and is never part of a root.
    let kept = "SELECT sum(r.amount)::bigint FROM reserves r
                WHERE NOT EXISTS (SELECT FROM payouts p WHERE p.reserve_id = r.id) AND beneficiary = 'pkg:cargo/left@1.0.0'";
    assert_eq!(stage.number(kept).await?, 165);
    workers::publish(&stage.context).await?;
    assert_eq!(stage.number("SELECT sum(cumulative)::bigint FROM payout_root_entries").await?, 935);
    stage.check_books().await
}

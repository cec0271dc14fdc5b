//! The books balance on every path. Whatever breaks them is found and named, and stops everything that would
//! make it worse.

use alloy::{
    primitives::{Address, U256},
    providers::ext::AnvilApi,
};
use anyhow::Result;
use bindings::Payouts;
use store::payouts::books::{self, Check};

use crate::stage::Stage;

const ADA: Address = Address::repeat_byte(0xad);

/// Ways to break the records, the rule that each breaks, and how to repair it.
const TAMPERED: [(&str, &str, &str); 10] = [
    (
        "UPDATE payouts SET amount = amount + 1 WHERE id = (SELECT min(id) FROM payouts)",
        "an entry sums to zero",
        "UPDATE payouts SET amount = amount - 1 WHERE id = (SELECT min(id) FROM payouts)",
    ),
    (
        "UPDATE reserves SET amount = amount - 1 WHERE id = (SELECT min(id) FROM reserves)",
        "an entry sums to zero",
        "UPDATE reserves SET amount = amount + 1 WHERE id = (SELECT min(id) FROM reserves)",
    ),
    (
        "INSERT INTO payouts (chain_id, account, token, amount, distribution_id)
         SELECT chain_id, decode(repeat('66', 20), 'hex'), token, 5, distribution_id FROM payouts ORDER BY id LIMIT 1",
        "a distribution is what it made",
        "DELETE FROM payouts WHERE account = decode(repeat('66', 20), 'hex')",
    ),
    (
        "UPDATE payouts SET token = decode(repeat('77', 20), 'hex') WHERE id = (SELECT min(id) FROM payouts)",
        "an entry sums to zero",
        "UPDATE payouts SET token = decode(repeat('00', 20), 'hex')",
    ),
    (
        "UPDATE distributed_incomes SET block_number = -block_number",
        "an entry sums to zero",
        "UPDATE distributed_incomes SET block_number = -block_number",
    ),
    (
        "UPDATE distributions SET reserved = reserved + 1, amount = amount + 1 WHERE id = (SELECT min(id) FROM distributions)",
        "a distribution is what it made",
        "UPDATE distributions SET reserved = reserved - 1, amount = amount - 1 WHERE id = (SELECT min(id) FROM distributions)",
    ),
    (
        "UPDATE chain.incomes SET amount = amount - 1 WHERE block_number = (SELECT min(block_number) FROM chain.incomes)",
        "an entry sums to zero",
        "UPDATE chain.incomes SET amount = amount + 1 WHERE block_number = (SELECT min(block_number) FROM chain.incomes)",
    ),
    (
        "UPDATE chain.claims SET amount = amount * 1000",
        "nobody claims more than was paid out",
        "UPDATE chain.claims SET amount = amount / 1000",
    ),
    (
        "UPDATE payout_root_entries SET cumulative = cumulative + 1
         WHERE (root_id, account) = (SELECT root_id, account FROM payout_root_entries ORDER BY root_id DESC, account LIMIT 1)",
        "the root promises what was paid out",
        "UPDATE payout_root_entries SET cumulative = cumulative - 1
         WHERE (root_id, account) = (SELECT root_id, account FROM payout_root_entries ORDER BY root_id DESC, account LIMIT 1)",
    ),
    (
        "INSERT INTO distribution_carries (distribution_id, chain_id, token, account, brought, carried)
         SELECT id, chain_id, token, decode(repeat('66', 20), 'hex'), 3, 0 FROM distributions ORDER BY id LIMIT 1",
        "nobody brings more than was carried",
        "DELETE FROM distribution_carries WHERE account = decode(repeat('66', 20), 'hex')",
    ),
];

async fn checked(stage: &Stage) -> Result<Check> {
    workers::balance(&stage.context).await?;
    let mut conn = stage.pool().acquire().await?;
    Ok(books::newest(&mut conn, stage.context.deployment.chain_id).await?.expect("it was just made"))
}

/// Prepares income that is divided, published and partly claimed, and more that is not final.
async fn prepare(stage: &Stage) -> Result<()> {
    let song = stage.two_works_with_income(ADA).await?;
    workers::close(&stage.context).await?;
    stage.publish_and_activate().await?;
    stage.claim(ADA, Address::ZERO).await?;
    stage.fund(song, 5000).await?;
    stage.mirror().await
}

#[tokio::test]
async fn every_unit_is_somewhere_and_the_contracts_hold_what_the_books_say() -> Result<()> {
    let stage = Stage::start().await?;
    prepare(&stage).await?;
    let check = checked(&stage).await?;
    assert_eq!(check.books.faults, []);
    let ether = &check.books.currencies[0];
    assert_eq!((check.books.currencies.len(), ether.token), (1, Address::ZERO));
    let sum = [ether.undistributed, ether.payable, ether.reserved, ether.carried, ether.paid];
    assert_eq!(ether.income.0, U256::from(2_005_002));
    assert_eq!(ether.income.0, sum.iter().map(|amount| amount.0).sum::<U256>());
    assert_eq!(ether.undistributed.0, U256::from(5000));
    assert!(!ether.paid.is_zero() && !ether.reserved.is_zero() && !ether.payable.is_zero());
    assert_eq!((ether.held, ether.pot.0), (Some(ether.pot), ether.income.0 - ether.paid.0));
    assert!(!ether.gas.is_zero(), "deploying and proposing cost something");
    // What anyone sends other than through the functions belongs to nobody, and is not a fault.
    let payouts = Payouts::new(stage.context.deployment.payouts, &stage.market.chain.provider);
    let pot = payouts.pot().call().await?;
    stage.market.call(9, pot, U256::from(77), vec![]).await?;
    stage.mirror().await?;
    let check = checked(&stage).await?;
    assert_eq!(check.books.faults, []);
    assert_eq!(
        check.books.currencies[0].held.map(|held| held.0),
        Some(check.books.currencies[0].pot.0 + U256::from(77))
    );
    Ok(())
}

#[tokio::test]
async fn whatever_breaks_the_books_is_named_and_stops_distributions_until_it_is_mended() -> Result<()> {
    let stage = Stage::start().await?;
    prepare(&stage).await?;
    stage.settle().await?;
    let undivided = "SELECT count(*) FROM distributions";
    let before = stage.number(undivided).await?;
    for (breaking, rule, mending) in TAMPERED {
        sqlx::raw_sql(breaking).execute(stage.pool()).await?;
        let check = checked(&stage).await?;
        assert!(check.books.faults.iter().any(|fault| fault.rule == rule), "{breaking}: {:?}", check.books.faults);
        workers::close(&stage.context).await?;
        workers::publish(&stage.context).await?;
        assert_eq!(stage.number(undivided).await?, before, "divided although: {breaking}");
        sqlx::raw_sql(mending).execute(stage.pool()).await?;
        assert_eq!(checked(&stage).await?.books.faults, [], "{mending}");
    }
    // The contracts hold less than they must.
    let chain = &stage.market.chain.provider;
    let pot = Payouts::new(stage.context.deployment.payouts, chain).pot().call().await?;
    chain.anvil_set_balance(pot, U256::from(1)).await?;
    stage.market.chain.mine(1).await?;
    stage.mirror().await?;
    let check = checked(&stage).await?;
    let rules: Vec<&str> = check.books.faults.iter().map(|fault| fault.rule.as_str()).collect();
    assert_eq!(rules, [books::HELD]);
    workers::close(&stage.context).await?;
    assert_eq!(stage.number(undivided).await?, before);
    chain.anvil_set_balance(pot, U256::from(10_000_000)).await?;
    stage.market.chain.mine(1).await?;
    stage.mirror().await?;
    assert_eq!(checked(&stage).await?.books.faults, []);
    workers::close(&stage.context).await?;
    assert_eq!(stage.number(undivided).await?, before + 1);
    // The ledger is told of every stop and of the end of each.
    let mut tx = stage.pool().begin().await?;
    while store::ledger::seal(&mut tx, 1000).await?.events > 0 {}
    let told: Vec<String> = sqlx::query_scalar("SELECT kind FROM ledger.events WHERE kind LIKE 'books.%' ORDER BY seq")
        .fetch_all(&mut *tx)
        .await?;
    assert_eq!(told, ["books.stopped", "books.balanced"].repeat(TAMPERED.len() + 1));
    Ok(())
}

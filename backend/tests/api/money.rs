//! From what people record to what they are paid: proposals, tools and identities, up to payouts.

use alloy::primitives::{Address, B256, TxKind, U256};
use alloy::providers::ext::AnvilApi;
use alloy::sol_types::SolCall;
use anyhow::{Context, Result, ensure};
use bindings::Payouts;
use reqwest::Method;
use serde_json::{Value, json};

use crate::{
    app::{App, Work},
    contributions::{item, record},
    identities,
};

/// Gives the asset an income, makes it final, and divides it.
async fn earn(app: &App, asset: u64, wei: u64) -> Result<()> {
    let amount = U256::from(wei);
    let reason = B256::right_padding_from(b"gift");
    let call = Payouts::fundCall { assetId: U256::from(asset), token: Address::ZERO, amount, reason };
    let payouts = app.market.deployment.payouts;
    app.transact(testkit::account(9), TxKind::Call(payouts), amount, call.abi_encode()).await?;
    app.market.chain.mine(3).await?;
    app.mirror().await?;
    app.mirror().await?;
    close(app).await
}

async fn close(app: &App) -> Result<()> {
    Ok(workers::close(&app.workers()).await?)
}

/// Returns what everyone was paid so far, and what waits for somebody's address.
async fn books(app: &App) -> Result<(Vec<(String, i64)>, i64)> {
    let paid = sqlx::query_as(
        "SELECT encode(account, 'hex'), sum(amount)::bigint FROM payouts GROUP BY account ORDER BY 2 DESC, 1",
    );
    let reserved = sqlx::query_scalar(
        "SELECT coalesce(sum(amount), 0)::bigint FROM reserves r WHERE NOT EXISTS (SELECT FROM payouts p WHERE p.reserve_id = r.id)",
    );
    let pool = &app.market.pool;
    Ok((paid.fetch_all(pool).await?, reserved.fetch_one(pool).await?))
}

fn hex(account: Address) -> String {
    account.to_string().to_lowercase().trim_start_matches("0x").to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_accepted_is_paid_and_what_is_reserved_is_released() -> Result<()> {
    let app = App::start().await?;
    let (owner, ada, bob) = (app.person(1).await?, app.person(5).await?, app.person(6).await?);
    let (work, content_hash) = app.describe(&owner, "CODE", "Library", "").await?;
    let asset = app.register(owner.address(), Work { content_hash, ..Work::new() }).await?;

    // As long as it is only proposed, everything goes to the owner.
    let mut by_tool = item(ada.address(), "drawn");
    (by_tool["contributor"], by_tool["triggeredBy"]) = (json!("tool:painter"), json!([ada.address()]));
    let mut by_mail = item(ada.address(), "written");
    by_mail["contributor"] = json!("mailto:bob@example.org");
    let items = [item(ada.address(), "thought"), by_tool.clone(), by_mail.clone()];
    record(&app, &ada, &work, &items).await?.expect(201);
    earn(&app, asset, 900).await?;
    assert_eq!(books(&app).await?, (vec![(hex(owner.address()), 900)], 0));

    // Once it is accepted, income is divided by cost. The same tool used by somebody else is paid to that person. For
    // the email, no address is known.
    let open = app.pages(&format!("/v1/contributions?work={work}&state=proposed"), 50).await?;
    let ids: Vec<Value> = open.iter().map(|one| one["id"].clone()).collect();
    let decision = json!({"ids": ids, "decision": "accept"});
    app.by(&owner, Method::POST, "/v1/contributions/decisions", Some(decision)).await?.expect(200);
    (by_tool["triggeredBy"], by_tool["reference"]) = (json!([testkit::account(7)]), json!("drawn again"));
    record(&app, &owner, &work, &[by_tool]).await?.expect(201);
    earn(&app, asset, 4000).await?;
    let mut paid = vec![(hex(ada.address()), 2000), (hex(testkit::account(7)), 1000), (hex(owner.address()), 900)];
    assert_eq!(books(&app).await?, (paid.clone(), 1000));

    // Once the email is linked, the reserve is released to the account, once, and later income goes there.
    let claimed = identities::claim(&app, &bob, "mailto:bob@example.org").await?.expect(201);
    close(&app).await?;
    assert_eq!(books(&app).await?.1, 1000, "a claim alone releases nothing");
    identities::decide(&app, &owner, &claimed, "confirm").await?.expect(200);
    for _ in 0..2 {
        close(&app).await?;
        paid = vec![(hex(ada.address()), 2000), (hex(bob.address()), 1000), (hex(testkit::account(7)), 1000)];
        paid[1..].sort();
        paid.push((hex(owner.address()), 900));
        assert_eq!(books(&app).await?, (paid.clone(), 0));
    }
    earn(&app, asset, 400).await?;
    assert_eq!(
        books(&app).await?.0.iter().find(|(account, _)| *account == hex(bob.address())).map(|one| one.1),
        Some(1100)
    );
    Ok(())
}

/// Publishes a root over everything, and activates it.
async fn publish(app: &App, number: i64) -> Result<()> {
    workers::publish(&app.workers()).await?;
    // The sender sends the proposal meanwhile.
    for _ in 0..600 {
        app.market.chain.mine(1).await?;
        app.mirror().await?;
        let proposed: i64 =
            sqlx::query_scalar("SELECT count(*) FROM chain.root_proposals").fetch_one(&app.market.pool).await?;
        if proposed == number {
            app.market.chain.provider.anvil_increase_time(2).await?;
            app.market.chain.mine(1).await?;
            app.call(testkit::account(7), app.market.deployment.payouts, Payouts::activateCall {}).await?;
            return app.mirror().await;
        }
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    anyhow::bail!("the root was not proposed")
}

/// Returns what an account earned in the chain's own coin: earned, claimed, claimable, pending; and what it may claim, with the proof.
async fn earnings(app: &App, account: Address) -> Result<([i64; 4], Option<(U256, Vec<B256>)>)> {
    let all = app.get(&format!("/v1/accounts/{account}/earnings")).await?.expect(200);
    let all = all.as_array().context("a list")?;
    ensure!(all.len() <= 1, "there is one currency: {all:?}");
    let Some(one) = all.first() else { return Ok(([0; 4], None)) };
    assert_eq!(
        (&one["account"], &one["currency"]),
        (&json!(account.to_checksum(None)), &json!(Address::ZERO.to_checksum(None)))
    );
    let number = |field: &str| one[field].as_str().and_then(|text| text.parse().ok()).context("an amount");
    let figures = [number("earned")?, number("claimed")?, number("claimable")?, number("pending")?];
    let Some(claim) = one.get("claim") else { return Ok((figures, None)) };
    let text = |field: &str| claim[field].as_str().unwrap_or_default();
    let contract = Payouts::new(app.market.deployment.payouts, &app.market.chain.provider);
    assert_eq!(text("root"), contract.activeRoot().call().await?.to_string());
    assert_eq!(text("payouts"), app.market.deployment.payouts.to_checksum(None));
    assert_eq!((&claim["account"], &claim["token"]), (&one["account"], &one["currency"]));
    let proof = claim["proof"].as_array().context("a proof")?.iter();
    let proof = proof.map(|hash| Ok(hash.as_str().unwrap_or_default().parse()?)).collect::<Result<_>>()?;
    Ok((figures, Some((text("cumulative").parse()?, proof))))
}

#[tokio::test(flavor = "multi_thread")]
async fn earnings_come_with_a_proof_that_the_contract_takes() -> Result<()> {
    let app = App::start().await?;
    let (owner, ada) = (app.person(1).await?, testkit::account(5));
    let (work, content_hash) = app.describe(&owner, "CODE", "Library", "").await?;
    let asset = app.register(owner.address(), Work { content_hash, ..Work::new() }).await?;
    // Five people are paid, so that proofs have levels with and without a sibling.
    let items: Vec<Value> = (3..8).map(|n| item(testkit::account(n), &n.to_string())).collect();
    record(&app, &owner, &work, &items).await?.expect(201);
    assert_eq!(earnings(&app, ada).await?, ([0; 4], None));
    earn(&app, asset, 5000).await?;
    assert_eq!(earnings(&app, ada).await?, ([1000, 0, 0, 1000], None));
    publish(&app, 1).await?;
    let mut proofs = std::collections::BTreeSet::new();
    for n in 3..8 {
        let (figures, claim) = earnings(&app, testkit::account(n)).await?;
        assert_eq!(figures, [1000, 0, 1000, 0]);
        let (cumulative, proof) = claim.context("there is a claim")?;
        proofs.insert(proof.len());
        let claim = Payouts::claimCall { account: testkit::account(n), token: Address::ZERO, cumulative, proof };
        app.call(testkit::account(9), app.market.deployment.payouts, claim).await?;
        app.mirror().await?;
        assert_eq!(earnings(&app, testkit::account(n)).await?, ([1000, 1000, 0, 0], None));
    }
    assert_eq!(proofs.into_iter().collect::<Vec<_>>(), [1, 3]);

    // More of it, published and not, counts from what was claimed.
    earn(&app, asset, 50).await?;
    publish(&app, 2).await?;
    earn(&app, asset, 500).await?;
    let (figures, claim) = earnings(&app, ada).await?;
    assert_eq!((figures, claim.context("there is a claim")?.0), ([1110, 1000, 10, 100], U256::from(1010)));
    // As long as the tree is not stored, as with roots of earlier versions, the proof is the same.
    let (_, stored) = earnings(&app, ada).await?;
    sqlx::query("DELETE FROM payout_root_levels").execute(&app.market.pool).await?;
    assert_eq!(earnings(&app, ada).await?.1, stored);

    // What does not lead to the root is not handed out.
    sqlx::query("UPDATE payout_root_entries SET cumulative = cumulative + 1").execute(&app.market.pool).await?;
    app.get(&format!("/v1/accounts/{ada}/earnings")).await?.problem(500, "internal");
    app.get("/v1/accounts/0x12/earnings").await?.problem(422, "invalid").field("address", "is not an address");
    Ok(())
}

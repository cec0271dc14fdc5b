//! From what people record to what they are paid: proposals, tools and identities, up to payouts.

use alloy::primitives::{Address, B256, TxKind, U256};
use alloy::sol_types::SolCall;
use anyhow::Result;
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

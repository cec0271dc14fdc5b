//! Income becomes payouts and reserves, once and to the last unit.

use std::time::Instant;

use alloy::{
    primitives::{Address, Bytes, U256, keccak256},
    sol_types::SolValue,
};
use anyhow::{Context, Result};
use bindings::{Licences, Registration, Terms};
use domain::{
    AssetId,
    distribution::{Input, digest},
    lineage::{Limits, Share},
    money::Amount,
};
use store::ledger;
use testkit::account;
use tokio::task::JoinSet;

use crate::stage::{Stage, content, depends_on, person, registration, repository, whole};

const ADA: Address = Address::repeat_byte(0xad);

async fn close_at_once(stage: &Stage, times: usize) -> Result<()> {
    let mut closing = JoinSet::new();
    for _ in 0..times {
        let context = stage.context.clone();
        closing.spawn(async move { workers::close(&context).await });
    }
    while let Some(closed) = closing.join_next().await {
        closed??;
    }
    stage.check_books().await
}

async fn flow(stage: &Stage, source: &str, target: &str) -> Result<Vec<(String, String)>> {
    Ok(sqlx::query_as(
        "SELECT rule, amount::text FROM distribution_flows WHERE source = $1 AND target = $2 ORDER BY 1, 2",
    )
    .bind(source)
    .bind(target)
    .fetch_all(stage.pool())
    .await?)
}

async fn reserves(stage: &Stage, asset: u64) -> Result<Vec<(String, String)>> {
    Ok(sqlx::query_as(
        "SELECT beneficiary, r.amount::text FROM reserves r JOIN distributions d ON d.id = r.distribution_id
         WHERE d.asset_id = $1 ORDER BY r.id",
    )
    .bind(asset as i64)
    .fetch_all(stage.pool())
    .await?)
}

fn pairs(expected: &[(&str, &str)]) -> Vec<(String, String)> {
    expected.iter().map(|(name, amount)| ((*name).into(), (*amount).into())).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn finalized_income_is_divided_once_over_everyone_upstream() -> Result<()> {
    let stage = Stage::start().await?;
    let people = vec![person("mailto:ada", Some(ADA)), person("mailto:bob", None), person("mailto:x[bot]", None)];
    let mut library = repository("library", people, &[(0, 300), (1, 200), (2, 100)]);
    depends_on(&mut library, &["left", "deep"]);
    stage.import(1, &library).await?;
    let work = stage.register(1, content("library"), &[], &whole(1)).await?;
    let derived = stage.register(2, content("song"), &[work], &[(account(2), 6000), (account(3), 4000)]).await?;
    let plain = stage.register(4, content("picture"), &[], &whole(4)).await?;
    stage.mirror().await?;
    let unknown = plain + 1;

    // Income that may still leave the chain is not divided.
    stage.fund(work, 1_000_003).await?;
    stage.mirror().await?;
    workers::close(&stage.context).await?;
    assert_eq!(stage.number("SELECT count(*) FROM distributions").await?, 0);

    stage.fund(derived, 1_000_000).await?;
    stage.fund(plain, 777).await?;
    stage.fund(unknown, 555).await?;
    stage.settle().await?;
    close_at_once(&stage, 8).await?;
    assert_eq!(stage.number("SELECT count(*) FROM distributions").await?, 3);
    assert_eq!(stage.number("SELECT count(*) FROM distributed_incomes").await?, 3);
    // 15 % of 1000003 go to the dependencies. The rest is divided 3:2:1, and the odd unit goes to the
    // largest remainder.
    let mut reserved = reserves(&stage, work).await?;
    reserved.sort();
    let expected = [("mailto:bob", "283334"), ("pkg:cargo/deep@1.0.0", "22500"), ("pkg:cargo/left@1.0.0", "127500")];
    assert_eq!(reserved, pairs(&expected));
    let key = |asset: u64| format!("asset:{asset}");
    // A derived work passes on 15 %, which its parent divides by its own rules.
    assert_eq!(flow(&stage, &key(derived), &key(work)).await?, pairs(&[("fixed_share", "150000")]));
    let paid = stage.paid().await?;
    let of = |who: Address| paid.iter().find(|(account, _)| *account == who).map_or(U256::ZERO, |(_, amount)| *amount);
    // From the second work come 127500, divided 3:2:1.
    assert_eq!(of(ADA), U256::from(425_002 + 63_750));
    // Nobody triggered the program, so its part goes to the owner.
    assert_eq!(of(account(1)), U256::from(141_667 + 21_250));
    // No contributions to the derived work are recorded, so its owners are paid by their shares.
    assert_eq!((of(account(2)), of(account(3))), (U256::from(510_000), U256::from(340_000)));
    assert_eq!(of(account(4)), U256::from(777));

    // Money for an asset that does not exist waits until the registration of the asset is final.
    let waiting = "SELECT count(*) FROM chain.incomes i WHERE NOT EXISTS (
        SELECT FROM distributed_incomes d WHERE (d.block_number, d.log_index) = (i.block_number, i.log_index))";
    assert_eq!(stage.number(waiting).await?, 1);
    assert_eq!(stage.register(5, content("late"), &[], &whole(5)).await?, unknown);
    stage.mirror().await?;
    close_at_once(&stage, 2).await?;
    assert_eq!(stage.number(waiting).await?, 1, "paid to a registration that is not final");
    stage.fund(work, 10).await?;
    stage.settle().await?;
    close_at_once(&stage, 2).await?;
    assert_eq!(stage.number(waiting).await?, 0);
    assert!(stage.paid().await?.contains(&(account(5), U256::from(555))));
    assert_eq!(stage.number("SELECT count(*) FROM distributions").await?, 5);

    // The contract refuses works without owners, and works whose owners' shares are less or more than
    // the whole.
    for shares in [vec![], vec![(account(1), 9_999)], vec![(account(1), 10_000), (account(2), 1)]] {
        let refused = stage.register(1, content("nobody's"), &[], &shares).await;
        assert!(refused.is_err(), "registered with shares {shares:?}");
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn versions_of_one_work_and_pots_that_cannot_be_divided() -> Result<()> {
    let stage = Stage::start().await?;
    // A work's second version is registered as made from its first. The work's records speak for both.
    let people = || vec![person("mailto:ada", Some(ADA))];
    let mut first = repository("one", people(), &[(0, 100)]);
    depends_on(&mut first, &["left"]);
    let imported = stage.import(1, &first).await?;
    let mut second = first.clone();
    second.content_hash = content("two");
    assert_eq!(stage.import(1, &second).await?.work_id, imported.work_id);
    let old = stage.register(1, content("one"), &[], &whole(1)).await?;
    let new = stage.register(1, content("two"), &[old], &whole(1)).await?;
    let broken = stage.register(2, content("broken"), &[], &whole(2)).await?;
    let sound = stage.register(3, content("sound"), &[], &whole(3)).await?;
    for asset in [new, broken, sound] {
        stage.fund(asset, 10_000).await?;
    }
    stage.settle().await?;
    // One pot that cannot be divided does not hold up the others.
    let shares: String = sqlx::query_scalar(
        "UPDATE chain.assets a SET shares = '[{}]' FROM chain.assets b
        WHERE a.asset_id = $1 AND b.asset_id = a.asset_id RETURNING b.shares::text",
    )
    .bind(broken as i64)
    .fetch_one(stage.pool())
    .await?;
    close_at_once(&stage, 1).await?;
    assert_eq!(stage.number("SELECT count(*) FROM distributions").await?, 2);
    sqlx::query("UPDATE chain.assets SET shares = $2::jsonb WHERE asset_id = $1")
        .bind(broken as i64)
        .bind(shares)
        .execute(stage.pool())
        .await?;
    close_at_once(&stage, 1).await?;
    assert_eq!(stage.number("SELECT count(*) FROM distributions").await?, 3);
    // Of 10000, 1500 go to the first version and 1500 to the dependency, which also gets 225 of what
    // the first version got.
    assert_eq!(reserves(&stage, new).await?, pairs(&[("pkg:cargo/left@1.0.0", "1725")]));
    let paid = stage.paid().await?;
    assert!(paid.contains(&(ADA, U256::from(7000 + 1275))), "{paid:?}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_large_history_is_divided_in_one_go() -> Result<()> {
    const PEOPLE: usize = 300;
    const COMMITS: usize = 10_000;
    let stage = Stage::start().await?;
    let people = (0..PEOPLE)
        .map(|n| {
            let address = (n % 3 != 0).then(|| Address::left_padding_from(&(n as u64 + 1_000_000).to_be_bytes()));
            person(&format!("mailto:p{n}@example.org"), address)
        })
        .collect();
    let commits: Vec<(usize, i64)> = (0..COMMITS).map(|n| (n * 7 % PEOPLE, 5 + (n as i64 * 31) % 995)).collect();
    let start = Instant::now();
    stage.import(1, &repository("large", people, &commits)).await?;
    let imported = start.elapsed();
    let asset = stage.register(1, content("large"), &[], &whole(1)).await?;
    stage.fund(asset, 1_000_000_000_000_000_007).await?;
    stage.settle().await?;
    let start = Instant::now();
    workers::close(&stage.context).await?;
    let closed = start.elapsed();
    workers::publish(&stage.context).await?;
    println!("{COMMITS} contributions of {PEOPLE} people: imported in {imported:?}, divided in {closed:?}");
    stage.check_books().await?;
    assert_eq!(stage.number("SELECT count(*) FROM distribution_flows").await?, COMMITS as i64);
    assert_eq!(stage.number("SELECT count(*) FROM reserves").await?, 100);
    assert_eq!(stage.number("SELECT count(*) FROM payouts").await?, 200);
    assert_eq!(stage.number("SELECT count(*) FROM payout_root_entries").await?, 200);
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn income_in_a_currency_that_is_left_out_waits_until_it_is_let_in_again() -> Result<()> {
    let mut stage = Stage::start().await?;
    let asset = stage.register(1, content("song"), &[], &[(account(2), 10_000)]).await?;
    stage.fund(asset, 600).await?;
    stage.settle().await?;
    stage.context.distribution.left_out.insert(Address::ZERO);
    workers::close(&stage.context).await?;
    assert_eq!(stage.paid().await?, []);

    // It is let in, and left out again when its income is divided and no root has it yet.
    stage.context.distribution.left_out.clear();
    workers::close(&stage.context).await?;
    assert_eq!(stage.paid().await?, [(account(2), U256::from(600))]);
    stage.context.distribution.left_out.insert(Address::ZERO);
    workers::publish(&stage.context).await?;
    assert_eq!(stage.number("SELECT count(*) FROM payout_roots").await?, 0);
    stage.context.distribution.left_out.clear();
    stage.publish_and_activate().await?;
    stage.claim(account(2), Address::ZERO).await?;
    stage.check_books().await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_below_the_least_payout_waits_and_every_distribution_can_be_made_again() -> Result<()> {
    let mut stage = Stage::start().await?;
    stage.context.distribution.min_payouts.insert(Address::ZERO, Amount(U256::from(500)));
    let shares = [(account(2), 7_000), (account(3), 3_000)];
    let asset = stage.register(1, content("song"), &[], &shares).await?;
    let mut told = Vec::new();
    for _ in 0..3 {
        stage.fund(asset, 600).await?;
        stage.settle().await?;
        close_at_once(&stage, 2).await?;
        let mut paid = stage.paid().await?;
        paid.sort();
        told.push(paid.into_iter().map(|(who, amount)| (who == account(2), amount.to::<u64>())).collect::<Vec<_>>());
    }
    // They earn 420 and 180 each time. The first is paid from the second time on, the second from the
    // third time on.
    assert_eq!(told[0], []);
    assert_eq!(told[1], [(true, 840)]);
    let mut third = told[2].clone();
    third.sort();
    assert_eq!(third, [(false, 540), (true, 840)]);
    assert_eq!(stage.number("SELECT (sum(carried) - sum(brought))::bigint FROM distribution_carries").await?, 420);

    while workers::seal(stage.pool()).await? > 0 {}
    let mut conn = stage.pool().acquire().await?;
    let told = ledger::history(&mut conn, "distribution:3", 0, u64::MAX, 10).await?;
    assert_eq!(told.iter().map(|entry| entry.event.kind.as_str()).collect::<Vec<_>>(), ["distribution.closed"]);
    assert_eq!(ledger::verify(&mut conn, &[], |_, _| ()).await??.head.size, 3);
    for id in 1..=3 {
        let recorded = store::payouts::pots::recorded(&mut conn, id).await?.context("no input was kept")?;
        assert_eq!(digest(&recorded.input), recorded.input_hash);
        let input = Input::parse(&recorded.input)?;
        let again = input.distribute()?;
        assert_eq!(digest(&again.canonical(&input.graph)), recorded.result_hash);
        assert_eq!(store::payouts::pots::differing_flow(&mut conn, id, &input.graph, &again).await?, None);
        if id == 2 {
            sqlx::query("UPDATE distribution_flows SET amount = amount + 1 WHERE distribution_id = 2 AND step = 1")
                .execute(stage.pool())
                .await?;
            let step = store::payouts::pots::differing_flow(&mut conn, id, &input.graph, &again).await?;
            assert_eq!(step, Some(1), "a changed flow is found");
        }
    }
    Ok(())
}

#[tokio::test]
async fn what_a_licence_says_goes_to_its_work_first() -> Result<()> {
    let stage = Stage::start().await?;
    let licences = stage.market.deployment.licences;
    let closed = Registration { open: false, ..registration(1, content("closed"), &[], &whole(1)) };
    let licensed = stage.register_as(1, closed).await?;
    let open = stage.register(3, content("open"), &[], &whole(3)).await?;
    let terms = Terms {
        textHash: content("terms"),
        cid: "bafyterms".into(),
        currency: Address::ZERO,
        price: 1000,
        duration: 0,
        revenueShareBps: 2000,
        maxUses: 1,
        flags: 1 | 2,
    };
    let terms_id = keccak256(terms.abi_encode());
    stage.call(1, licences, U256::ZERO, Licences::offerCall { assetId: U256::from(licensed), terms }).await?;
    let price = U256::from(1000);
    let buy = Licences::buyCall { termsId: terms_id, assetId: U256::from(licensed), to: account(2), maxPrice: price };
    stage.call(2, licences, price, buy).await?;
    let song = registration(2, content("song"), &[licensed, open], &whole(2));
    let consents = vec![U256::from(1).to_be_bytes_vec().into(), Bytes::new()];
    let song = stage.register_as(2, Registration { consents, ..song }).await?;
    stage.fund(song, 10_000).await?;
    stage.settle().await?;
    close_at_once(&stage, 2).await?;
    let key = |asset: u64| format!("asset:{asset}");
    // 20 % go to the licensed parent, then 15 % to the other parent, and the rest to the owner.
    assert_eq!(flow(&stage, &key(song), &key(licensed)).await?, pairs(&[("fixed_share", "2000")]));
    assert_eq!(flow(&stage, &key(song), &key(open)).await?, pairs(&[("fixed_share", "1500")]));
    // The lineage gives the same shares, from memory and from the database.
    let chain = stage.context.deployment.chain_id;
    let mut conn = stage.pool().acquire().await?;
    let graph = store::lineage::load(&mut conn, chain).await?;
    for (parent, share) in [(licensed, 200), (open, 150)] {
        let share = Share(10_u64.pow(15) * share);
        assert_eq!(graph.share(AssetId(song), AssetId(parent)), Some(share));
    }
    let limits = Limits { depth: 5, count: 100 };
    let shown = store::lineage::neighbourhood(&mut conn, chain, AssetId(song), limits).await?;
    assert_eq!(shown, graph.neighbourhood(AssetId(song), limits));
    // The price of the licence is income of the licensed work.
    let income = stage.number("SELECT amount::bigint FROM distributions WHERE asset_id = 1").await?;
    assert_eq!(income, 1000);
    Ok(())
}

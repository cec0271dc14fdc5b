//! The ledger and the contract: what the one anchors and proves, the other takes.

use alloy::{primitives::U256, sol_types::SolCall};
use anyhow::{Context, Result};
use bindings::Anchor as Contract;
use domain::{
    B256,
    ledger::{
        anchor::{Anchor, Head, Latest},
        receipt::{Anchored, Receipt, ReceiptError, Trust, verify_receipt},
        signature::TreeHead,
        tree::{leaf, verify_consistency},
    },
};
use store::ledger;
use testkit::Market;

use super::{append, seal};

/// Anchors the ledger as it is; what the contract says of it, and the transaction.
async fn anchor(market: &Market) -> Result<(Contract::Anchored, (B256, u64))> {
    let mut conn = market.pool.acquire().await?;
    let size = ledger::head(&mut conn).await?.size;
    let root = ledger::root_at(&mut conn, size).await?;
    let call = Contract::anchorCall { root, size }.abi_encode();
    let settled = market.call(0, market.deployment.anchor, U256::ZERO, call).await?;
    let contract = Contract::new(market.deployment.anchor, &market.chain.provider);
    let events = contract.Anchored_filter().from_block(0).query().await?;
    let (event, log) = events.into_iter().next_back().context("nothing was anchored")?;
    assert_eq!((event.root, event.size), (root, size), "{settled:?}");
    let place = log.transaction_hash.zip(log.block_number).context("a mined log has a transaction and a block")?;
    Ok((event, place))
}

#[tokio::test]
async fn the_contract_accepts_what_the_ledger_proves() -> Result<()> {
    let market = Market::start().await?;
    let contract = Contract::new(market.deployment.anchor, &market.chain.provider);
    let (mut anchors, mut heads, mut places) = (Vec::new(), vec![Head::ZERO], Vec::new());
    for (from, through) in [(1, 1), (2, 70), (71, 200)] {
        append(&market.pool, from, through, 10).await?;
        seal(&market.pool, 100).await?;
        let (event, place) = anchor(&market).await?;
        let Contract::Anchored { seq, root, size, time, head } = event;
        let anchor = Anchor { seq, root, size, time };
        assert_eq!(anchor.head(heads[heads.len() - 1]), head, "the head is computed as the contract does");
        anchors.push(anchor);
        heads.push(head);
        places.push(place);
    }
    let Contract::latestReturn { seq, size, head } = contract.latest().call().await?;
    let trust = Trust::Latest {
        chain_id: market.chain.chain_id.0,
        contract: market.deployment.anchor,
        latest: Latest { seq, size, head },
    };
    let mut conn = market.pool.acquire().await?;
    for (place, seq) in [(0, 1), (1, 1), (1, 64), (1, 70), (2, 70), (2, 137), (2, 200)] {
        let covered: Anchor = anchors[place];
        let entry = ledger::entry(&mut conn, seq).await?.context("there is such an entry")?;
        let proof = ledger::proof(&mut conn, seq, covered.size).await?;
        let entries: Vec<_> = anchors[place..].iter().map(on_chain).collect::<Result<_>>()?;
        let verify = |leaf, proof| contract.verify(entries.clone(), heads[place], leaf, proof);
        assert!(verify(leaf(seq, entry.hash), proof.clone()).call().await?, "entry {seq} under anchor {}", place + 1);
        assert!(!verify(leaf(seq + 1, entry.hash), proof.clone()).call().await?);

        let anchored = Anchored {
            transaction: places[place].0,
            block: places[place].1,
            previous_head: heads[place],
            anchors: anchors[place..].to_vec(),
            head: heads[heads.len() - 1],
        };
        let receipt = Receipt::new(entry.clone(), proof, tree_of(&market, covered), Some(anchored))?;
        let read = Receipt::parse(receipt.text()?.as_str())?;
        assert_eq!(verify_receipt(&read, &trust)?.event, entry.event);
        verify_receipt(&read, &Trust::Root(covered.root))?;
    }
    let proof = ledger::consistency(&mut conn, 70, 200).await?;
    assert!(verify_consistency((70, anchors[1].root), (200, anchors[2].root), &proof));
    let anchored: Vec<(u64, B256)> = anchors.iter().map(|anchor| (anchor.size, anchor.root)).collect();
    ledger::verify(&mut conn, &anchored, |_, _| ()).await??;

    // A receipt that ends before the newest anchor says so.
    let entry = ledger::entry(&mut conn, 1).await?.context("there is an entry")?;
    let (transaction, block) = places[0];
    let anchored =
        Anchored { transaction, block, previous_head: Head::ZERO, anchors: anchors[..1].to_vec(), head: heads[1] };
    let old = Receipt::new(entry, vec![], tree_of(&market, anchors[0]), Some(anchored))?;
    assert_eq!(verify_receipt(&old, &trust).unwrap_err(), ReceiptError::Outdated { ours: 1, theirs: 3 });
    Ok(())
}

fn tree_of(market: &Market, anchor: Anchor) -> TreeHead {
    let (chain_id, contract) = (market.chain.chain_id.0, market.deployment.anchor);
    TreeHead { chain_id, contract, size: anchor.size, root: anchor.root }
}

fn on_chain(anchor: &Anchor) -> Result<bindings::AnchorEntry> {
    Ok(bindings::AnchorEntry {
        seq: u32::try_from(anchor.seq)?,
        size: anchor.size.try_into()?,
        time: anchor.time.try_into()?,
        root: anchor.root,
    })
}

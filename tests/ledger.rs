//! `tributary verify`, as its user sees it: a real chain, the real contract, and files that somebody changed.

#![allow(clippy::expect_used, clippy::unwrap_used, reason = "what fails in a test panics")]

use std::{fs, process::Command};

use alloy::{
    primitives::{Address, B256, U256},
    signers::{SignerSync, local::PrivateKeySigner},
    sol_types::SolCall,
};
use anyhow::{Context, Result};
use bindings::{AccessManager, Anchor as Contract};
use domain::ledger::{
    Canonical, NewEvent, Receipt,
    anchor::{Anchor, Head},
    receipt::Anchored,
    signature::{Signed, TreeHead},
};
use serde_json::{Value, json};
use store::ledger;
use tempfile::TempDir;
use testkit::{Market, account, signer};

/// A market whose ledger was anchored twice, at 20 and at 30 events, and a folder for receipts.
struct Stage {
    market: Market,
    anchors: Vec<(Anchor, Head, B256, u64)>,
    folder: TempDir,
}

impl Stage {
    async fn start() -> Result<Self> {
        let mut stage = Self { market: Market::start().await?, anchors: vec![], folder: TempDir::new()? };
        stage.append(20).await?;
        stage.anchor().await?;
        stage.append(10).await?;
        stage.anchor().await?;
        stage.append(3).await?;
        Ok(stage)
    }

    async fn append(&self, count: u64) -> Result<()> {
        let mut tx = self.market.pool.begin().await?;
        for n in 0..count {
            let body = json!({"amount": format!("{n}000"), "n": n});
            let streams = ["asset:31337:7", "distribution:1"];
            let event = NewEvent::new("distribution.closed", "distribution:1", streams, Canonical::of(&body)?)?;
            ledger::append(&mut tx, &[event]).await?;
        }
        tx.commit().await?;
        let mut tx = self.market.pool.begin().await?;
        while ledger::seal(&mut tx, 100).await?.events > 0 {}
        Ok(tx.commit().await?)
    }

    async fn anchor(&mut self) -> Result<()> {
        let mut conn = self.market.pool.acquire().await?;
        let size = ledger::head(&mut conn).await?.size;
        let call = Contract::anchorCall { root: ledger::root_at(&mut conn, size).await?, size }.abi_encode();
        self.market.call(0, self.market.deployment.anchor, U256::ZERO, call).await?;
        let contract = Contract::new(self.market.deployment.anchor, &self.market.chain.provider);
        let events = contract.Anchored_filter().from_block(0).query().await?;
        let (Contract::Anchored { seq, root, size, time, head }, log) =
            events.into_iter().next_back().context("no anchor")?;
        let transaction = log.transaction_hash.context("a mined log")?;
        self.anchors.push((
            Anchor { seq, root, size, time },
            head,
            transaction,
            log.block_number.context("a mined log")?,
        ));
        Ok(())
    }

    fn tree(&self, size: u64, root: B256) -> TreeHead {
        TreeHead { chain_id: self.market.chain.chain_id.0, contract: self.market.deployment.anchor, size, root }
    }

    /// Returns the receipt of an event under an anchor (from 0), or under the present root; signed by the
    /// engine.
    async fn receipt(&self, seq: u64, under: Option<usize>) -> Result<Receipt> {
        let mut conn = self.market.pool.acquire().await?;
        let entry = ledger::entry(&mut conn, seq).await?.context("no such event")?;
        let size = match under {
            Some(place) => self.anchors[place].0.size,
            None => ledger::head(&mut conn).await?.size,
        };
        let tree = self.tree(size, ledger::root_at(&mut conn, size).await?);
        let anchored = under.map(|place| {
            let (anchor, head, transaction, block) = self.anchors[place];
            let previous_head = if place == 0 { Head::ZERO } else { self.anchors[place - 1].1 };
            Anchored { transaction, block, previous_head, anchors: vec![anchor], head }
        });
        let mut receipt = Receipt::new(entry, ledger::proof(&mut conn, seq, size).await?, tree, anchored)?;
        receipt.signature = Some(sign(&tree, &signer(0))?);
        Ok(receipt)
    }

    /// Verifies a file with this text, and returns what was printed, or the refusal.
    fn verify(&self, text: &str, against: &[&str]) -> Result<Result<String, String>> {
        let file = self.folder.path().join("receipt.json");
        fs::write(&file, text)?;
        let output = Command::new(env!("CARGO_BIN_EXE_tributary")).arg("verify").arg(&file).args(against).output()?;
        let (said, refused) = (String::from_utf8(output.stdout)?, String::from_utf8(output.stderr)?);
        Ok(if output.status.success() { Ok(said) } else { Err(refused) })
    }

    fn on_chain(&self) -> [String; 4] {
        let contract = self.market.deployment.anchor.to_string();
        ["--rpc".into(), self.market.chain.url(), "--contract".into(), contract]
    }

    /// Verifies a receipt against the chain.
    fn verify_on_chain(&self, text: &str) -> Result<Result<String, String>> {
        self.verify(text, &self.on_chain().each_ref().map(String::as_str))
    }
}

fn sign(tree: &TreeHead, signer: &PrivateKeySigner) -> Result<Signed> {
    let signature = signer.sign_hash_sync(&tree.signing_hash())?;
    Ok(Signed { signer: signer.address(), signature: signature.as_bytes().to_vec().into() })
}

/// Returns the text of a receipt whose digest fits it.
fn text(mut receipt: Receipt) -> Result<String> {
    receipt.digest = receipt.digest().unwrap_or_default();
    Ok(serde_json::to_string(&receipt)?)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_receipt_holds_against_chain_root_and_signer() -> Result<()> {
    let stage = Stage::start().await?;
    let newest = text(stage.receipt(7, Some(1)).await?)?;
    let said = stage.verify_on_chain(&newest)?.map_err(anyhow::Error::msg)?;
    for expected in ["event 7 stands in the ledger", "distribution.closed of distribution:1", "number 2", "30 events"] {
        assert!(said.contains(expected), "{said}");
    }
    assert!(said.contains(&account(0).to_string()), "{said}");
    // An older receipt is verified by the event in its transaction.
    let older = text(stage.receipt(7, Some(0)).await?)?;
    let said = stage.verify_on_chain(&older)?.map_err(anyhow::Error::msg)?;
    assert!(said.contains("number 1") && said.contains("20 events"), "{said}");
    // A receipt that is not anchored is verified by the signature of an account that may anchor, and the
    // output says what it lacks.
    let early = stage.receipt(33, None).await?;
    let said = stage.verify_on_chain(&text(early.clone())?)?.map_err(anyhow::Error::msg)?;
    assert!(said.contains("none when the receipt was made"), "{said}");
    // It can be verified offline, by a root or a signer, or by everything at once.
    let (root, engine) = (early.tree.root.to_string(), account(0).to_string());
    let chain = stage.on_chain();
    let all = [&["--root", &root, "--signer", &engine][..], &chain.each_ref().map(String::as_str)].concat();
    for against in [&["--root", &root][..], &["--signer", &engine], &all] {
        stage.verify(&text(early.clone())?, against)?.map_err(anyhow::Error::msg)?;
    }
    let pretty = serde_json::to_string_pretty(&early)?;
    stage.verify(&pretty, &["--root", &root])?.map_err(anyhow::Error::msg)?;

    // A signer that no longer has the role must be named explicitly.
    let revoke = AccessManager::revokeRoleCall { roleId: sender::deploy::ENGINE, account: account(0) }.abi_encode();
    stage.market.call(0, stage.market.deployment.access_manager, U256::ZERO, revoke).await?;
    let refused = stage.verify_on_chain(&newest)?.unwrap_err();
    assert!(refused.contains("does not have the role ENGINE"), "{refused}");
    let named = [&chain.each_ref().map(String::as_str)[..], &["--signer", &engine]].concat();
    stage.verify(&newest, &named)?.map_err(anyhow::Error::msg)?;
    Ok(())
}

type Change = fn(&mut Receipt);

/// What somebody changes in a receipt, who also computes its digest again, and how the program names the
/// fault.
const WAYS: &[(&str, Change, &str)] = &[
    ("version", |r| r.version = 2, "version 2"),
    ("kind", |r| r.event.kind = "distribution.opened".into(), "hash: it is"),
    ("subject", |r| r.event.subject.push('0'), "hash: it is"),
    ("amount", |r| r.event.body = r#"{"amount":"9000000","n":6}"#.into(), "hash: it is"),
    ("time", |r| r.event.at -= 1, "hash: it is"),
    ("number", |r| r.event.seq = 8, "hash: it is"),
    ("a stream more", |r| r.event.streams.push("work:1".into()), "hash: it is"),
    ("a stream less", |r| r.event.streams.truncate(1), "hash: it is"),
    ("streams in another order", |r| r.event.streams.reverse(), "event: its stream"),
    ("previous", |r| r.previous = B256::ZERO, "hash: it is"),
    ("hash", |r| r.hash = B256::ZERO, "hash: it is"),
    ("another event, hashed", |r| rehash(r, |r| r.event.subject.push('0')), "proof: it does not lead from entry 7"),
    ("another number, hashed", |r| rehash(r, |r| r.event.seq = 8), "proof: it does not lead from entry 8"),
    ("a number behind the end, hashed", |r| rehash(r, |r| r.event.seq = 31), "tree.size: it has 30 entries"),
    ("number 0, hashed", |r| rehash(r, |r| r.event.seq = 0), "tree.size: it has 30 entries"),
    ("a sibling", |r| r.proof[0] = B256::ZERO, "proof:"),
    ("siblings in another order", |r| r.proof.swap(0, 1), "proof:"),
    ("a sibling less", |r| r.proof.truncate(2), "proof:"),
    ("a sibling more", |r| r.proof.push(B256::ZERO), "proof:"),
    ("root", |r| r.tree.root = B256::ZERO, "proof:"),
    ("size", |r| r.tree.size = 29, "anchored.anchors[0]: it is of root"),
    ("size of both", |r| (r.tree.size, anchored(r).anchors[0].size) = (29, 29), "anchored.head: it is"),
    ("time of the anchor", |r| anchored(r).anchors[0].time -= 60, "anchored.head: it is"),
    ("number of the anchor", |r| anchored(r).anchors[0].seq = 1, "anchored.head: it is"),
    ("head", |r| anchored(r).head = Head::ZERO, "anchored.head: it is"),
    ("head before", |r| anchored(r).previous_head = Head::ZERO, "anchored.head: it is"),
    ("a chain of its own", |r| reanchor(r, |anchor| anchor.time -= 60), "the contract told of anchor 2, but of other"),
    (
        "an anchor of its own, in a transaction that has none",
        |r| {
            reanchor(r, |anchor| anchor.seq = 3);
            anchored(r).transaction = B256::ZERO;
        },
        "was not anchored there",
    ),
    ("no anchors", |r| anchored(r).anchors.clear(), "anchored.anchors: there is none"),
    (
        "neither anchor nor signature",
        |r| (r.anchored, r.signature) = (None, None),
        "older than the anchor of its event",
    ),
    ("chain", |r| r.tree.chain_id = 1, "signature: it is not one by"),
    ("contract", |r| r.tree.contract = Address::ZERO, "signature: it is not one by"),
    (
        "contract, without the signature",
        |r| (r.tree.contract, r.signature) = (Address::ZERO, None),
        "another was asked",
    ),
    ("signer", |r| r.signature.as_mut().unwrap().signer = Address::ZERO, "signature: it is not one by"),
    ("signature", |r| r.signature.as_mut().unwrap().signature = vec![7; 65].into(), "signature: it is not one by"),
    ("signature by a stranger", |r| r.signature = sign(&r.tree, &signer(5)).ok(), "does not have the role ENGINE"),
];

fn anchored(receipt: &mut Receipt) -> &mut Anchored {
    receipt.anchored.as_mut().expect("the receipt is anchored")
}

fn rehash(receipt: &mut Receipt, change: Change) {
    change(receipt);
    receipt.hash = receipt.event.hash(receipt.previous);
}

/// Changes the anchor, and the head so that it fits.
fn reanchor(receipt: &mut Receipt, change: fn(&mut Anchor)) {
    let anchored = anchored(receipt);
    change(&mut anchored.anchors[0]);
    anchored.head = anchored.anchors[0].head(anchored.previous_head);
}

#[tokio::test(flavor = "multi_thread")]
async fn every_way_of_changing_a_receipt_is_found_and_named() -> Result<()> {
    let stage = Stage::start().await?;
    let receipt = stage.receipt(7, Some(1)).await?;
    stage.verify_on_chain(&text(receipt.clone())?)?.map_err(anyhow::Error::msg)?;
    for (name, change, expected) in WAYS {
        let mut changed = receipt.clone();
        change(&mut changed);
        let refused = stage.verify_on_chain(&text(changed)?)?.expect_err(name);
        assert!(refused.contains(expected), "{name}: {refused}");
    }
    assert!(WAYS.len() >= 20);
    // If the digest is left as it is, it reveals the change, even in fields that no proof covers.
    let mut moved = receipt.clone();
    anchored(&mut moved).block += 1;
    let refused = stage.verify_on_chain(&serde_json::to_string(&moved)?)?.unwrap_err();
    assert!(refused.contains("digest: it is"), "{refused}");

    // The file itself is changed.
    let good = text(receipt.clone())?;
    let mut more: Value = serde_json::from_str(&good)?;
    more["note"] = json!("paid");
    for (name, text, expected) in [
        ("empty", String::new(), "this is no receipt"),
        ("cut short", good[..good.len() - 20].to_owned(), "this is no receipt"),
        ("something more", more.to_string(), "this is no receipt"),
        ("a number as a float", good.replace("\"version\":1", "\"version\":1.0"), "this is no receipt"),
        ("a key twice", good.replacen('{', "{\"version\":1,", 1), "the receipt was changed"),
        ("padded", format!("{good}{}", " ".repeat(5 << 20)), "no receipt is so large"),
    ] {
        let refused = stage.verify_on_chain(&text)?.expect_err(name);
        assert!(refused.contains(expected), "{name}: {refused}");
    }
    for (against, expected) in [
        (vec![], "required"),
        (vec!["--rpc", "http://127.0.0.1:1"], "--contract"),
        (vec!["--root", "0x12"], "--root"),
        (vec!["--signer", "0x0000000000000000000000000000000000000001"], "signature: it is by"),
    ] {
        let refused = stage.verify(&good, &against)?.unwrap_err();
        assert!(refused.contains(expected), "{against:?}: {refused}");
    }
    Ok(())
}

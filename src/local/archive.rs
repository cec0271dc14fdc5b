//! The archive of a local chain: a folder from which the chain is restored after it ended, however it ended.
//!
//! The node itself keeps everything in memory. The archive holds one snapshot of the whole chain, `snapshot-N` with the blocks up
//! to N, and `journal-N`, to which each later block is appended: its time and its signed transactions. Mining them again gives the
//! same blocks with the same hashes, so that whoever has read the chain goes on. A new snapshot is made once the journal is long
//! beside the snapshot, so that a block costs the same on a long chain as on a short one.
//!
//! Blocks of the last fraction of a second before a kill may not be in the journal. They are lost, as in a reorganisation, and
//! whoever follows the chain goes on without an operator, because no block counts as final before it is in the journal.

use std::{
    fs::{self, File},
    io::Write,
    path::{Path, PathBuf},
};

use alloy::{
    primitives::{B256, Bytes},
    providers::{DynProvider, Provider, ext::AnvilApi},
    rpc::types::{Block, BlockNumberOrTag, Header},
};
use anyhow::{Context, Result, ensure};
use serde::{Deserialize, Serialize};

use super::block;

/// A journal of fewer blocks is not worth a snapshot.
const SHORTEST_JOURNAL: u64 = 256;
/// A journal may have this part of the snapshot's blocks.
const JOURNAL_PART: u64 = 32;

/// A block as the journal has it, one to a line.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Entry {
    number: u64,
    hash: B256,
    /// Unix seconds.
    timestamp: u64,
    /// Signed, in the order of the block.
    transactions: Vec<Bytes>,
}

impl Entry {
    fn line(&self) -> Result<Vec<u8>> {
        let mut line = serde_json::to_vec(self)?;
        line.push(b'\n');
        Ok(line)
    }
}

/// What a journal has that is whole.
struct Kept {
    /// The first one is the snapshot's block.
    entries: Vec<Entry>,
    /// How many bytes they take.
    length: u64,
}

/// A chain's folder, open for appending.
pub struct Archive {
    folder: PathBuf,
    node: DynProvider,
    /// The number of the snapshot's newest block.
    base: u64,
    /// The number and the hash of the newest block on disk.
    newest: (u64, B256),
    journal: File,
}

impl Archive {
    /// Opens the folder, and restores the chain from it if the node has none. If the node has a part of this chain, because an
    /// earlier restoration ended early, it gets the rest. Any other chain that the node has replaces what is in the folder.
    ///
    /// # Errors
    /// When the node or the disk fails.
    pub async fn open(folder: &Path, url: &str) -> Result<Self> {
        fs::create_dir_all(folder).with_context(|| format!("{} cannot be made", folder.display()))?;
        let node = chain::local::node(url.parse().context("the local chain's URL is not valid")?);
        let Some(base) = newest_snapshot(folder)? else { return Self::begin(folder, node).await };
        let kept = read(&journal(folder, base))?;
        if node.get_block_number().await? == 0 {
            let state = fs::read_to_string(snapshot(folder, base))?;
            let loaded: bool = node.raw_request("anvil_loadState".into(), [state]).await?;
            ensure!(loaded, "the node did not take the snapshot in {}", folder.display());
        } else if !holds(&node, &kept.entries).await? {
            return Self::begin(folder, node).await;
        }
        Self::restore(folder, node, base, kept).await
    }

    /// Returns the number of the newest block on disk.
    pub(super) fn newest(&self) -> u64 {
        self.newest.0
    }

    /// Writes those of consecutive blocks that are new. `head` is the number of the chain's newest block.
    ///
    /// # Errors
    /// When the node or the disk fails.
    pub(super) async fn append(&mut self, head: u64, blocks: &[Block]) -> Result<()> {
        if head < self.newest.0 {
            return self.renew().await;
        }
        let mut newest = self.newest;
        let mut lines = Vec::new();
        for block in blocks.iter().filter(|block| block.header.number > self.newest.0) {
            let header = &block.header;
            if header.parent_hash != newest.1 {
                // Somebody took the chain back to an earlier block.
                return self.renew().await;
            }
            newest = (header.number, header.hash);
            lines.extend(self.entry(block).await?.line()?);
        }
        if !lines.is_empty() {
            self.journal.write_all(&lines)?;
            self.journal.sync_data()?;
            self.newest = newest;
        }
        if newest.0 - self.base > SHORTEST_JOURNAL.max(self.base / JOURNAL_PART) {
            self.renew().await?;
        }
        Ok(())
    }

    async fn renew(&mut self) -> Result<()> {
        *self = Self::begin(&self.folder, self.node.clone()).await?;
        Ok(())
    }

    /// Makes a snapshot, and a new journal after it.
    async fn begin(folder: &Path, node: DynProvider) -> Result<Self> {
        if node.get_block_number().await? == 0 {
            // A node has a first block of its own, and does not take that of a snapshot which has no other.
            node.anvil_mine(Some(1), None).await?;
        }
        let newest = block(&node, BlockNumberOrTag::Latest).await?.header;
        let base = newest.number;
        let state: String = node.raw_request("anvil_dumpState".into(), ()).await?;
        let (snapshot, unfinished) = (snapshot(folder, base), folder.join("unfinished"));
        let mut file = File::create(&unfinished)?;
        file.write_all(state.as_bytes())?;
        file.sync_all()?;
        // The journal of another chain of this length must not follow the new snapshot. The first line is the snapshot's block.
        let mut journal = File::create(journal(folder, base))?;
        let first = Entry { number: base, hash: newest.hash, timestamp: newest.timestamp, transactions: Vec::new() };
        journal.write_all(&first.line()?)?;
        journal.sync_data()?;
        fs::rename(&unfinished, &snapshot)?;
        File::open(folder)?.sync_all()?;
        for (number, path) in files(folder)? {
            if number != base {
                fs::remove_file(path)?;
            }
        }
        Ok(Self { folder: folder.to_owned(), node, base, newest: (base, newest.hash), journal })
    }

    /// Mines the blocks of the journal that the node does not have.
    async fn restore(folder: &Path, node: DynProvider, base: u64, kept: Kept) -> Result<Self> {
        let mut newest = block(&node, BlockNumberOrTag::Latest).await?.header;
        let first = newest.number + 1;
        // The clock of a node that starts is the present, and blocks are never older than its clock.
        node.anvil_set_time(newest.timestamp).await?;
        node.anvil_set_auto_mine(false).await?;
        // A restoration that ended early may have left transactions that were not mined.
        node.anvil_drop_all_transactions().await?;
        let mut differs = None;
        for entry in kept.entries.iter().filter(|entry| entry.number >= first) {
            match mine(&node, entry).await {
                Ok(header) => newest = header,
                Err(error) => {
                    differs = Some(error);
                    break;
                }
            }
        }
        node.anvil_set_auto_mine(true).await?;
        if let Some(error) = differs {
            let number = newest.number;
            tracing::warn!("the local chain is as it was up to block {number}; what came after it is lost: {error:#}");
            return Self::begin(folder, node).await;
        }
        let journal = File::options().create(true).append(true).open(journal(folder, base))?;
        // A line that a kill cut off would spoil the next one.
        journal.set_len(kept.length)?;
        // Blocks of the node that are not in the journal are still to be written.
        let newest = kept.entries.last().map_or((newest.number, newest.hash), |entry| (entry.number, entry.hash));
        Ok(Self { folder: folder.to_owned(), node, base, newest, journal })
    }

    async fn entry(&self, block: &Block) -> Result<Entry> {
        let mut transactions = Vec::new();
        for hash in block.transactions.hashes() {
            let raw = self.node.get_raw_transaction_by_hash(hash).await?;
            transactions.push(raw.with_context(|| format!("the node does not know its transaction {hash}"))?);
        }
        let header = &block.header;
        Ok(Entry { number: header.number, hash: header.hash, timestamp: header.timestamp, transactions })
    }
}

/// Mines a block again, checks that it is the same, and returns its header.
async fn mine(node: &DynProvider, entry: &Entry) -> Result<Header> {
    node.anvil_set_next_block_timestamp(entry.timestamp).await?;
    for transaction in &entry.transactions {
        // It is not looked for afterwards, as `send_raw_transaction` would prepare.
        let _: B256 = node.raw_request("eth_sendRawTransaction".into(), [transaction]).await?;
    }
    node.anvil_mine(Some(1), None).await?;
    let mined = block(node, BlockNumberOrTag::Latest).await?.header;
    ensure!(
        (mined.number, mined.hash) == (entry.number, entry.hash),
        "block {} has the hash {}, and had {}",
        mined.number,
        mined.hash,
        entry.hash
    );
    Ok(mined)
}

/// Tells whether the node's chain is that of the journal, as far as the shorter of the two goes.
async fn holds(node: &DynProvider, entries: &[Entry]) -> Result<bool> {
    let head = node.get_block_number().await?;
    let Some(entry) = entries.iter().rfind(|entry| entry.number <= head) else { return Ok(false) };
    Ok(block(node, entry.number.into()).await?.header.hash == entry.hash)
}

/// Reads a journal up to the first line that is not whole.
fn read(path: &Path) -> Result<Kept> {
    let text = match fs::read(path) {
        Ok(text) => text,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Vec::new(),
        Err(error) => return Err(error).with_context(|| format!("{} cannot be read", path.display())),
    };
    let mut kept = Kept { entries: Vec::new(), length: 0 };
    for line in text.split_inclusive(|byte| *byte == b'\n') {
        match serde_json::from_slice(line) {
            Ok(entry) if line.ends_with(b"\n") => kept.entries.push(entry),
            _ => break,
        }
        kept.length += line.len() as u64;
    }
    Ok(kept)
}

fn snapshot(folder: &Path, base: u64) -> PathBuf {
    folder.join(format!("snapshot-{base}"))
}

fn journal(folder: &Path, base: u64) -> PathBuf {
    folder.join(format!("journal-{base}"))
}

fn newest_snapshot(folder: &Path) -> Result<Option<u64>> {
    Ok(files(folder)?
        .into_iter()
        .filter(|(number, path)| *path == snapshot(folder, *number))
        .map(|(number, _)| number)
        .max())
}

/// The snapshots and journals of a folder, each with its number.
fn files(folder: &Path) -> Result<Vec<(u64, PathBuf)>> {
    let mut files = Vec::new();
    for file in fs::read_dir(folder)? {
        let path = file?.path();
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        let number = name.strip_prefix("snapshot-").or_else(|| name.strip_prefix("journal-"));
        if let Some(number) = number.and_then(|number| number.parse().ok()) {
            files.push((number, path));
        }
    }
    Ok(files)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::expect_used, clippy::unwrap_used, reason = "what fails in a test panics")]

    use alloy::{
        network::TransactionBuilder,
        primitives::{Address, U256},
        rpc::types::TransactionRequest,
    };
    use testkit::{Chain, account};

    use super::{super::Keeper, *};

    const RECIPIENT: Address = Address::repeat_byte(7);

    /// Sends one wei, which is mined in a block of its own.
    async fn pay(chain: &Chain) -> Result<()> {
        let node = &chain.provider;
        let request = TransactionRequest::default().with_from(account(1)).with_to(RECIPIENT).with_value(U256::ONE);
        let hash = *node.send_transaction(request).await?.tx_hash();
        while node.get_transaction_receipt(hash).await?.is_none() {
            tokio::task::yield_now().await;
        }
        Ok(())
    }

    /// The number and the hash of the newest block, and what the recipient has.
    async fn state(chain: &Chain) -> Result<(u64, B256, U256)> {
        let newest = block(&chain.provider, BlockNumberOrTag::Latest).await?.header;
        Ok((newest.number, newest.hash, chain.provider.get_balance(RECIPIENT).await?))
    }

    /// Starts a node, and restores the chain in it.
    async fn restored(folder: &Path) -> Result<(Chain, Keeper)> {
        let chain = Chain::start().await?;
        let archive = Archive::open(folder, &chain.url()).await?;
        let keeper = Keeper::new(chain.provider.clone(), Some(archive));
        Ok((chain, keeper))
    }

    /// Checks that the next block is kept too.
    async fn goes_on(folder: &Path, (chain, mut keeper): (Chain, Keeper)) -> Result<()> {
        pay(&chain).await?;
        keeper.follow().await?;
        let next = state(&chain).await?;
        assert_eq!(state(&restored(folder).await?.0).await?, next);
        Ok(())
    }

    #[tokio::test]
    async fn a_chain_that_was_killed_comes_back_block_by_block_again_and_again() -> Result<()> {
        let folder = tempfile::tempdir()?;
        let (mut chain, mut keeper) = restored(folder.path()).await?;
        for round in 1..=3_u64 {
            pay(&chain).await?;
            chain.mine(2).await?;
            pay(&chain).await?;
            keeper.follow().await?;
            let before = state(&chain).await?;
            assert_eq!((before.0, before.2), (1 + 4 * round, U256::from(2 * round)));
            (chain, keeper) = restored(folder.path()).await?;
            assert_eq!(state(&chain).await?, before);
        }
        Ok(())
    }

    #[tokio::test]
    async fn what_was_written_by_half_is_lost_and_nothing_else() -> Result<()> {
        let folder = tempfile::tempdir()?;
        let (chain, mut keeper) = restored(folder.path()).await?;
        pay(&chain).await?;
        keeper.follow().await?;
        let whole = state(&chain).await?;
        pay(&chain).await?;
        keeper.follow().await?;
        let path = journal(folder.path(), 1);
        let text = fs::read(&path)?;
        fs::write(&path, &text[..text.len() - 9])?;

        let (chain, keeper) = restored(folder.path()).await?;
        assert_eq!(state(&chain).await?, whole);
        // What comes next stands on a line of its own.
        goes_on(folder.path(), (chain, keeper)).await
    }

    #[tokio::test]
    async fn a_restoration_that_ended_early_is_finished_by_the_next() -> Result<()> {
        let folder = tempfile::tempdir()?;
        let (chain, mut keeper) = restored(folder.path()).await?;
        for _ in 0..4 {
            pay(&chain).await?;
        }
        keeper.follow().await?;
        let before = state(&chain).await?;
        let kept = read(&journal(folder.path(), 1))?;
        // The first two blocks were mined, and a transaction of the third was sent, when the program ended. The node lives on.
        let chain = Chain::start().await?;
        let node = &chain.provider;
        let early = fs::read_to_string(snapshot(folder.path(), 1))?;
        assert!(node.raw_request::<_, bool>("anvil_loadState".into(), [early]).await?);
        node.anvil_set_time(block(node, BlockNumberOrTag::Latest).await?.header.timestamp).await?;
        node.anvil_set_auto_mine(false).await?;
        for entry in &kept.entries[1..3] {
            mine(node, entry).await?;
        }
        let _: B256 = node.raw_request("eth_sendRawTransaction".into(), [&kept.entries[3].transactions[0]]).await?;
        let archive = Archive::open(folder.path(), &chain.url()).await?;
        assert_eq!(state(&chain).await?, before);
        assert_eq!((archive.base, archive.newest()), (1, before.0), "the snapshot stays");
        let keeper = Keeper::new(chain.provider.clone(), Some(archive));
        goes_on(folder.path(), (chain, keeper)).await
    }

    #[tokio::test]
    async fn a_node_that_outlived_the_program_keeps_what_it_mined_meanwhile() -> Result<()> {
        let folder = tempfile::tempdir()?;
        let (chain, mut keeper) = restored(folder.path()).await?;
        pay(&chain).await?;
        keeper.follow().await?;
        drop(keeper);
        pay(&chain).await?;
        let archive = Archive::open(folder.path(), &chain.url()).await?;
        assert_eq!(archive.base, 1, "no new snapshot is needed");
        let mut keeper = Keeper::new(chain.provider.clone(), Some(archive));
        keeper.follow().await?;
        let before = state(&chain).await?;
        assert_eq!(keeper.durable().map(|durable| *durable.borrow()), Some(before.0));
        assert_eq!(state(&restored(folder.path()).await?.0).await?, before);

        // A node with another chain is believed.
        let other = Chain::start().await?;
        other.mine(7).await?;
        let archive = Archive::open(folder.path(), &other.url()).await?;
        assert_eq!((archive.base, archive.newest()), (7, 7));
        Ok(())
    }

    #[tokio::test]
    async fn after_a_block_that_comes_out_different_the_chain_is_another() -> Result<()> {
        let folder = tempfile::tempdir()?;
        let (chain, mut keeper) = restored(folder.path()).await?;
        pay(&chain).await?;
        let before = state(&chain).await?;
        // The journal does not have what a user does to the node by its own methods.
        chain.provider.anvil_set_balance(account(2), U256::ONE).await?;
        pay(&chain).await?;
        let different = state(&chain).await?;
        keeper.follow().await?;
        let (chain, keeper) = restored(folder.path()).await?;
        assert_eq!(block(&chain.provider, before.0.into()).await?.header.hash, before.1);
        let after = state(&chain).await?;
        assert!(after.0 >= before.0 && after.1 != B256::ZERO);
        assert_ne!(after.1, different.1);
        goes_on(folder.path(), (chain, keeper)).await
    }

    #[tokio::test]
    async fn a_long_journal_becomes_a_snapshot() -> Result<()> {
        let folder = tempfile::tempdir()?;
        let (chain, mut keeper) = restored(folder.path()).await?;
        pay(&chain).await?;
        chain.mine(SHORTEST_JOURNAL).await?;
        keeper.follow().await?;
        let before = state(&chain).await?;
        assert_eq!(keeper.archive.as_ref().map(|archive| archive.base), Some(before.0));
        let mut names: Vec<PathBuf> = files(folder.path())?.into_iter().map(|(_, path)| path).collect();
        names.sort();
        assert_eq!(names, [journal(folder.path(), before.0), snapshot(folder.path(), before.0)]);
        assert_eq!(state(&restored(folder.path()).await?.0).await?, before);
        Ok(())
    }

    #[tokio::test]
    async fn a_chain_that_was_taken_back_is_kept_as_it_is_then() -> Result<()> {
        let folder = tempfile::tempdir()?;
        let (chain, mut keeper) = restored(folder.path()).await?;
        let point = chain.provider.anvil_snapshot().await?;
        pay(&chain).await?;
        pay(&chain).await?;
        keeper.follow().await?;
        assert!(chain.provider.anvil_revert(point).await?);
        // The other chain is longer, so only the hash of its first block tells it apart.
        chain.mine(5).await?;
        keeper.follow().await?;
        let before = state(&chain).await?;
        assert_eq!((before.0, before.2), (6, U256::ZERO));
        assert_eq!(state(&restored(folder.path()).await?.0).await?, before);
        Ok(())
    }
}

//! Files in a vault on disk: stored, read back, cut off, too large, damaged.

#![allow(clippy::expect_used, clippy::unwrap_used, reason = "what fails in a test panics")]

use std::{convert::Infallible, fs, path::PathBuf, sync::Arc};

use bytes::Bytes;
use domain::{B256, ContentHash};
use futures::{StreamExt, TryStreamExt, stream};
use vault::{
    BlockStore, Cid, Codec, DiskStore, StoreError, Vault, VaultError,
    importer::{CHUNK, LINKS},
    unixfs::{FileNode, Link},
};

const LIMIT: u64 = 100 << 20;

struct Fixture {
    root: tempfile::TempDir,
    store: Arc<DiskStore>,
    vault: Vault,
}

fn fixture() -> Fixture {
    limited(LIMIT)
}

fn limited(max_bytes: u64) -> Fixture {
    let root = tempfile::tempdir().unwrap();
    let store = Arc::new(DiskStore::open(root.path()).unwrap());
    let vault = Vault::new(store.clone(), max_bytes);
    Fixture { root, store, vault }
}

impl Fixture {
    async fn read(&self, cid: Cid) -> Result<Vec<u8>, VaultError> {
        let parts: Vec<Bytes> = self.vault.read(cid).try_collect().await?;
        Ok(parts.concat())
    }

    async fn put_node(&self, node: &FileNode) -> Cid {
        let bytes = Bytes::from(node.encode());
        let cid = Cid::of(Codec::DagPb, &bytes);
        self.store.put(cid, bytes).await.unwrap();
        cid
    }

    fn files(&self) -> Vec<PathBuf> {
        let folders = fs::read_dir(self.root.path().join("blocks")).unwrap();
        folders
            .flat_map(|folder| fs::read_dir(folder.unwrap().path()).unwrap())
            .map(|file| file.unwrap().path())
            .collect()
    }
}

/// Returns content in which no two chunks are equal.
fn content(size: usize) -> Bytes {
    (0..size).map(|k| (k % 65_521 * 7 % 251) as u8).collect::<Vec<u8>>().into()
}

/// Returns the bytes as an upload would bring them, in parts of uneven size.
fn upload(bytes: &Bytes) -> impl stream::Stream<Item = Result<Bytes, Infallible>> + use<> {
    let parts: Vec<Bytes> = bytes.chunks(77_777).map(Bytes::copy_from_slice).collect();
    stream::iter(parts).map(Ok)
}

#[tokio::test]
async fn what_goes_in_comes_out() {
    let fixture = fixture();
    for size in [0, 1, CHUNK - 1, CHUNK, CHUNK + 1, 2 * CHUNK, 3 * CHUNK + 5] {
        let bytes = content(size);
        let stored = fixture.vault.store_stream(upload(&bytes)).await.unwrap();
        assert_eq!(stored.size, size as u64);
        assert_eq!(fixture.read(stored.cid).await.unwrap(), bytes, "{size} bytes");
        assert_eq!(fixture.vault.size(stored.cid).await.unwrap(), size as u64);
        assert_eq!(fixture.vault.verify(stored.cid, stored.content_hash).await.unwrap(), size as u64);
        assert_eq!(fixture.vault.put_bytes(bytes).await.unwrap(), stored, "the same again");
    }
}

#[tokio::test]
async fn a_file_of_more_chunks_than_a_node_has_links() {
    let fixture = fixture();
    // All chunks are equal, so the tree has its full shape, but the disk has only a few blocks.
    let bytes = Bytes::from(vec![7; (LINKS + 1) * CHUNK]);
    let stored = fixture.vault.put_bytes(bytes.clone()).await.unwrap();
    assert_eq!((stored.blocks, fixture.files().len()), (LINKS as u64 + 4, 4));
    assert!(fixture.read(stored.cid).await.unwrap() == bytes);
}

#[tokio::test]
async fn a_range_fetches_only_its_blocks() {
    let fixture = fixture();
    let bytes = content(3 * CHUNK + 5);
    let stored = fixture.vault.put_bytes(bytes.clone()).await.unwrap();
    let size = bytes.len();
    for (from, to) in
        [(0, 0), (0, 1), (CHUNK - 1, CHUNK + 1), (CHUNK, 2 * CHUNK), (5, size), (size - 1, size), (size, size)]
    {
        let parts: Vec<Bytes> =
            fixture.vault.read_range(stored.cid, from as u64..to as u64).try_collect().await.unwrap();
        assert!(parts.concat() == bytes[from..to], "{from} to {to}");
    }
    let beyond: Vec<Bytes> = fixture.vault.read_range(stored.cid, 10..u64::MAX).try_collect().await.unwrap();
    assert!(beyond.concat() == bytes[10..]);

    let second = Cid::of(Codec::Raw, &bytes[CHUNK..2 * CHUNK]);
    fs::remove_file(fixture.files().into_iter().find(|path| path.ends_with(second.to_string())).unwrap()).unwrap();
    let rest = fixture.vault.read_range(stored.cid, 2 * CHUNK as u64..u64::MAX);
    assert!(rest.try_collect::<Vec<Bytes>>().await.unwrap().concat() == bytes[2 * CHUNK..]);
    let error = fixture.read(stored.cid).await.unwrap_err();
    assert!(matches!(error, VaultError::Missing { file, missing } if file == stored.cid && missing == second));
}

#[tokio::test]
async fn an_upload_cut_off_gives_no_name() {
    let fixture = fixture();
    let bytes = content(CHUNK + 500);
    let cut = stream::iter([Ok(bytes.slice(..CHUNK + 100)), Err("connection reset")]);
    let error = fixture.vault.store_stream(cut).await.unwrap_err();
    assert_eq!(error.to_string(), format!("the upload broke off after {} bytes: send the file again", CHUNK + 100));
    assert!(matches!(&error, VaultError::Interrupted { source, .. } if source.to_string() == "connection reset"));
    let root = Vault::new(Arc::new(DiskStore::open(fixture.root.path()).unwrap()), LIMIT);
    let stored = root.put_bytes(bytes.clone()).await.unwrap();
    assert_eq!(fixture.read(stored.cid).await.unwrap(), bytes);
}

#[tokio::test]
async fn a_file_over_the_limit_is_refused_with_the_limit() {
    let fixture = limited(1_000);
    assert!(fixture.vault.put_bytes(content(1_000)).await.is_ok());
    let error = fixture.vault.put_bytes(content(1_001)).await.unwrap_err();
    assert_eq!(error.to_string(), "the file has more than 1000 bytes, the most that is taken");
    // An endless stream is not read beyond the limit.
    let endless = stream::repeat_with(|| Ok::<_, Infallible>(Bytes::from_static(&[1; 100])));
    assert!(matches!(fixture.vault.store_stream(endless).await, Err(VaultError::TooLarge { max_bytes: 1_000 })));
}

#[tokio::test]
async fn a_corrupt_block_is_never_served() {
    let fixture = fixture();
    let bytes = content(2 * CHUNK);
    let stored = fixture.vault.put_bytes(bytes.clone()).await.unwrap();
    let second = Cid::of(Codec::Raw, &bytes[CHUNK..]);
    let path = fixture.files().into_iter().find(|path| path.ends_with(second.to_string())).unwrap();
    fs::write(path, &bytes[..CHUNK]).unwrap();
    let parts: Vec<Result<Bytes, VaultError>> = fixture.vault.read(stored.cid).collect().await;
    assert_eq!(parts.len(), 2, "the first block, then the error, then the end");
    assert!(*parts[0].as_ref().unwrap() == bytes[..CHUNK]);
    let Err(VaultError::Store(StoreError::Corrupt { cid, .. })) = &parts[1] else { panic!("{:?}", parts[1]) };
    assert_eq!(*cid, second);
    assert!(fixture.vault.verify(stored.cid, stored.content_hash).await.is_err());
}

#[tokio::test]
async fn a_file_with_another_hash_is_not_the_one() {
    let fixture = fixture();
    let stored = fixture.vault.put_bytes(content(10)).await.unwrap();
    let expected = ContentHash(B256::ZERO);
    let error = fixture.vault.verify(stored.cid, expected).await.unwrap_err();
    assert!(matches!(error, VaultError::WrongHash { actual, .. } if actual == stored.content_hash));
}

#[tokio::test]
async fn many_uploads_of_one_file_at_once() {
    let fixture = fixture();
    let bytes = content(CHUNK + 10);
    let uploads = (0..8).map(|_| fixture.vault.store_stream(upload(&bytes)));
    let stored = futures::future::try_join_all(uploads).await.unwrap();
    assert!(stored.iter().all(|one| *one == stored[0]));
    assert_eq!(fixture.files().len(), 3);
    assert!(fixture.read(stored[0].cid).await.unwrap() == bytes);
}

#[tokio::test]
async fn files_made_to_mislead_are_refused() {
    let fixture = limited(1_000);
    let leaf = fixture.vault.put_bytes(content(10)).await.unwrap().cid;
    let link = |cid, file_size| Link { cid, file_size, dag_size: 0 };
    let node = |links| FileNode { data: Bytes::new(), links };

    let wrong_size = fixture.put_node(&node(vec![link(leaf, 11)])).await;
    let error = fixture.read(wrong_size).await.unwrap_err();
    assert!(matches!(error, VaultError::Inconsistent { block, .. } if block == leaf));

    let too_large = fixture.put_node(&node(vec![link(leaf, 10); 101])).await;
    assert!(matches!(fixture.read(too_large).await.unwrap_err(), VaultError::TooLarge { max_bytes: 1_000 }));

    let mut deep = leaf;
    for _ in 0..40 {
        deep = fixture.put_node(&node(vec![link(deep, 10)])).await;
    }
    assert!(matches!(fixture.read(deep).await.unwrap_err(), VaultError::Inconsistent { .. }));

    let nonsense = Bytes::from_static(b"not a node");
    let cid = Cid::of(Codec::DagPb, &nonsense);
    fixture.store.put(cid, nonsense).await.unwrap();
    assert!(matches!(fixture.read(cid).await.unwrap_err(), VaultError::Node { block, .. } if block == cid));
}

#[tokio::test]
async fn files_of_older_imports_are_read_too() {
    let fixture = fixture();
    let mut leaves = Vec::new();
    for text in ["hello ", "world"] {
        let leaf = FileNode { data: text.into(), links: Vec::new() };
        leaves.push(Link { cid: fixture.put_node(&leaf).await, file_size: text.len() as u64, dag_size: 0 });
    }
    let root = fixture.put_node(&FileNode { data: Bytes::new(), links: leaves }).await;
    assert_eq!(fixture.read(Cid::v0(*root.digest())).await.unwrap(), b"hello world");
}

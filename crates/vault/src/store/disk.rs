//! Blocks as files in a folder: the store for one machine, which needs no other service.
//!
//! ```text
//! <root>/blocks/3f/bafk...     a block, in one of 256 folders by the first byte of its hash
//! <root>/tmp/...               blocks being written
//! ```
//!
//! A block is written to `tmp`, synced, and renamed into place, so a file under `blocks` is always whole. Several
//! processes may use one folder.

use std::{
    ffi::OsString,
    fs::{self, File},
    io::{ErrorKind, Write},
    path::{Path, PathBuf},
    process,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, SystemTime},
};

use bytes::Bytes;
use futures::future::BoxFuture;

use super::{BlockStore, MAX_BLOCK, StoreError, check};
use crate::cid::Cid;

/// A temporary file of this age cannot belong to a write that is still going on.
const ABANDONED: Duration = Duration::from_secs(3600);

/// Blocks in a folder.
#[derive(Debug, Clone)]
pub struct DiskStore {
    folder: Arc<Folder>,
}

#[derive(Debug)]
struct Folder {
    blocks: PathBuf,
    temporary: PathBuf,
    next: AtomicU64,
}

impl DiskStore {
    /// Opens the folder, creates it if necessary, and removes what was left by writes that a crash cut off. This blocks
    /// the thread, and is meant for start-up.
    ///
    /// # Errors
    /// When the folder cannot be created, read or written.
    pub fn open(root: impl AsRef<Path>) -> Result<Self, StoreError> {
        let folder = Folder {
            blocks: root.as_ref().join("blocks"),
            temporary: root.as_ref().join("tmp"),
            next: AtomicU64::new(0),
        };
        for path in [&folder.blocks, &folder.temporary] {
            fs::create_dir_all(path).map_err(at(path))?;
        }
        let removed = folder.remove_abandoned()?;
        if removed > 0 {
            tracing::info!(removed, folder = %folder.temporary.display(), "removed unfinished blocks");
        }
        Ok(Self { folder: Arc::new(folder) })
    }
}

impl BlockStore for DiskStore {
    fn put(&self, cid: Cid, bytes: Bytes) -> BoxFuture<'_, Result<(), StoreError>> {
        let folder = self.folder.clone();
        Box::pin(blocking(move || folder.put(cid, &bytes)))
    }

    fn get(&self, cid: Cid) -> BoxFuture<'_, Result<Option<Bytes>, StoreError>> {
        let folder = self.folder.clone();
        Box::pin(blocking(move || folder.get(cid)))
    }

    fn has(&self, cid: Cid) -> BoxFuture<'_, Result<bool, StoreError>> {
        let path = self.folder.path(cid);
        Box::pin(blocking(move || path.try_exists().map_err(at(&path))))
    }

    /// Does nothing, because this store never collects garbage.
    fn keep(&self, _root: Cid) -> BoxFuture<'_, Result<(), StoreError>> {
        Box::pin(async { Ok(()) })
    }
}

async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, StoreError> + Send + 'static,
) -> Result<T, StoreError> {
    tokio::task::spawn_blocking(work).await.map_err(StoreError::Stopped)?
}

fn at(path: &Path) -> impl FnOnce(std::io::Error) -> StoreError {
    let path = path.to_owned();
    |source| StoreError::Io { path, source }
}

impl Folder {
    /// Returns the path of a block. Blocks are named by content, however the CID is written, so one file serves both
    /// versions of a name.
    fn path(&self, cid: Cid) -> PathBuf {
        let cid = Cid::v1(cid.codec(), *cid.digest());
        self.blocks.join(format!("{:02x}", cid.digest()[0])).join(cid.to_string())
    }

    fn put(&self, cid: Cid, bytes: &[u8]) -> Result<(), StoreError> {
        check(cid, bytes)?;
        let path = self.path(cid);
        // A block that is stored already is compared and not trusted, so that putting it again repairs damage.
        if read(&path)?.is_some_and(|stored| stored == bytes) {
            return Ok(());
        }
        let temporary = self.write_temporary(bytes)?;
        let shard = path.parent().unwrap_or(&self.blocks);
        let moved = (|| {
            fs::create_dir_all(shard).map_err(at(shard))?;
            fs::rename(&temporary, &path).map_err(at(&path))?;
            // A rename survives a crash once the folder is synced, and a new folder once its parent is synced.
            for folder in [shard, &self.blocks] {
                File::open(folder).and_then(|folder| folder.sync_all()).map_err(at(folder))?;
            }
            Ok(())
        })();
        if moved.is_err() {
            // The first error is the one to report. The file would be removed at a later start anyway.
            let _ = fs::remove_file(&temporary);
        }
        moved
    }

    fn write_temporary(&self, bytes: &[u8]) -> Result<PathBuf, StoreError> {
        loop {
            let name = format!("{}-{}", process::id(), self.next.fetch_add(1, Ordering::Relaxed));
            let path = self.temporary.join(OsString::from(name));
            let mut file = match File::create_new(&path) {
                Ok(file) => file,
                // Another process had our process id: in another container, or before a crash.
                Err(error) if error.kind() == ErrorKind::AlreadyExists => continue,
                Err(error) => return Err(at(&path)(error)),
            };
            return match file.write_all(bytes).and_then(|()| file.sync_all()) {
                Ok(()) => Ok(path),
                Err(error) => {
                    let _ = fs::remove_file(&path); // the disk is full, most likely; see above
                    Err(at(&path)(error))
                }
            };
        }
    }

    fn get(&self, cid: Cid) -> Result<Option<Bytes>, StoreError> {
        let path = self.path(cid);
        match read(&path)? {
            Some(bytes) if !cid.names(&bytes) => Err(StoreError::Corrupt { cid, place: path.display().to_string() }),
            bytes => Ok(bytes.map(Bytes::from)),
        }
    }

    fn remove_abandoned(&self) -> Result<u64, StoreError> {
        let mut removed = 0;
        for entry in fs::read_dir(&self.temporary).map_err(at(&self.temporary))? {
            let path = entry.map_err(at(&self.temporary))?.path();
            // Another process may finish or remove a file while we look at it.
            let Some(modified) = present(fs::metadata(&path).and_then(|data| data.modified()), &path)? else {
                continue;
            };
            let age = SystemTime::now().duration_since(modified).unwrap_or_default();
            if age > ABANDONED && present(fs::remove_file(&path), &path)?.is_some() {
                removed += 1;
            }
        }
        Ok(removed)
    }
}

/// Returns the bytes of a file, if it exists. A file larger than any block is damaged, so its beginning is enough to
/// detect this.
fn read(path: &Path) -> Result<Option<Vec<u8>>, StoreError> {
    let Some(file) = present(File::open(path), path)? else { return Ok(None) };
    let mut bytes = Vec::new();
    std::io::Read::read_to_end(&mut std::io::Read::take(file, MAX_BLOCK as u64 + 1), &mut bytes).map_err(at(path))?;
    Ok(Some(bytes))
}

/// Turns the error that something does not exist into `None`.
fn present<T>(result: std::io::Result<T>, path: &Path) -> Result<Option<T>, StoreError> {
    match result {
        Ok(value) => Ok(Some(value)),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(at(path)(error)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cid::Codec;

    fn open() -> (tempfile::TempDir, DiskStore) {
        let root = tempfile::tempdir().unwrap();
        let store = DiskStore::open(root.path()).unwrap();
        (root, store)
    }

    #[tokio::test]
    async fn what_is_put_is_there_and_stays_there() {
        let (root, store) = open();
        let bytes = Bytes::from_static(b"hello");
        let cid = Cid::of(Codec::Raw, &bytes);
        assert!(!store.has(cid).await.unwrap());
        assert_eq!(store.get(cid).await.unwrap(), None);
        for _ in 0..2 {
            store.put(cid, bytes.clone()).await.unwrap();
        }
        store.keep(cid).await.unwrap();
        let reopened = DiskStore::open(root.path()).unwrap();
        assert!(reopened.has(cid).await.unwrap());
        assert_eq!(reopened.get(cid).await.unwrap(), Some(bytes));
        assert_eq!(fs::read_dir(root.path().join("tmp")).unwrap().count(), 0);
    }

    #[tokio::test]
    async fn a_wrong_name_is_refused() {
        let (_root, store) = open();
        let cid = Cid::of(Codec::Raw, b"hello");
        let error = store.put(cid, Bytes::from_static(b"hellp")).await.unwrap_err();
        assert!(matches!(error, StoreError::WrongName { cid: named } if named == cid));
        assert!(!store.has(cid).await.unwrap());
        let large = Bytes::from(vec![0; MAX_BLOCK + 1]);
        let error = store.put(Cid::of(Codec::Raw, &large), large).await.unwrap_err();
        assert!(matches!(error, StoreError::TooLarge { .. }));
    }

    #[tokio::test]
    async fn a_corrupt_block_is_named_and_healed_by_putting_it_again() {
        let (_root, store) = open();
        let bytes = Bytes::from_static(b"hello");
        let cid = Cid::of(Codec::Raw, &bytes);
        store.put(cid, bytes.clone()).await.unwrap();
        for damage in [&b"jello"[..], b"", b"hello!"] {
            fs::write(store.folder.path(cid), damage).unwrap();
            let error = store.get(cid).await.unwrap_err();
            assert!(matches!(error, StoreError::Corrupt { cid: named, .. } if named == cid));
            assert!(error.to_string().contains(&cid.to_string()));
            store.put(cid, bytes.clone()).await.unwrap();
            assert_eq!(store.get(cid).await.unwrap(), Some(bytes.clone()));
        }
    }

    #[tokio::test]
    async fn both_versions_of_a_name_find_the_block() {
        let (_root, store) = open();
        let bytes = Bytes::from_static(&[0x0a, 4, 8, 2, 0x18, 0]);
        let new = Cid::of(Codec::DagPb, &bytes);
        store.put(new, bytes.clone()).await.unwrap();
        assert_eq!(store.get(Cid::v0(*new.digest())).await.unwrap(), Some(bytes));
    }

    #[tokio::test]
    async fn many_writers_of_one_block() {
        let (root, store) = open();
        let bytes = Bytes::from(vec![7; 200_000]);
        let cid = Cid::of(Codec::Raw, &bytes);
        let other = DiskStore::open(root.path()).unwrap();
        let puts = (0..32).map(|n| if n % 2 == 0 { &store } else { &other }.put(cid, bytes.clone()));
        futures::future::try_join_all(puts).await.unwrap();
        assert_eq!(store.get(cid).await.unwrap(), Some(bytes));
        assert_eq!(fs::read_dir(root.path().join("tmp")).unwrap().count(), 0);
    }

    #[test]
    fn only_abandoned_files_are_removed() {
        let (root, _store) = open();
        let (old, new) = (root.path().join("tmp/1-0"), root.path().join("tmp/1-1"));
        for path in [&old, &new] {
            fs::write(path, "half a block").unwrap();
        }
        let long_ago = SystemTime::now() - ABANDONED * 2;
        File::options().write(true).open(&old).unwrap().set_modified(long_ago).unwrap();
        DiskStore::open(root.path()).unwrap();
        assert!(!old.exists() && new.exists());
    }
}

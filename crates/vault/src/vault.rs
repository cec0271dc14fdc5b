//! Files on top of a block store. They are stored from a stream up to a size limit, and read as a stream with every byte
//! verified.

use std::{error::Error, ops::Range, pin::pin, sync::Arc};

use bytes::Bytes;
use domain::{B256, ContentHash};
use futures::{
    Stream, TryStreamExt,
    stream::{self, StreamExt},
};
use sha2::{Digest, Sha256};

use crate::{
    cid::{Cid, Codec},
    importer::{Block, CHUNK, Importer, Layout},
    store::{BlockStore, StoreError},
    unixfs::{FileNode, NodeError},
};

/// The most levels of nodes in a file. The balanced layout needs 5 for any file. Other layouts are deeper, but none is this
/// deep.
const MAX_DEPTH: u32 = 32;

/// Files in a block store, up to a size.
#[derive(Debug, Clone)]
pub struct Vault {
    store: Arc<dyn BlockStore>,
    max_bytes: u64,
}

/// A file that is stored in the vault.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stored {
    /// The CID that names it.
    pub cid: Cid,
    /// The SHA-256 of its bytes.
    pub content_hash: ContentHash,
    /// Its size in bytes.
    pub size: u64,
    /// The number of its blocks. Equal blocks are counted each time.
    pub blocks: u64,
}

/// The reason why a file was not stored or cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum VaultError {
    /// The file is larger than this vault accepts.
    #[error("the file has more than {max_bytes} bytes, the most that is taken")]
    TooLarge {
        /// The limit in bytes.
        max_bytes: u64,
    },
    /// The stream of bytes ended with an error, for example because an upload was cut off.
    #[error("the upload broke off after {received} bytes: send the file again")]
    Interrupted {
        /// The number of bytes that were received before.
        received: u64,
        /// The error of the stream.
        source: Box<dyn Error + Send + Sync>,
    },
    /// A block of the file is not in the store.
    #[error("block {missing} of file {file} is not in the store")]
    Missing {
        /// The file.
        file: Cid,
        /// The block.
        missing: Cid,
    },
    /// A block is not a node of a file, although its name says so.
    #[error("block {block} of file {file} is unusable")]
    Node {
        /// The file.
        file: Cid,
        /// The block.
        block: Cid,
        /// The reason.
        source: NodeError,
    },
    /// A block has more or fewer bytes of the file than the node above it says, or is deeper than any file reaches.
    #[error("block {block} of file {file} does not fit the node above it")]
    Inconsistent {
        /// The file.
        file: Cid,
        /// The block.
        block: Cid,
    },
    /// The file's bytes do not have the given hash.
    #[error("file {cid} has the hash {actual} instead of {expected}")]
    WrongHash {
        /// The file.
        cid: Cid,
        /// The hash given.
        expected: ContentHash,
        /// The hash of what is stored.
        actual: ContentHash,
    },
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Vault {
    /// Creates a vault for files of at most `max_bytes` bytes.
    pub fn new(store: Arc<dyn BlockStore>, max_bytes: u64) -> Self {
        Self { store, max_bytes }
    }

    /// Returns the size of the largest file that is accepted, in bytes.
    pub fn max_bytes(&self) -> u64 {
        self.max_bytes
    }

    /// Stores a file as its bytes arrive, in bounded memory. Storing the same bytes again gives the same name and no new
    /// blocks.
    ///
    /// After an error there is no name, so nothing refers to the blocks that were stored until then. They are used when the
    /// file is sent again.
    ///
    /// # Errors
    /// [`VaultError::TooLarge`] when the file exceeds the limit, [`VaultError::Interrupted`] with the error of the stream,
    /// and [`VaultError::Store`] when the store fails.
    pub async fn store_stream<S, E>(&self, stream: S) -> Result<Stored, VaultError>
    where
        S: Stream<Item = Result<Bytes, E>>,
        E: Into<Box<dyn Error + Send + Sync>>,
    {
        let mut stream = pin!(stream);
        let mut importer = Importer::new(Layout::V1);
        let mut blocks = Vec::new();
        while let Some(bytes) = stream.next().await {
            let received = importer.size();
            let bytes = bytes.map_err(|error| VaultError::Interrupted { received, source: error.into() })?;
            if bytes.len() as u64 > self.max_bytes - received {
                return Err(VaultError::TooLarge { max_bytes: self.max_bytes });
            }
            for part in bytes.chunks(CHUNK) {
                importer.push(part, &mut |block| blocks.push(block));
                self.put_all(&mut blocks).await?;
            }
        }
        let imported = importer.finish(&mut |block| blocks.push(block));
        self.put_all(&mut blocks).await?;
        self.store.keep(imported.cid).await?;
        let crate::importer::Imported { cid, content_hash, size, blocks } = imported;
        Ok(Stored { cid, content_hash, size, blocks })
    }

    /// Stores a file that is in memory.
    ///
    /// # Errors
    /// In the same cases as [`Self::store_stream`], except for interruptions.
    pub async fn put_bytes(&self, bytes: Bytes) -> Result<Stored, VaultError> {
        self.store_stream(stream::iter([Ok::<_, std::convert::Infallible>(bytes)])).await
    }

    async fn put_all(&self, blocks: &mut Vec<Block>) -> Result<(), VaultError> {
        for Block { cid, bytes } in blocks.drain(..) {
            self.store.put(cid, bytes).await?;
        }
        Ok(())
    }

    /// Returns the size of a file in bytes, from its root alone.
    ///
    /// # Errors
    /// When the root is missing or unusable.
    pub async fn size(&self, cid: Cid) -> Result<u64, VaultError> {
        Ok(Reader::new(self, cid, 0..0).node(cid).await?.file_size())
    }

    /// Returns whether the store has a file's root block, without reading it.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn has(&self, cid: Cid) -> Result<bool, VaultError> {
        Ok(self.store.has(cid).await?)
    }

    /// Returns the bytes of a file, block by block, each verified against its name before it comes out. After an error the
    /// stream ends. What came before it was right.
    ///
    /// # Errors
    /// The stream gives an error when a block is missing or does not belong there, when the file is larger than the vault
    /// accepts, or when the store fails.
    pub fn read(&self, cid: Cid) -> impl Stream<Item = Result<Bytes, VaultError>> + Send + 'static {
        self.read_range(cid, 0..u64::MAX)
    }

    /// Returns some of the bytes of a file, as [`Self::read`] does. Blocks outside of the range are not fetched. The stream
    /// ends with the file when the range goes beyond it.
    ///
    /// # Errors
    /// In the same cases as [`Self::read`].
    pub fn read_range(
        &self,
        cid: Cid,
        range: Range<u64>,
    ) -> impl Stream<Item = Result<Bytes, VaultError>> + Send + 'static {
        stream::try_unfold(Reader::new(self, cid, range), |mut reader| async move {
            Ok(reader.next().await?.map(|bytes| (bytes, reader)))
        })
    }

    /// Reads a whole file and compares its SHA-256. Returns its size in bytes.
    ///
    /// # Errors
    /// [`VaultError::WrongHash`] when the hash differs, or the error that occurred while reading.
    pub async fn verify(&self, cid: Cid, content_hash: ContentHash) -> Result<u64, VaultError> {
        let mut bytes = pin!(self.read(cid));
        let (mut hash, mut size) = (Sha256::new(), 0);
        while let Some(bytes) = bytes.try_next().await? {
            hash.update(&bytes);
            size += bytes.len() as u64;
        }
        let actual = ContentHash(B256::new(hash.finalize().into()));
        if actual == content_hash {
            Ok(size)
        } else {
            Err(VaultError::WrongHash { cid, expected: content_hash, actual })
        }
    }
}

/// A walk over the blocks of a file, in order.
struct Reader {
    store: Arc<dyn BlockStore>,
    max_bytes: u64,
    file: Cid,
    range: Range<u64>,
    /// The nodes that are left to visit. The next one is the last of the list.
    to_visit: Vec<Visit>,
}

/// A part of the file.
struct Visit {
    cid: Cid,
    depth: u32,
    /// The position in the file at which it begins, in bytes.
    begin: u64,
    /// How many bytes it has according to the node above. `None` for the root.
    size: Option<u64>,
}

impl Reader {
    fn new(vault: &Vault, file: Cid, range: Range<u64>) -> Self {
        let root = Visit { cid: file, depth: 0, begin: 0, size: None };
        Self { store: vault.store.clone(), max_bytes: vault.max_bytes, file, range, to_visit: vec![root] }
    }

    /// Returns the next bytes within the range.
    async fn next(&mut self) -> Result<Option<Bytes>, VaultError> {
        while let Some(visit) = self.to_visit.pop() {
            if visit.begin >= self.range.end {
                return Ok(None);
            }
            let node = self.node(visit.cid).await?;
            self.check(&visit, &node)?;
            let data = self.within_range(visit.begin, &node.data);
            self.descend(&visit, &node);
            if !data.is_empty() {
                return Ok(Some(data));
            }
        }
        Ok(None)
    }

    async fn node(&self, block: Cid) -> Result<FileNode, VaultError> {
        let file = self.file;
        let bytes = self.store.get(block).await?.ok_or(VaultError::Missing { file, missing: block })?;
        match block.codec() {
            Codec::Raw => Ok(FileNode { data: bytes, links: Vec::new() }),
            Codec::DagPb => FileNode::decode(&bytes).map_err(|source| VaultError::Node { file, block, source }),
        }
    }

    /// Checks that the part has the announced size, that the whole is not larger than the vault accepts, and that the depth
    /// is limited. So even a file that was made to be read without end is refused.
    fn check(&self, visit: &Visit, node: &FileNode) -> Result<(), VaultError> {
        let size = node.file_size();
        if visit.size.is_none() && size > self.max_bytes {
            return Err(VaultError::TooLarge { max_bytes: self.max_bytes });
        }
        if visit.size.is_some_and(|announced| announced != size) || visit.depth > MAX_DEPTH {
            return Err(VaultError::Inconsistent { file: self.file, block: visit.cid });
        }
        Ok(())
    }

    fn within_range(&self, begin: u64, data: &Bytes) -> Bytes {
        let length = data.len() as u64;
        let from = self.range.start.saturating_sub(begin).min(length);
        let to = self.range.end.saturating_sub(begin).min(length);
        if from < to { data.slice(from as usize..to as usize) } else { Bytes::new() }
    }

    /// Puts the parts that touch the range on the list of nodes to visit, in reverse order.
    fn descend(&mut self, visit: &Visit, node: &FileNode) {
        let mut begin = visit.begin + node.data.len() as u64;
        let first = self.to_visit.len();
        for link in &node.links {
            let end = begin + link.file_size;
            if end > self.range.start && begin < self.range.end {
                let (cid, depth) = (link.cid, visit.depth + 1);
                self.to_visit.push(Visit { cid, depth, begin, size: Some(link.file_size) });
            }
            begin = end;
        }
        self.to_visit[first..].reverse();
    }
}

//! Cuts a stream of bytes into blocks, in the balanced UnixFS layout.
//!
//! The bytes are cut into chunks of 256 KiB, each a leaf. Every 174 nodes of one level are joined by a node of the next,
//! from left to right, until one is left, which is the root. The root of a file of one chunk is that chunk. Only the
//! chunk that is being filled and the links of one unfinished node per level are held in memory: about 300 KiB, however
//! large the file is.
//!
//! These are the settings of `ipfs add` (with `--cid-version=1` for [`Layout::V1`]), so the CIDs are the same.

use bytes::{Bytes, BytesMut};
use domain::{B256, ContentHash};
use sha2::{Digest, Sha256};

use crate::{
    cid::{Cid, Codec},
    unixfs::{FileNode, Link},
};

/// Bytes in a leaf: 256 KiB.
pub const CHUNK: usize = 256 * 1024;

/// The most links in a node.
pub const LINKS: usize = 174;

/// How leaves and names are written.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Layout {
    /// Leaves are the bytes as they are, and names have version 1. This is what the marketplace stores.
    #[default]
    V1,
    /// Leaves are wrapped in nodes, and names have version 0. Older imports of the same file have such names.
    V0,
}

/// Bytes with their name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Block {
    /// The name.
    pub cid: Cid,
    /// The bytes it names.
    pub bytes: Bytes,
}

/// The result for a whole file, after its last block was passed on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Imported {
    /// The name of the root, and so of the file.
    pub cid: Cid,
    /// SHA-256 of the file's bytes.
    pub content_hash: ContentHash,
    /// Bytes in the file.
    pub size: u64,
    /// How many blocks were passed on. Equal chunks are passed on and counted as often as they occur.
    pub blocks: u64,
}

/// Takes the bytes of one file and passes on its blocks, children before parents.
///
/// ```
/// use vault::importer::{Importer, Layout};
/// let mut importer = Importer::new(Layout::V1);
/// let mut blocks = Vec::new();
/// importer.push(b"hello ", &mut |block| blocks.push(block));
/// importer.push(b"world", &mut |block| blocks.push(block));
/// let imported = importer.finish(&mut |block| blocks.push(block));
/// assert_eq!((imported.size, imported.blocks, blocks[0].cid), (11, 1, imported.cid));
/// ```
#[derive(Debug)]
pub struct Importer {
    layout: Layout,
    chunk_size: usize,
    links_per_node: usize,
    chunk: BytesMut,
    /// Links that wait for a node above them, by level; level 0 holds leaves.
    levels: Vec<Vec<Link>>,
    hash: Sha256,
    size: u64,
    blocks: u64,
}

impl Importer {
    /// Creates an importer for one file.
    pub fn new(layout: Layout) -> Self {
        Self::sized(layout, CHUNK, LINKS)
    }

    /// Creates an importer with other sizes, for tests of tall trees. Its names are not those of other implementations.
    pub(crate) fn sized(layout: Layout, chunk_size: usize, links_per_node: usize) -> Self {
        Self {
            chunk_size,
            links_per_node,
            layout,
            chunk: BytesMut::new(),
            levels: vec![Vec::new()],
            hash: Sha256::new(),
            size: 0,
            blocks: 0,
        }
    }

    /// Returns how many bytes were taken so far.
    pub fn size(&self) -> u64 {
        self.size
    }

    /// Takes the next bytes of the file. Blocks that they complete go to the sink.
    pub fn push(&mut self, mut input: &[u8], sink: &mut impl FnMut(Block)) {
        self.hash.update(input);
        self.size += input.len() as u64;
        while !input.is_empty() {
            let room = self.chunk_size - self.chunk.len();
            let (taken, rest) = input.split_at(room.min(input.len()));
            self.chunk.extend_from_slice(taken);
            input = rest;
            if self.chunk.len() == self.chunk_size {
                self.leaf(sink);
            }
        }
    }

    /// Ends the file. The last block to come out is the root.
    pub fn finish(mut self, sink: &mut impl FnMut(Block)) -> Imported {
        if !self.chunk.is_empty() || self.size == 0 {
            self.leaf(sink);
        }
        let mut level = 0;
        let root = loop {
            let top = level + 1 == self.levels.len();
            match self.levels[level].as_slice() {
                [root] if top => break root.cid,
                [] => {}
                _ => self.join(level, sink),
            }
            level += 1;
        };
        let content_hash = ContentHash(B256::new(self.hash.finalize().into()));
        Imported { cid: root, content_hash, size: self.size, blocks: self.blocks }
    }

    fn leaf(&mut self, sink: &mut impl FnMut(Block)) {
        let bytes = self.chunk.split().freeze();
        let file_size = bytes.len() as u64;
        let link = match self.layout {
            Layout::V1 => {
                let cid = Cid::of(Codec::Raw, &bytes);
                self.emit(Block { cid, bytes }, sink);
                Link { cid, file_size, dag_size: file_size }
            }
            Layout::V0 => self.node(&FileNode { data: bytes, links: Vec::new() }, sink),
        };
        self.add(0, link, sink);
    }

    /// Adds a link to a level, and joins the level when it is full.
    fn add(&mut self, level: usize, link: Link, sink: &mut impl FnMut(Block)) {
        if level == self.levels.len() {
            self.levels.push(Vec::new());
        }
        self.levels[level].push(link);
        if self.levels[level].len() == self.links_per_node {
            self.join(level, sink);
        }
    }

    /// Makes a node of the links of a level. The recursion ends after as many calls as there are levels, and 5 levels
    /// hold any file.
    fn join(&mut self, level: usize, sink: &mut impl FnMut(Block)) {
        let links = std::mem::take(&mut self.levels[level]);
        let link = self.node(&FileNode { data: Bytes::new(), links }, sink);
        self.add(level + 1, link, sink);
    }

    fn node(&mut self, node: &FileNode, sink: &mut impl FnMut(Block)) -> Link {
        let bytes = Bytes::from(node.encode());
        let cid = Cid::of(Codec::DagPb, &bytes);
        let cid = if self.layout == Layout::V0 { Cid::v0(*cid.digest()) } else { cid };
        let beneath: u64 = node.links.iter().map(|link| link.dag_size).sum();
        let link = Link { cid, file_size: node.file_size(), dag_size: bytes.len() as u64 + beneath };
        self.emit(Block { cid, bytes }, sink);
        link
    }

    fn emit(&mut self, block: Block, sink: &mut impl FnMut(Block)) {
        self.blocks += 1;
        sink(block);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Returns byte `k` of the test content.
    fn byte(k: usize) -> u8 {
        ((k % 65_521 * 7 + 3) % 251) as u8
    }

    fn import(importer: Importer, size: usize, step: usize) -> Imported {
        let mut importer = importer;
        let content: Vec<u8> = (0..size).map(byte).collect();
        let (mut blocks, mut last) = (0, None);
        let mut sink = |block: Block| (blocks, last) = (blocks + 1, Some(block.cid));
        for part in content.chunks(step) {
            importer.push(part, &mut sink);
        }
        let imported = importer.finish(&mut sink);
        assert_eq!((imported.size, imported.blocks, Some(imported.cid)), (size as u64, blocks, last));
        imported
    }

    /// These were computed by other implementations: version 0 by Kubo, version 1 by the reference importer of IPFS.
    const KNOWN: [(usize, &str, &str); 8] = [
        (
            0,
            "QmbFMke1KXqnYyBBWxB74N4c5SBnJMVAiMNRcGu6x1AwQH",
            "bafkreihdwdcefgh4dqkjv67uzcmw7ojee6xedzdetojuzjevtenxquvyku",
        ),
        (
            1,
            "QmTcYLauNCrhA67eQKBftMBTbhLmK8Q8gVRCkWYk3BcBhh",
            "bafkreiaij7wqrolyv5gx2glkordkq22yacpgg23bdwyweenwlknk37zjyu",
        ),
        (
            11,
            "QmWk22EeDfUWMrVzAGpZNQ5J7ZoKsYJLNUKoGAZPDTnSL8",
            "bafkreiduwvoj3yf6d2env5ppysbyogofxfxxa65up6m7l5fdbvzgtmedru",
        ),
        (
            1_000,
            "Qmf8EsykQYfShNGmaPGvJENnHpnk9BTiLpJzTK8DN5x8R4",
            "bafkreifjijoec32tias2jyscfpiuvw5e5q6uu2grbqzstpun6yjjmtjlny",
        ),
        (
            262_144,
            "QmPJ7nyLPz8AkGZPLFKHmc6pUkvhNMjSVvdNbJbU3PeSxT",
            "bafkreiew2khmrixngxdga742nggs5n3e2vwjqsh2fd3h7xpxp4bveh4fq4",
        ),
        (
            262_145,
            "QmP7WgS4a7fHZQTqKAirtVerxv1BUhjUmwFLGa3C93Wtxu",
            "bafybeih4t2c5riryxikmlzdtvihovwilpzc7v6ah6lpdzmy6inrboo2ztu",
        ),
        (
            1_000_000,
            "Qme2vnLdhD1dCuv4GuZXENCbEUP4QE1SyMWjxi1AhDPgep",
            "bafybeifjmipkjccjoorfxvhjvdlrpv3z5y4h23pypxe4qig2pubb4xlfyi",
        ),
        (
            50_000_000,
            "QmZgQR3JpFGFs7VjoURXZGjVUGm7nsV7hmPyhwZa9436tB",
            "bafybeicd3shu445jfxd6jirksizjik3fnavcrd44ab7mrnrhkyyivjpm2q",
        ),
    ];

    #[test]
    fn version_0_names_are_those_of_other_implementations() {
        for (size, name, _) in KNOWN {
            let imported = import(Importer::new(Layout::V0), size, 1_000_003);
            assert_eq!(imported.cid.to_string(), name, "{size} bytes");
        }
    }

    #[test]
    fn version_1_names_are_those_of_other_implementations() {
        for (size, _, name) in KNOWN {
            let imported = import(Importer::new(Layout::V1), size, 1_000_003);
            assert_eq!(imported.cid.to_string(), name, "{size} bytes");
        }
    }

    #[test]
    fn the_content_hash_is_that_of_the_bytes() {
        let content: Vec<u8> = (0..1_000).map(byte).collect();
        let imported = import(Importer::sized(Layout::V1, 10, 3), content.len(), 7);
        assert_eq!(imported.content_hash.0.0, <[u8; 32]>::from(Sha256::digest(&content)));
    }

    #[test]
    fn how_the_bytes_arrive_does_not_matter() {
        let whole = import(Importer::new(Layout::V1), 600_000, 600_000);
        for step in [1_000, CHUNK - 1, CHUNK, CHUNK + 1] {
            assert_eq!(import(Importer::new(Layout::V1), 600_000, step), whole, "in steps of {step}");
        }
    }

    #[test]
    fn blocks_at_the_borders() {
        // The numbers of leaves, and of nodes above them with four links each.
        for (leaves, nodes) in [(1, 0), (2, 1), (4, 1), (5, 3), (16, 5), (17, 8), (64, 21), (65, 25)] {
            let imported = import(Importer::sized(Layout::V1, 10, 4), leaves * 10, 10);
            assert_eq!(imported.blocks, (leaves + nodes) as u64, "{leaves} leaves");
        }
        assert_eq!(import(Importer::new(Layout::V1), CHUNK + 1, CHUNK).blocks, 3);
    }
}

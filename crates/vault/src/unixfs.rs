//! The nodes that join blocks into a file: UnixFS messages inside dag-pb nodes, both protobuf.
//!
//! ```text
//! dag-pb node   { repeated Links = 2 { Hash = 1, Name = 2, Tsize = 3 }, Data = 1 }     links are written first
//! UnixFS Data   { Type = 1 (file = 2), Data = 2, filesize = 3, repeated blocksizes = 4 }
//! ```
//!
//! Protobuf allows many encodings of one message. The CID depends on the encoding that IPFS importers write, so
//! [`FileNode::encode`] writes that one.

use bytes::Bytes;

use crate::{
    base::{put_varint, take_varint},
    cid::Cid,
};

const RAW: u64 = 0;
const FILE: u64 = 2;

/// Wire types of protobuf.
const VARINT: u64 = 0;
const BYTES: u64 = 2;

/// An edge to a part of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Link {
    /// The part's block.
    pub cid: Cid,
    /// How many bytes of the file are in it and beneath it.
    pub file_size: u64,
    /// How many bytes all blocks in it and beneath it have.
    pub dag_size: u64,
}

/// A file or a part of a file: its own bytes, then its links, in order.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct FileNode {
    /// Bytes in the node itself.
    pub data: Bytes,
    /// The parts beneath.
    pub links: Vec<Link>,
}

/// The bytes are not a dag-pb node of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NodeError {
    /// The bytes are not protobuf, are other messages, or have sizes that do not add up.
    #[error("not a well-formed dag-pb node of a file")]
    Malformed,
    /// The node is a directory, a symbolic link or something else.
    #[error("a UnixFS node of type {0}, which is not a file")]
    NotAFile(u64),
}

impl FileNode {
    /// Returns how many bytes of the file are in this node and beneath it.
    pub fn file_size(&self) -> u64 {
        self.data.len() as u64 + self.links.iter().map(|link| link.file_size).sum::<u64>()
    }

    /// Returns the block.
    pub fn encode(&self) -> Vec<u8> {
        let mut message = Vec::with_capacity(self.data.len() + 16 + self.links.len() * 4);
        put_number(&mut message, 1, FILE);
        if !self.data.is_empty() {
            put_bytes(&mut message, 2, &self.data);
        }
        put_number(&mut message, 3, self.file_size());
        for link in &self.links {
            put_number(&mut message, 4, link.file_size);
        }

        let mut node = Vec::with_capacity(message.len() + 8 + self.links.len() * 56);
        for link in &self.links {
            let mut encoded = Vec::with_capacity(56);
            put_bytes(&mut encoded, 1, &link.cid.to_bytes());
            put_bytes(&mut encoded, 2, b""); // the name, which parts of a file do not have
            put_number(&mut encoded, 3, link.dag_size);
            put_bytes(&mut node, 2, &encoded);
        }
        put_bytes(&mut node, 1, &message);
        node
    }

    /// Reads a block. A link to a part without bytes is refused. No importer writes such links, and without them a file
    /// never has more blocks than bytes.
    ///
    /// # Errors
    /// A [`NodeError`].
    pub fn decode(block: &Bytes) -> Result<Self, NodeError> {
        let mut links = Vec::new();
        let mut message = None;
        for field in fields(block)? {
            match field {
                (2, Value::Bytes(link)) => links.push(decode_link(link)?),
                (1, Value::Bytes(data)) if message.is_none() => message = Some(data),
                _ => return Err(NodeError::Malformed),
            }
        }
        Self::with_message(block, links, message.ok_or(NodeError::Malformed)?)
    }

    fn with_message(block: &Bytes, mut links: Vec<Link>, message: &[u8]) -> Result<Self, NodeError> {
        let (mut kind, mut data, mut file_size, mut sizes) = (None, Bytes::new(), None, Vec::new());
        for field in fields(message)? {
            match field {
                (1, Value::Number(number)) => kind = Some(number),
                (2, Value::Bytes(bytes)) => data = block.slice_ref(bytes),
                (3, Value::Number(number)) => file_size = Some(number),
                (4, Value::Number(number)) => sizes.push(number),
                _ => {} // later versions of UnixFS add a mode and a time, which do not change the bytes
            }
        }
        match kind {
            Some(RAW | FILE) => {}
            Some(other) => return Err(NodeError::NotAFile(other)),
            None => return Err(NodeError::Malformed),
        }
        let total = sizes.iter().try_fold(data.len() as u64, |sum, size| sum.checked_add(*size));
        let empty_part = sizes.contains(&0);
        if links.len() != sizes.len() || total.is_none() || file_size.unwrap_or(0) != total.unwrap_or(0) || empty_part {
            return Err(NodeError::Malformed);
        }
        for (link, size) in links.iter_mut().zip(sizes) {
            link.file_size = size;
        }
        Ok(Self { data, links })
    }
}

fn decode_link(bytes: &[u8]) -> Result<Link, NodeError> {
    let (mut cid, mut dag_size) = (None, 0);
    for field in fields(bytes)? {
        match field {
            (1, Value::Bytes(bytes)) => cid = Cid::from_bytes(bytes),
            (2, Value::Bytes(_)) => {}
            (3, Value::Number(number)) => dag_size = number,
            _ => return Err(NodeError::Malformed),
        }
    }
    Ok(Link { cid: cid.ok_or(NodeError::Malformed)?, file_size: 0, dag_size })
}

enum Value<'a> {
    Number(u64),
    Bytes(&'a [u8]),
}

/// Returns the fields of a message with their numbers.
fn fields(mut input: &[u8]) -> Result<Vec<(u64, Value<'_>)>, NodeError> {
    let mut fields = Vec::new();
    while !input.is_empty() {
        fields.push(take_field(&mut input).ok_or(NodeError::Malformed)?);
    }
    Ok(fields)
}

fn take_field<'a>(input: &mut &'a [u8]) -> Option<(u64, Value<'a>)> {
    let tag = take_varint(input)?;
    let value = match tag & 7 {
        VARINT => Value::Number(take_varint(input)?),
        BYTES => {
            let length = usize::try_from(take_varint(input)?).ok()?;
            let (bytes, rest) = input.split_at_checked(length)?;
            *input = rest;
            Value::Bytes(bytes)
        }
        _ => return None,
    };
    Some((tag >> 3, value))
}

fn put_number(out: &mut Vec<u8>, field: u64, number: u64) {
    put_varint(out, field << 3 | VARINT);
    put_varint(out, number);
}

fn put_bytes(out: &mut Vec<u8>, field: u64, bytes: &[u8]) {
    put_varint(out, field << 3 | BYTES);
    put_varint(out, bytes.len() as u64);
    out.extend_from_slice(bytes);
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::cid::Codec;

    #[test]
    fn the_empty_file_is_six_bytes() {
        assert_eq!(FileNode::default().encode(), [0x0a, 4, 8, 2, 0x18, 0]);
    }

    #[test]
    fn directories_and_nonsense_are_refused() {
        let directory = Bytes::from_static(&[0x0a, 2, 8, 1]);
        assert_eq!(FileNode::decode(&directory), Err(NodeError::NotAFile(1)));
        for wrong in [
            &b""[..],
            b"hello",
            &[0x0a, 4, 8, 2, 0x18, 1],          // one byte promised, none there
            &[0x0a, 6, 8, 2, 0x18, 1, 0x20, 1], // a part without a link
            &[0x0a, 200, 8, 2],                 // cut off
            &[0x0a, 2, 8, 2, 0x0a, 2, 8, 2],    // two messages
        ] {
            assert_eq!(FileNode::decode(&Bytes::copy_from_slice(wrong)), Err(NodeError::Malformed), "{wrong:x?}");
        }
    }

    proptest! {
        #[test]
        fn there_and_back(data: Vec<u8>, sizes in prop::collection::vec((1_u64..1 << 50, any::<u64>()), 0..20)) {
            let link = |(file_size, dag_size): (u64, u64)| {
                let cid = Cid::of(Codec::Raw, &file_size.to_be_bytes());
                Link { cid, file_size, dag_size }
            };
            let node = FileNode { data: data.into(), links: sizes.into_iter().map(link).collect() };
            prop_assert_eq!(FileNode::decode(&node.encode().into()), Ok(node));
        }

        #[test]
        fn any_bytes_are_read_or_refused(bytes: Vec<u8>) {
            let _ = FileNode::decode(&bytes.into());
        }
    }
}

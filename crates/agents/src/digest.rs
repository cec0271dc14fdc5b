//! Hashes that name inputs: SHA-256 over parts. A part of variable length is preceded by its length, so that no two lists of
//! parts have the same bytes.

use serde::Serialize;
use sha2::{Digest as _, Sha256};

#[derive(Clone, Debug, Default)]
pub(crate) struct Digest(Sha256);

impl Digest {
    /// Adds bytes whose length is always the same at the place of the call.
    pub(crate) fn fixed(&mut self, bytes: impl AsRef<[u8]>) {
        self.0.update(bytes);
    }

    /// Adds text or bytes of any length.
    pub(crate) fn part(&mut self, bytes: impl AsRef<[u8]>) {
        let bytes = bytes.as_ref();
        self.count(bytes.len());
        self.0.update(bytes);
    }

    /// Adds how many parts follow.
    pub(crate) fn count(&mut self, count: usize) {
        self.0.update((count as u64).to_be_bytes());
    }

    /// Adds a value by its JSON form. Structs of texts and finite or optional numbers always have one. Without one, the hash
    /// covers less, but is never wrong.
    pub(crate) fn json(&mut self, value: &impl Serialize) {
        self.part(serde_json::to_vec(value).unwrap_or_default());
    }

    pub(crate) fn bytes(self) -> [u8; 32] {
        self.0.finalize().into()
    }

    pub(crate) fn hex(self) -> String {
        hex::encode(self.bytes())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_do_not_run_into_each_other() {
        let of = |parts: &[&str]| {
            let mut digest = Digest::default();
            parts.iter().for_each(|part| digest.part(part));
            digest.hex()
        };
        assert_ne!(of(&["ab", "c"]), of(&["a", "bc"]));
        assert_ne!(of(&["ab"]), of(&["ab", ""]));
        // This is the SHA-256 of no bytes.
        assert_eq!(of(&[]), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    }
}

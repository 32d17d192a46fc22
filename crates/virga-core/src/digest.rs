//! Digests of objects: length and SHA-256 of each part in order, so that a file that came in parts
//! need not be read again to be known.

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use crate::keys::hex;

/// A stretch of an object: its bytes and their SHA-256, hexadecimal.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DigestPart(pub u64, pub String);

/// The digest of an object; of one part where it was written whole.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Digest {
    /// In order.
    pub parts: Vec<DigestPart>,
}

impl Digest {
    /// Of bytes at hand.
    pub fn of(bytes: &[u8]) -> Self {
        let mut hasher = Hasher::default();
        hasher.update(bytes);
        hasher.finish()
    }

    /// Bytes in all.
    pub fn size(&self) -> u64 {
        self.parts.iter().map(|part| part.0).sum()
    }

    /// A reader that compares.
    pub fn checker(&self) -> Checker<'_> {
        Checker {
            expected: self.size(),
            left: &self.parts,
            hasher: Sha256::new(),
            in_part: 0,
            at: 0,
            wrong: None,
        }
    }
}

/// Takes the digest of bytes as they pass.
#[derive(Clone, Debug, Default)]
pub struct Hasher {
    inner: Sha256,
    size: u64,
}

impl Hasher {
    /// The next bytes.
    pub fn update(&mut self, bytes: &[u8]) {
        self.inner.update(bytes);
        self.size += bytes.len() as u64;
    }

    /// One part.
    pub fn finish(self) -> Digest {
        let part = DigestPart(self.size, hex(&self.inner.finalize()));
        Digest { parts: vec![part] }
    }
}

/// Compares bytes as they pass.
#[derive(Debug)]
pub struct Checker<'a> {
    expected: u64,
    left: &'a [DigestPart],
    hasher: Sha256,
    in_part: u64,
    at: u64,
    wrong: Option<String>,
}

impl Checker<'_> {
    /// The next bytes.
    pub fn update(&mut self, mut bytes: &[u8]) {
        while let Some(part) = self.left.first() {
            let missing = part.0 - self.in_part;
            let here = usize::try_from(missing)
                .unwrap_or(usize::MAX)
                .min(bytes.len());
            let (mine, rest) = bytes.split_at(here);
            self.hasher.update(mine);
            self.in_part += here as u64;
            self.at += here as u64;
            bytes = rest;
            if self.in_part < part.0 {
                return;
            }
            self.end_part(part);
        }
        self.at += bytes.len() as u64;
    }

    fn end_part(&mut self, part: &DigestPart) {
        let found = hex(&std::mem::replace(&mut self.hasher, Sha256::new()).finalize());
        if found != part.1 && self.wrong.is_none() {
            let from = self.at - part.0;
            self.wrong = Some(format!(
                "bytes {from} to {} differ from what was stored",
                self.at
            ));
        }
        self.left = &self.left[1..];
        self.in_part = 0;
    }

    /// What is wrong, if anything, now that all bytes passed.
    pub fn finish(self) -> Option<String> {
        if self.at != self.expected {
            return Some(format!("{} bytes, {} expected", self.at, self.expected));
        }
        self.wrong
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn two_parts() -> Digest {
        let mut digest = Digest::of(b"hello ");
        digest.parts.extend(Digest::of(b"world").parts);
        digest
    }

    #[test]
    fn bytes_are_compared_part_by_part_whatever_their_pieces() {
        let digest = two_parts();
        assert_eq!(digest.size(), 11);
        for step in 1..=11 {
            let mut checker = digest.checker();
            for piece in b"hello world".chunks(step) {
                checker.update(piece);
            }
            assert_eq!(checker.finish(), None);
        }
        let wrong = |bytes: &[u8]| {
            let mut checker = digest.checker();
            checker.update(bytes);
            checker.finish()
        };
        assert!(wrong(b"hello World").unwrap().contains("bytes 6 to 11"));
        assert!(
            wrong(b"hello wor")
                .unwrap()
                .contains("9 bytes, 11 expected")
        );
        assert!(
            wrong(b"hello world!")
                .unwrap()
                .contains("12 bytes, 11 expected")
        );
        assert!(wrong(b"").unwrap().contains("0 bytes, 11 expected"));
    }

    #[test]
    fn it_is_stored_as_a_list() {
        let text = serde_json::to_string(&Digest::of(b"")).unwrap();
        assert!(text.starts_with("[[0,\"e3b0c44298fc1c14"), "{text}");
        assert_eq!(
            serde_json::from_str::<Digest>(&text).unwrap(),
            Digest::of(b"")
        );
    }
}

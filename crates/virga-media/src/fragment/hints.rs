//! Where fragments probably begin: what a segment index (`sidx`) at the front or a random access
//! index (`mfra`) at the end says. Only for reading ahead: the walk believes the boxes themselves.

use std::collections::BTreeSet;

use crate::MediaError;
use crate::bmff::{Cursor, boxes, find};

/// More are not remembered: the walk finds the rest without help.
const MAX_HINTS: usize = 1 << 18;
/// Bit of a reference of `sidx`: it leads to another `sidx`, no fragment.
const TO_INDEX: u32 = 0x8000_0000;

/// Positions in the file, rising. A live stream has a `sidx` before each fragment, so each may bring a
/// few to very many.
#[derive(Debug, Default)]
pub(super) struct Hints {
    positions: BTreeSet<u64>,
}

impl Hints {
    pub(super) fn is_empty(&self) -> bool {
        self.positions.is_empty()
    }

    /// The positions from there on.
    pub(super) fn from(&self, at: u64) -> impl Iterator<Item = u64> {
        self.positions.range(at..).copied()
    }

    fn add(&mut self, positions: Vec<u64>) {
        for position in positions {
            self.positions.insert(position);
            if self.positions.len() > MAX_HINTS {
                self.positions.pop_last();
            }
        }
    }

    /// Takes what follows the header of a `sidx` that ends at `end` in the file.
    pub(super) fn add_segments(&mut self, sidx: &[u8], end: u64) -> Result<(), MediaError> {
        let mut cursor = Cursor::new(sidx, "its segment index (sidx)");
        let (version, _) = cursor.full()?;
        cursor.take(8)?;
        let (_, first) = if version == 0 {
            (u64::from(cursor.u32()?), u64::from(cursor.u32()?))
        } else {
            (cursor.u64()?, cursor.u64()?)
        };
        cursor.u16()?;
        let count = cursor.u16()?;
        let mut at = end.saturating_add(first);
        let mut found = Vec::new();
        for _ in 0..count {
            let size = cursor.u32()?;
            cursor.take(8)?;
            if size & TO_INDEX == 0 {
                found.push(at);
            }
            at = at.saturating_add((size & !TO_INDEX).into());
        }
        self.add(found);
        Ok(())
    }

    /// Takes the end of the file, as far as it holds an `mfra`. If that is longer: how long it is.
    pub(super) fn add_tail(&mut self, tail: &[u8]) -> Option<u64> {
        let (_, size) = tail.split_last_chunk::<4>()?;
        let size = u32::from_be_bytes(*size);
        let named = tail
            .len()
            .checked_sub(12)
            .and_then(|at| tail.get(at..at + 4));
        if named != Some(b"mfro") {
            return None;
        }
        let at = tail.len().checked_sub(size as usize);
        let Some(mfra) = at.and_then(|at| tail.get(at..)) else {
            return Some(size.into());
        };
        // A damaged one is as good as none.
        if let Ok(found) = random_access(mfra) {
            self.add(found);
        }
        None
    }
}

/// The fragments that `mfra` names, of all tracks.
fn random_access(mfra: &[u8]) -> Result<Vec<u64>, MediaError> {
    let inner = find(mfra, *b"mfra")?.unwrap_or_default();
    let mut found = Vec::new();
    for child in boxes(inner) {
        let child = child?;
        if &child.kind != b"tfra" {
            continue;
        }
        let mut cursor = Cursor::new(child.body, "its random access index (tfra)");
        let (version, _) = cursor.full()?;
        cursor.u32()?;
        let sizes = cursor.u32()?;
        // Of the numbers of the track, the run and the sample in the fragment.
        let numbers: usize = [4, 2, 0]
            .iter()
            .map(|shift| (sizes >> shift & 3) as usize + 1)
            .sum();
        let wide = version == 1;
        let entries = cursor.count(numbers + if wide { 16 } else { 8 })?;
        for _ in 0..entries {
            let (_, moof) = if wide {
                (cursor.u64()?, cursor.u64()?)
            } else {
                (u64::from(cursor.u32()?), u64::from(cursor.u32()?))
            };
            cursor.take(numbers)?;
            found.push(moof);
        }
    }
    Ok(found)
}

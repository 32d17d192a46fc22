//! An upload: its state machine, its limits and how a size is cut into parts.

use serde::{Deserialize, Serialize};

use crate::video::word_enum;

word_enum! {
    /// Each step is a compare-and-set on the row.
    UploadState {
        /// Reserved; no part was asked for yet.
        Created = "created",
        /// Parts may come.
        Uploading = "uploading",
        /// Someone is completing it, under a lease.
        Completing = "completing",
        /// Whole in the store.
        Stored = "stored",
        /// Wrong size, or the store lost parts.
        Failed = "failed",
        /// Cancelled, or left alone too long.
        Expired = "expired",
    }
}

impl UploadState {
    /// Whether it holds the video's one place for an open upload.
    pub fn is_open(self) -> bool {
        matches!(self, Self::Created | Self::Uploading | Self::Completing)
    }
}

const MIB: u64 = 1024 * 1024;
/// Stores take no more parts than this in one multipart session.
pub const MAX_PARTS: u64 = 10_000;

/// Part size for a file: about a two-hundredth of it, between 8 and 64 MiB (each part costs the
/// store a few syncs, and a broken line one part), more where 9,000 parts would not do.
pub fn part_size(size: u64) -> u64 {
    let even = size.div_ceil(200).next_multiple_of(MIB);
    even.clamp(8 * MIB, 64 * MIB)
        .max(size.div_ceil(9_000).next_multiple_of(MIB))
}

/// The same where the client would like `wanted`: no less than the store takes, and no more than
/// without a wish.
pub fn part_size_near(size: u64, wanted: Option<u64>, least: u64) -> u64 {
    let usual = part_size(size);
    let fewest = size
        .div_ceil(9_000)
        .max(least)
        .max(MIB)
        .next_multiple_of(MIB);
    wanted.map_or(usual, |wanted| {
        let even = wanted.div_ceil(MIB).saturating_mul(MIB);
        even.clamp(fewest.min(usual), usual)
    })
}

/// One part of a file that is cut at `part_size`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PartSpan {
    /// First byte in the file.
    pub offset: u64,
    /// Bytes; never 0.
    pub size: u64,
}

/// The byte range of part `number` (from 1); `None` if the file has no such part.
pub fn part_span(number: u32, size: u64, part_size: u64) -> Option<PartSpan> {
    let offset = u64::from(number.checked_sub(1)?).checked_mul(part_size)?;
    (offset < size).then(|| PartSpan {
        offset,
        size: part_size.min(size - offset),
    })
}

/// How many parts a file has.
pub fn part_count(size: u64, part_size: u64) -> u32 {
    u32::try_from(size.div_ceil(part_size.max(1))).unwrap_or(u32::MAX)
}

/// How much of a file's end holds its index, as cameras and encoders write it: of two hours less than this, and
/// less than one part in [`INDEX_SHARE`] of the file.
const INDEX: u64 = 8 * MIB;
const INDEX_SHARE: u64 = 64;
/// A file of fewer parts is here before anybody could watch it arrive.
const FEWEST: u32 = 5;

/// The parts by which a file can be known before the others are there: the first, and those of its end.
/// Clients send them first. None where the file has few parts.
pub fn early_parts(size: u64, part_size: u64) -> Vec<u32> {
    let count = part_count(size, part_size);
    if count < FEWEST {
        return Vec::new();
    }
    let index = INDEX.min(size / INDEX_SHARE);
    let end = (size - index) / part_size.max(1) + 1;
    let end = u32::try_from(end).unwrap_or(count).clamp(2, count);
    std::iter::once(1).chain(end..=count).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_tile_the_file() {
        for size in [1, 8 * MIB, 8 * MIB + 1, 200 * 1024 * MIB] {
            let part = part_size(size);
            let count = part_count(size, part);
            assert!(u64::from(count) <= MAX_PARTS);
            assert!((8 * MIB..=64 * MIB).contains(&part), "{size}: {part}");
            let sum: u64 = (1..=count)
                .map(|n| part_span(n, size, part).unwrap().size)
                .sum();
            assert_eq!(sum, size);
            assert_eq!(part_span(count + 1, size, part), None);
            assert_eq!(part_span(0, size, part), None);
        }
    }

    #[test]
    fn the_beginning_and_the_end_are_sent_early() {
        assert_eq!(early_parts(40 * MIB, 8 * MIB), [1, 5]);
        assert_eq!(early_parts(40 * MIB + 1, 8 * MIB), [1, 5, 6]);
        assert_eq!(early_parts(32 * MIB, 8 * MIB), [0; 0]);
        assert_eq!(early_parts(32 * MIB, MIB), [1, 32]);
        assert_eq!(early_parts(5 * MIB, MIB), [1, 5]);
        assert_eq!(early_parts(100 * MIB, MIB), [1, 99, 100]);
        assert_eq!(early_parts(100 * 1024 * MIB, 64 * MIB).len(), 2);
        assert_eq!(early_parts(0, 0), [0; 0]);
    }

    #[test]
    fn a_wish_for_small_parts_is_met_within_what_the_store_takes() {
        let near = |size, wanted, least| part_size_near(size, Some(wanted), least) / MIB;
        assert_eq!(near(100 * MIB, 400_000, 1), 1);
        assert_eq!(near(100 * MIB, 2 * MIB + 1, 1), 3);
        assert_eq!(near(100 * MIB, MIB, 5 * MIB), 5);
        assert_eq!(near(100 * MIB, u64::MAX, 1), 8);
        let huge = 200 * 1024 * MIB;
        let part = part_size_near(huge, Some(1), 1);
        assert!(u64::from(part_count(huge, part)) <= MAX_PARTS);
        assert_eq!(part_size_near(huge, None, 1), part_size(huge));
    }
}

//! A storyboard's object: an index, and after its end the sheets that it names, back to back. The key says
//! how long the index is, so that one object is all there is (docs/adr/0027-storyboard.md).

use serde::{Deserialize, Serialize};

use super::{InvalidKey, MediaKey};
use crate::VideoId;

/// What a storyboard holds: tiles from all over the film, row by row on sheets.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StoryboardIndex {
    /// A tile's width, pixels.
    pub width: u32,
    /// A tile's height, pixels.
    pub height: u32,
    /// Tiles in a row of a sheet.
    pub columns: u32,
    /// Rows of a sheet; the last sheet may have less.
    pub rows: u32,
    /// The sheets' lengths in bytes, in the order in which they follow the index.
    pub sheets: Vec<u64>,
    /// When each tile's picture is shown, milliseconds, ascending.
    pub times: Vec<u64>,
    /// The film's length, milliseconds.
    pub duration: u64,
}

impl StoryboardIndex {
    /// Where sheet `n` is in the object: its first byte and its length.
    pub fn sheet(&self, index_len: u64, n: usize) -> Option<(u64, u64)> {
        let len = *self.sheets.get(n)?;
        let mut before = self.sheets.get(..n)?.iter();
        let before = before.try_fold(index_len, |sum, it| sum.checked_add(*it))?;
        Some((before, len))
    }

    /// Which sheet a tile is on, and its left and upper edge there, pixels.
    pub fn place(&self, tile: usize) -> (usize, u32, u32) {
        let (columns, rows) = (self.columns.max(1), self.rows.max(1));
        let on_sheet = usize::try_from(columns.saturating_mul(rows)).unwrap_or(usize::MAX);
        let at = u32::try_from(tile % on_sheet).unwrap_or(0);
        (
            tile / on_sheet,
            (at % columns).saturating_mul(self.width),
            (at / columns).saturating_mul(self.height),
        )
    }
}

impl MediaKey {
    /// The storyboard that an attempt made, whose index is so long.
    pub fn storyboard(
        video: VideoId,
        job: i64,
        attempt: i32,
        index_len: u64,
    ) -> Result<Self, InvalidKey> {
        Self::attempt(video, job, attempt, &format!("i{index_len}.storyboard"))
    }

    /// The length of a storyboard's index.
    pub fn storyboard_index(&self) -> Option<u64> {
        let name = self.as_str().rsplit('/').next()?;
        let len = name.strip_prefix('i')?.strip_suffix(".storyboard")?;
        len.parse().ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_says_how_long_the_index_is() {
        let video: VideoId = "abcdefghijk".parse().unwrap();
        let key = MediaKey::storyboard(video, 7, 2, 412).unwrap();
        assert_eq!(key.as_str(), "v/abcdefghijk/a7-2/i412.storyboard");
        assert_eq!(key.storyboard_index(), Some(412));
        assert_eq!(MediaKey::poster(video, 7, 2).storyboard_index(), None);
    }

    #[test]
    fn tiles_and_sheets_have_their_places() {
        let index = StoryboardIndex {
            width: 160,
            height: 90,
            columns: 5,
            rows: 2,
            sheets: vec![100, 50],
            times: (0..13).collect(),
            duration: 13,
        };
        assert_eq!(index.place(0), (0, 0, 0));
        assert_eq!(index.place(9), (0, 640, 90));
        assert_eq!(index.place(12), (1, 320, 0));
        assert_eq!(index.sheet(40, 0), Some((40, 100)));
        assert_eq!(index.sheet(40, 1), Some((140, 50)));
        assert_eq!(index.sheet(40, 2), None);
        assert_eq!(index.sheet(u64::MAX, 1), None);
    }
}

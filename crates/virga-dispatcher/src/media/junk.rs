//! Bytes in front of an MP4's first box: the head of an e-mail or a download, a tag. The file was written behind
//! them, and then its offsets count them; or they were put there later, and then the offsets do not.

use std::ops::Range;

use tokio::task::spawn_blocking;
use virga_media::Movie;

use super::Media;
use crate::job_result::JobError;

/// At most so many boxes are looked at for the samples.
const BOXES: usize = 64;

/// What is in front of a film.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Junk {
    /// Bytes; 0 in nearly every file.
    pub(crate) len: u64,
    /// Whether the file's offsets count them.
    pub(crate) counted: bool,
}

impl Junk {
    /// Bytes that were put there later, as far as nobody knows better.
    pub(super) fn added(len: u64) -> Self {
        let counted = false;
        Self { len, counted }
    }

    /// Looks whether the offsets of the index count the junk in front of `film`. Then `movie` has its samples where
    /// they are in the whole file.
    pub(super) async fn settle(
        self,
        film: &Media,
        mut movie: Movie,
    ) -> Result<(Self, Movie), JobError> {
        let media = media_data(film, self.len).await?;
        let len = self.len + film.len;
        let settled = move || {
            let counted = movie.counts_junk(self.len, &media);
            movie.move_samples(if counted { 0 } else { self.len }, len)?;
            Ok((Self { counted, ..self }, movie))
        };
        spawn_blocking(settled).await?
    }
}

/// The contents of the boxes of media data, by their places in the whole file.
async fn media_data(film: &Media, junk: u64) -> Result<Vec<Range<u64>>, JobError> {
    let (mut at, mut found) = (0, Vec::new());
    for _ in 0..BOXES {
        let left = film.len - at;
        let head = film.read(at, left.min(16)).await?;
        let Some(([a, b, c, d, kind @ ..], rest)) = head.split_first_chunk::<8>() else {
            break;
        };
        let (size, header) = match (u32::from_be_bytes([*a, *b, *c, *d]), rest.first_chunk()) {
            (0, _) => (left, 8),
            (1, Some(size)) => (u64::from_be_bytes(*size), 16),
            (size, _) => (u64::from(size), 8),
        };
        if size < header {
            break;
        }
        let end = at + size.min(left);
        if kind == b"mdat" {
            found.push(junk + at + header..junk + end);
        }
        at = end;
    }
    Ok(found)
}

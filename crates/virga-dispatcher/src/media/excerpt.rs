//! The bytes of a part of a film, brought to scratch out of a bucket: the index, the beginning, by which ffmpeg
//! tells what the streams are, and the part itself. The file is as long as the source; the rest of it is a hole.

use std::{fs::File, io, ops::Range, os::unix::fs::FileExt, path::Path, sync::Arc};

use tokio::task::spawn_blocking;
use virga_media::{Container, SNIFF_LEN, stretch_bytes};

use super::{IndexError, Media, STEP, locate, parse};
use crate::{ffmpeg::Stretch, job_result::JobError};

/// As much of the beginning as ffprobe reads to tell what the streams are.
const BEGINNING: u64 = 5 << 20;
/// Microseconds around the part that may be read as well: where ffmpeg seeks, and how far it reads ahead.
const AROUND: i64 = 2_000_000;

/// What of a source is needed for a part of it.
#[derive(Clone, Debug)]
pub(crate) struct Excerpt {
    media: Media,
    /// Apart from each other, rising.
    ranges: Vec<Range<u64>>,
}

impl Excerpt {
    /// `None` where the whole is needed, for all that is known of it.
    pub(crate) async fn plan(
        media: &Media,
        container: Container,
        stretch: Stretch,
    ) -> Result<Option<Self>, JobError> {
        if container != Container::Mp4 {
            return Ok(None);
        }
        let head = media.read(0, media.len.min(SNIFF_LEN as u64)).await?;
        let (index, movie) = match indexed(media, &head).await {
            Ok(indexed) => indexed,
            Err(IndexError::Job(error)) => return Err(error),
            Err(IndexError::Media(_)) => return Ok(None),
        };
        let second = |at: u32| i64::from(at) * 1_000_000;
        let until = stretch.until.map_or(i64::MAX / 2, second);
        let around = second(stretch.from) - AROUND..until + AROUND;
        let picture = movie.video().filter(|_| !movie.fragmented);
        let part = picture.and_then(|track| stretch_bytes(&movie, track, around));
        Ok(part.map(|part| {
            let beginning = 0..BEGINNING.min(media.len);
            let ranges = merged(vec![beginning, index, part.start..part.end.min(media.len)]);
            let media = media.clone();
            Self { media, ranges }
        }))
    }

    /// How many bytes it is.
    pub(crate) fn len(&self) -> u64 {
        self.ranges
            .iter()
            .map(|range| range.end - range.start)
            .sum()
    }

    /// Writes it.
    pub(crate) async fn write(&self, to: &Path) -> Result<(), JobError> {
        let file = Arc::new(File::create_new(to)?);
        file.set_len(self.media.len)?;
        for range in &self.ranges {
            let mut at = range.start;
            while at < range.end {
                let bytes = self.media.read(at, STEP.min(range.end - at)).await?;
                let (file, offset) = (Arc::clone(&file), at);
                at += bytes.len() as u64;
                let written = spawn_blocking(move || file.write_all_at(&bytes, offset));
                written
                    .await?
                    .map_err(|error: io::Error| JobError::from(error))?;
            }
        }
        Ok(())
    }
}

/// Where the index is, and the index.
async fn indexed(
    media: &Media,
    head: &[u8],
) -> Result<(Range<u64>, virga_media::Movie), IndexError> {
    let (offset, len) = locate(media, head).await?;
    let movie = parse(media, head, (offset, len)).await?;
    Ok((offset..offset + len, movie))
}

/// Ranges that touch are one.
fn merged(mut ranges: Vec<Range<u64>>) -> Vec<Range<u64>> {
    ranges.retain(|range| range.start < range.end);
    ranges.sort_by_key(|range| range.start);
    let mut apart: Vec<Range<u64>> = Vec::new();
    for range in ranges {
        match apart.last_mut() {
            Some(last) if range.start <= last.end => last.end = last.end.max(range.end),
            _ => apart.push(range),
        }
    }
    apart
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_read_twice() {
        let ranges = [40..50, 0..10, 5..20, 20..30, 60..60];
        assert_eq!(merged(ranges.to_vec()), [0..30, 40..50]);
    }
}

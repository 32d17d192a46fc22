//! Positioned reads. A stream takes one hop to a blocking thread for every 512 KiB and reads the
//! next only when the last was taken, so a slow reader costs one buffer.

use std::{
    collections::VecDeque,
    fs::File,
    ops::Range,
    os::unix::fs::FileExt,
    path::{Path, PathBuf},
    sync::Arc,
};
use virga_core::MediaKey;

use bytes::Bytes;
use futures_util::{StreamExt, TryStreamExt, stream};

use super::durable::{self, blocking};
use crate::{ByteStream, ObjectError, ObjectStat, Piece, Result};

/// Bytes read in one hop, about.
const HOP: u64 = 512 * 1024;
/// Bytes in one item of a stream.
const ITEM: usize = 256 * 1024;
/// Two stretches closer than this are read as one: cheaper than another call.
const GAP: u64 = 16 * 1024;
/// Reads in one blocking task, so that the task stays short when no two ranges are adjacent.
const READS: usize = 128;

pub(super) fn open(path: &Path, key: &MediaKey) -> Result<(File, u64)> {
    let failed = |error| ObjectError::of_object(key.as_str(), "open an object", error);
    let file = File::open(path).map_err(failed)?;
    let metadata = file.metadata().map_err(failed)?;
    if metadata.is_file() {
        Ok((file, metadata.len()))
    } else {
        Err(ObjectError::NotFound(key.as_str().into()))
    }
}

pub(super) fn stat(path: &Path, key: &MediaKey) -> Result<ObjectStat> {
    let metadata = std::fs::metadata(path)
        .map_err(|error| ObjectError::of_object(key.as_str(), "look at an object", error))?;
    if !metadata.is_file() {
        return Err(ObjectError::NotFound(key.as_str().into()));
    }
    Ok(ObjectStat {
        size: metadata.len(),
        modified: durable::modified(&metadata),
    })
}

pub(super) fn check(range: &Range<u64>, size: u64) -> Result<()> {
    if range.start <= range.end && range.end <= size {
        Ok(())
    } else {
        Err(ObjectError::OutOfRange { size })
    }
}

fn fill(file: &File, offset: u64, length: u64) -> Result<Vec<u8>> {
    let length = usize::try_from(length).map_err(|_| ObjectError::TooLarge {
        limit: usize::MAX as u64,
    })?;
    let mut buffer = vec![0; length];
    file.read_exact_at(&mut buffer, offset)
        .map_err(|error| ObjectError::io("read an object", error))?;
    Ok(buffer)
}

pub(super) fn at(file: &File, offset: u64, length: u64) -> Result<Bytes> {
    fill(file, offset, length).map(Bytes::from)
}

/// Cuts a buffer into items without copying.
fn items(mut bytes: Bytes, into: &mut Vec<Bytes>) {
    while bytes.len() > ITEM {
        into.push(bytes.split_to(ITEM));
    }
    if !bytes.is_empty() {
        into.push(bytes);
    }
}

pub(super) async fn stream(path: PathBuf, key: MediaKey, range: Range<u64>) -> Result<ByteStream> {
    let whole = range.clone();
    let file = blocking(move || {
        let (file, size) = open(&path, &key)?;
        check(&whole, size)?;
        Ok(Arc::new(file))
    })
    .await?;
    Ok(hops(range, move |rest| {
        let (file, start) = (Arc::clone(&file), rest.start);
        let length = HOP.min(rest.end - start);
        rest.start += length;
        (length > 0).then(|| {
            blocking(move || {
                let mut read = Vec::new();
                items(at(&file, start, length)?, &mut read);
                Ok(read)
            })
        })
    }))
}

/// A stream out of hops: `next` takes work off `rest` and answers the hop that does it.
fn hops<W, F>(rest: W, mut next: impl FnMut(&mut W) -> Option<F> + Send + 'static) -> ByteStream
where
    W: Send + 'static,
    F: Future<Output = Result<Vec<Bytes>>> + Send + 'static,
{
    stream::unfold(rest, move |mut rest| {
        let hop = next(&mut rest);
        async move { Some((hop?.await, rest)) }
    })
    .map_ok(|read| stream::iter(read).map(Ok))
    .try_flatten()
    .boxed()
}

/// One positioned read and the stretches that are wanted of it.
#[derive(Debug, PartialEq, Eq)]
struct Span {
    start: u64,
    end: u64,
    pieces: Vec<Piece>,
}

/// Takes the next span off the front: near stretches in rising order, at most [`HOP`] bytes.
fn next_span(pieces: &mut VecDeque<Piece>) -> Option<Span> {
    let (start, length) = pieces.pop_front()?;
    let most = u32::try_from(HOP).unwrap_or(u32::MAX);
    if length > most {
        pieces.push_front((start + HOP, length - most));
    }
    let first = length.min(most);
    let mut span = Span {
        start,
        end: start + u64::from(first),
        pieces: vec![(start, first)],
    };
    while let Some(&(offset, length)) = pieces.front() {
        let end = offset.saturating_add(u64::from(length));
        let near = offset >= span.end && offset - span.end <= GAP;
        if !near || end - span.start > HOP {
            break;
        }
        pieces.pop_front();
        span.end = end;
        span.pieces.push((offset, length));
    }
    Some(span)
}

impl Span {
    /// Reads it and moves the wanted stretches together.
    fn read(&self, file: &File) -> Result<Bytes> {
        let mut buffer = fill(file, self.start, self.end - self.start)?;
        let mut kept = 0;
        for &(offset, length) in &self.pieces {
            let from = usize::try_from(offset - self.start).unwrap_or(usize::MAX);
            let length = length as usize;
            if from != kept {
                buffer.copy_within(from..from + length, kept);
            }
            kept += length;
        }
        buffer.truncate(kept);
        Ok(Bytes::from(buffer))
    }
}

pub(super) async fn pieces(path: PathBuf, key: MediaKey, pieces: Vec<Piece>) -> Result<ByteStream> {
    let (file, pieces) = blocking(move || {
        let (file, size) = open(&path, &key)?;
        for &(offset, length) in &pieces {
            let end = offset.saturating_add(u64::from(length));
            check(&(offset..end), size)?;
        }
        Ok((file, pieces))
    })
    .await?;
    Ok(pieces_of(file, pieces))
}

/// The same of an open file that has them all.
pub(super) fn pieces_of(file: File, pieces: Vec<Piece>) -> ByteStream {
    let file = Arc::new(file);
    hops(VecDeque::from(pieces), move |rest| {
        let mut spans: Vec<Span> = Vec::new();
        let mut bytes = 0;
        while bytes < HOP && spans.len() < READS {
            let Some(span) = next_span(rest) else { break };
            bytes += span.end - span.start;
            spans.push(span);
        }
        let file = Arc::clone(&file);
        (!spans.is_empty()).then(|| {
            blocking(move || {
                let mut read = Vec::new();
                for span in spans {
                    items(span.read(&file)?, &mut read);
                }
                Ok(read)
            })
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spans(pieces: &[Piece]) -> Vec<(u64, u64, usize)> {
        let mut rest: VecDeque<Piece> = pieces.iter().copied().collect();
        std::iter::from_fn(|| next_span(&mut rest))
            .map(|span| (span.start, span.end, span.pieces.len()))
            .collect()
    }

    #[test]
    fn near_stretches_are_one_read_and_far_ones_are_not() {
        assert_eq!(
            spans(&[(0, 10), (10, 10), (1000, 5)]),
            [(0, 1005, 3)],
            "touching and near"
        );
        assert_eq!(spans(&[(0, 10), (100_000, 10)]).len(), 2, "far");
        assert_eq!(spans(&[(100, 10), (0, 10)]).len(), 2, "falling");
    }

    #[test]
    fn a_long_stretch_is_cut() {
        let most = u32::try_from(HOP).unwrap();
        assert_eq!(
            spans(&[(7, 2 * most + 3)]),
            [
                (7, 7 + HOP, 1),
                (7 + HOP, 7 + 2 * HOP, 1),
                (7 + 2 * HOP, 10 + 2 * HOP, 1)
            ]
        );
    }
}

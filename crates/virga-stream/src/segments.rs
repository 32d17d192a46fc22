//! The bytes of a segment, from the track object or packaged from the source just in time: the same
//! bytes either way, so they share an address and a place in the cache.

use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use futures_util::{StreamExt, TryStreamExt, stream};
use moka::future::Cache;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use virga_core::{
    Failure, MediaKey, UploadId, VideoId,
    counts::{SEGMENT_HITS, SEGMENT_MISSES},
    presentation::{PresentedTrack, TrackBody},
};
use virga_media::segment;
use virga_objects::{ByteStream, ObjectError, Piece, SharedSessions, SharedStore};

use crate::{error::StreamError, tables::Table};

/// The longest segment that is held whole.
const HOT: u64 = 4 * 1024 * 1024;
/// Memory is counted in units of this many bytes.
const UNIT: u64 = 64 * 1024;
/// Bytes of one item of an answer out of the cache.
const ITEM: usize = 64 * 1024;

/// Which segment: the address without the grant.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct SegmentName {
    pub(crate) video: VideoId,
    pub(crate) track: String,
    pub(crate) n: usize,
}

/// Where its bytes are.
enum Layout {
    Object {
        key: MediaKey,
        offset: u64,
    },
    Source {
        key: MediaKey,
        // Whose parts it still is, where it arrives.
        upload: Option<UploadId>,
        head: Bytes,
        body: Vec<Piece>,
    },
}

/// Segments, the hot ones in memory.
#[derive(Clone, Debug)]
pub(crate) struct Segments {
    store: SharedStore,
    sessions: SharedSessions,
    hot: Cache<SegmentName, Bytes>,
    // Whole segments on their way in or out. Slow viewers hold what the cache has long dropped, so
    // the cache's own limit does not bound memory; who finds no room here is served piece by piece.
    room: Arc<Semaphore>,
}

impl Segments {
    pub(crate) fn new(store: SharedStore, sessions: SharedSessions, room: u64) -> Self {
        let weight =
            |_: &SegmentName, bytes: &Bytes| u32::try_from(bytes.len() + 128).unwrap_or(u32::MAX);
        Self {
            store,
            sessions,
            hot: Cache::builder().max_capacity(room).weigher(weight).build(),
            room: Arc::new(Semaphore::new(
                usize::try_from(room / UNIT).unwrap_or(Semaphore::MAX_PERMITS),
            )),
        }
    }

    /// `count` bytes from `first` on of a segment that the table has.
    pub(crate) async fn read(
        &self,
        name: SegmentName,
        track: &PresentedTrack,
        table: &Table,
        (first, count): (u64, u64),
    ) -> Result<ByteStream, StreamError> {
        let (start, length) = table
            .byte_range(name.n)
            .ok_or_else(|| Failure::not_found("segment"))?;
        let open = || self.open(track, table, name.n, start);
        let Some(permit) = self.room_for(length) else {
            let layout = open().await?;
            return self.stream(layout, first, count).await;
        };
        let count_of = if self.hot.contains_key(&name) {
            &SEGMENT_HITS
        } else {
            &SEGMENT_MISSES
        };
        count_of.add();
        let whole = async {
            let layout = open().await?;
            collect(self.stream(layout, 0, length).await?, length).await
        };
        let whole = self
            .hot
            .try_get_with(name.clone(), whole)
            .await
            .map_err(|fault| StreamError::shared(&fault))?;
        let range = usize::try_from(first)
            .ok()
            .zip(usize::try_from(first + count).ok());
        let (from, to) = range
            .filter(|(from, to)| from <= to && *to <= whole.len())
            .ok_or_else(|| Failure::internal("a cached segment is shorter than its table says"))?;
        Ok(held(whole.slice(from..to), permit))
    }

    fn room_for(&self, length: u64) -> Option<OwnedSemaphorePermit> {
        if length > HOT {
            return None;
        }
        let units = u32::try_from(length.div_ceil(UNIT)).ok()?;
        Arc::clone(&self.room).try_acquire_many_owned(units).ok()
    }

    async fn open(
        &self,
        track: &PresentedTrack,
        table: &Table,
        n: usize,
        offset: u64,
    ) -> Result<Layout, StreamError> {
        match &track.body {
            TrackBody::Object { object } => Ok(Layout::Object {
                key: object.clone(),
                offset,
            }),
            TrackBody::Growing { .. } => {
                let Table::Growing(growing) = table else {
                    return Err(
                        Failure::internal("the table of a growing track is another's").into(),
                    );
                };
                let place = growing.place(n);
                let (key, offset) = place.ok_or_else(|| Failure::not_found("segment"))?;
                let key = key.clone();
                Ok(Layout::Object { key, offset })
            }
            TrackBody::Source { source, samples }
            | TrackBody::Arriving {
                source, samples, ..
            } => {
                let (at, length) = table.sample_block_range(n).ok_or_else(|| {
                    Failure::internal("a track without sample blocks is said to be in the source")
                })?;
                let block = self
                    .store
                    .read(samples, at..at.saturating_add(length))
                    .await?;
                let layout = segment(table, n, &block)?;
                let upload = match track.body {
                    TrackBody::Arriving { upload, .. } => Some(upload),
                    _ => None,
                };
                Ok(Layout::Source {
                    key: source.clone(),
                    upload,
                    head: layout.head.into(),
                    body: layout.body,
                })
            }
        }
    }

    async fn stream(
        &self,
        layout: Layout,
        first: u64,
        count: u64,
    ) -> Result<ByteStream, StreamError> {
        match layout {
            Layout::Object { key, offset } => {
                let start = offset.saturating_add(first);
                let range = start..start.saturating_add(count);
                Ok(self.store.stream(&key, range).await?)
            }
            Layout::Source {
                key,
                upload,
                head,
                body,
            } => {
                let (head, body) = cut(head, body, first, count);
                let body = match upload {
                    Some(upload) => self.arriving(upload, &key, body).await?,
                    None => self.store.read_pieces(&key, body).await?,
                };
                let head = (!head.is_empty()).then_some(Ok(head));
                Ok(stream::iter(head).chain(body).boxed())
            }
        }
    }
}

impl Segments {
    /// Stretches of a file that arrives, or that has arrived since its presentation was read.
    async fn arriving(
        &self,
        upload: UploadId,
        key: &MediaKey,
        pieces: Vec<Piece>,
    ) -> Result<ByteStream, StreamError> {
        match self.sessions.read_parts(upload, pieces.clone()).await {
            Err(ObjectError::NoSession(_)) => Ok(self.store.read_pieces(key, pieces).await?),
            Err(ObjectError::PartsMissing(_)) => Err(Failure::not_found("segment").into()),
            read => Ok(read?),
        }
    }
}

/// The stretch of a layout that begins `first` bytes in and is `count` bytes long.
pub(crate) fn cut(
    mut head: Bytes,
    body: Vec<Piece>,
    mut first: u64,
    mut count: u64,
) -> (Bytes, Vec<Piece>) {
    let skipped = first.min(head.len() as u64);
    let _ = head.split_to(usize::try_from(skipped).unwrap_or(head.len()));
    first -= skipped;
    head.truncate(usize::try_from(count).unwrap_or(usize::MAX));
    count -= head.len() as u64;
    let mut kept = Vec::with_capacity(body.len());
    for (offset, length) in body {
        let skipped = u32::try_from(first).unwrap_or(u32::MAX).min(length);
        first -= u64::from(skipped);
        let left = (length - skipped).min(u32::try_from(count).unwrap_or(u32::MAX));
        count -= u64::from(left);
        if left > 0 {
            kept.push((offset + u64::from(skipped), left));
        }
    }
    (head, kept)
}

async fn collect(mut stream: ByteStream, length: u64) -> Result<Bytes, StreamError> {
    let mut whole = BytesMut::with_capacity(usize::try_from(length.min(HOT)).unwrap_or_default());
    while let Some(bytes) = stream.try_next().await? {
        whole.extend_from_slice(&bytes);
    }
    if whole.len() as u64 == length {
        Ok(whole.freeze())
    } else {
        Err(Failure::internal("a segment is not as long as its table says").into())
    }
}

/// Bytes in memory as a stream that gives their room back when it ends.
fn held(bytes: Bytes, permit: OwnedSemaphorePermit) -> ByteStream {
    stream::unfold((bytes, permit), |(mut bytes, permit)| async move {
        let item = bytes.split_to(bytes.len().min(ITEM));
        (!item.is_empty()).then(|| (Ok(item), (bytes, permit)))
    })
    .boxed()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cut_layout_is_the_same_stretch_of_the_whole() {
        let file: Vec<u8> = (0..200).collect();
        let (head, body) = (
            Bytes::from_static(b"head!"),
            vec![(10, 3), (50, 1), (20, 7)],
        );
        let flat = |head: &Bytes, body: &[Piece]| {
            let mut all = head.to_vec();
            for &(offset, length) in body {
                let offset = usize::try_from(offset).unwrap();
                all.extend_from_slice(&file[offset..offset + length as usize]);
            }
            all
        };
        let whole = flat(&head, &body);
        for first in 0..=whole.len() {
            for count in 0..=whole.len() - first {
                let (head, body) = cut(head.clone(), body.clone(), first as u64, count as u64);
                assert_eq!(flat(&head, &body), whole[first..first + count]);
            }
        }
    }
}

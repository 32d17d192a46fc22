//! The bytes of a segment, from the track object or packaged from the source just in time: the same
//! bytes either way, so they share an address and a place in the cache. From a disk of this machine they are
//! sent by the kernel, which keeps them in memory better than we would; from elsewhere the hot ones are held.

use std::{ops::Range, sync::Arc};

use axum::body::Body;
use bytes::{Bytes, BytesMut};
use futures_util::{
    StreamExt, TryStreamExt,
    stream::{self, BoxStream},
};
use moka::future::Cache;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use virga_core::{
    Failure, MediaKey, UploadId, VideoId,
    counts::{SEGMENT_FILES, SEGMENT_HITS, SEGMENT_MISSES},
    presentation::{PresentedTrack, TrackBody},
};
use virga_http::{BodyPart, FileQueue};
use virga_media::segment;
use virga_objects::{ByteStream, ObjectError, Piece, SharedSessions, SharedStore};

use crate::{
    error::StreamError,
    files::{Files, file_body, streamed},
    tables::Table,
};

/// Bytes of a block, the most that is read at once to be held: most segments are one.
const BLOCK: u64 = 4 * 1024 * 1024;
/// Memory is counted in units of this many bytes.
const UNIT: u64 = 64 * 1024;
/// The part of the memory for segments that their layouts have besides.
const PACKAGED: u64 = 8;
/// A segment is sent from its file where its pieces have so many bytes on average; else it is put together in
/// memory, once for all who watch.
const RUN: u64 = 16 * 1024;

/// Which segment: the address without the grant.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct SegmentName {
    pub(crate) video: VideoId,
    pub(crate) track: String,
    pub(crate) n: usize,
}

/// Where its bytes are.
#[derive(Clone, Debug)]
enum Layout {
    Object { key: MediaKey, offset: u64 },
    Source(Arc<Packaged>),
}

/// A segment that is made of its source: what stands before, and where in the source the rest is.
#[derive(Debug)]
struct Packaged {
    key: MediaKey,
    // Whose parts it still is, where it arrives.
    upload: Option<UploadId>,
    head: Bytes,
    body: Vec<Piece>,
}

/// A stretch of a segment that is held in one: `n` × [`BLOCK`] bytes in.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct BlockName {
    segment: SegmentName,
    n: u64,
}

/// Segments, the hot ones in memory.
#[derive(Clone, Debug)]
pub(crate) struct Segments {
    store: SharedStore,
    sessions: SharedSessions,
    files: Files,
    hot: Cache<BlockName, Bytes>,
    packaged: Cache<SegmentName, Arc<Packaged>>,
    // What is in memory, whether the cache holds it or has dropped it while slow viewers still take it.
    // A block counts once, however many take it; where there is no room for one more, it is passed on
    // piece by piece.
    room: Arc<Semaphore>,
}

impl Segments {
    /// Holds `room` bytes, and as many that the cache has dropped but viewers have not taken yet.
    pub(crate) fn new(
        store: SharedStore,
        sessions: SharedSessions,
        files: Files,
        room: u64,
    ) -> Self {
        let weight =
            |_: &BlockName, bytes: &Bytes| u32::try_from(bytes.len() + 128).unwrap_or(u32::MAX);
        let packaged = |_: &SegmentName, made: &Arc<Packaged>| {
            let bytes = 256 + made.head.len() + made.body.len() * size_of::<Piece>();
            u32::try_from(bytes).unwrap_or(u32::MAX)
        };
        let units = usize::try_from(room.saturating_mul(2) / UNIT);
        Self {
            store,
            sessions,
            files,
            hot: Cache::builder().max_capacity(room).weigher(weight).build(),
            packaged: Cache::builder()
                .max_capacity(room / PACKAGED)
                .weigher(packaged)
                .build(),
            room: Arc::new(Semaphore::new(
                units.map_or(Semaphore::MAX_PERMITS, |it| it.min(Semaphore::MAX_PERMITS)),
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
        queue: Option<&FileQueue>,
    ) -> Result<Body, StreamError> {
        let (start, length) = table
            .byte_range(name.n)
            .ok_or_else(|| Failure::not_found("segment"))?;
        let layout = self.lay_out(&name, track, table, start).await?;
        if let Some(body) = self.sent_from_file(&layout, (first, count), queue).await? {
            SEGMENT_FILES.add();
            return Ok(body);
        }
        let end = first.saturating_add(count).min(length);
        let blocks = (first / BLOCK..end.div_ceil(BLOCK)).map(|n| {
            let at = n * BLOCK;
            (n, at.max(first)..(at + BLOCK).min(end))
        });
        let mut blocks = blocks.collect::<Vec<_>>().into_iter();
        let segment = (name, layout, length);
        let Some(begin) = blocks.next() else {
            return Ok(Body::empty());
        };
        // What is wrong with the first one is said in the answer's status.
        let begin = self.block(&segment, begin).await?;
        match begin {
            Block::Held(bytes) if blocks.len() == 0 => return Ok(Body::from(bytes)),
            _ => {}
        }
        // One after the other: others wait for a block that is being read, so none may be begun that a slow
        // viewer leaves lying.
        let (this, segment) = (self.clone(), Arc::new(segment));
        let rest = stream::iter(blocks).then(move |block| {
            let (this, segment) = (this.clone(), Arc::clone(&segment));
            async move { this.block(&segment, block).await }
        });
        let all = stream::iter([Ok(begin)]).chain(rest);
        Ok(streamed(all.map_ok(Block::into_stream).try_flatten()))
    }

    /// A stretch of one block of a segment.
    async fn block(
        &self,
        (name, layout, length): &(SegmentName, Layout, u64),
        (n, here): (u64, Range<u64>),
    ) -> Result<Block, StreamError> {
        let name = BlockName {
            segment: name.clone(),
            n,
        };
        let count = if self.hot.contains_key(&name) {
            &SEGMENT_HITS
        } else {
            &SEGMENT_MISSES
        };
        count.add();
        let (at, size) = (n * BLOCK, BLOCK.min(length - n * BLOCK));
        let whole = async {
            let room = self.room_for(size).ok_or(StreamError::NoRoom)?;
            let bytes = collect(self.stream(layout, at, size).await?, size).await?;
            Ok(Bytes::from_owner(Held { bytes, _room: room }))
        };
        let found = self.hot.try_get_with(name, whole).await;
        match found.map_err(|fault| StreamError::shared(&fault)) {
            Ok(whole) => {
                let within = |place: u64| usize::try_from(place - at).unwrap_or(usize::MAX);
                Ok(Block::Held(
                    whole.slice(within(here.start)..within(here.end)),
                ))
            }
            Err(StreamError::NoRoom) => {
                let count = here.end - here.start;
                Ok(Block::Passed(self.stream(layout, here.start, count).await?))
            }
            Err(fault) => Err(fault),
        }
    }

    /// A body that the kernel sends from a file of this machine; `None` where the segment does not lie in one, or in
    /// many small pieces of it, or where the kernel cannot send it (TLS): then it is better held than read again.
    async fn sent_from_file(
        &self,
        layout: &Layout,
        (first, count): (u64, u64),
        queue: Option<&FileQueue>,
    ) -> Result<Option<Body>, StreamError> {
        if queue.is_none() {
            return Ok(None);
        }
        let (key, parts) = match layout {
            Layout::Object { key, offset } => {
                let offset = offset.saturating_add(first);
                let length = count;
                (key, vec![BodyPart::File { offset, length }])
            }
            Layout::Source(made) if made.upload.is_some() => return Ok(None),
            Layout::Source(made) => {
                let (head, body) = cut(made.head.clone(), made.body.clone(), first, count);
                let mut parts = vec![BodyPart::Bytes(head)];
                parts.extend(runs(&body).map(|(offset, length)| BodyPart::File { offset, length }));
                if count / (parts.len() as u64) < RUN {
                    return Ok(None);
                }
                (&made.key, parts)
            }
        };
        let file = self.files.get(key).await?;
        file.map(|file| Ok(file_body(&file, parts, queue)?))
            .transpose()
    }

    fn room_for(&self, length: u64) -> Option<OwnedSemaphorePermit> {
        let units = u32::try_from(length.div_ceil(UNIT)).ok()?;
        Arc::clone(&self.room).try_acquire_many_owned(units).ok()
    }

    async fn lay_out(
        &self,
        name: &SegmentName,
        track: &PresentedTrack,
        table: &Table,
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
                let place = growing.place(name.n);
                let (key, offset) = place.ok_or_else(|| Failure::not_found("segment"))?;
                let key = key.clone();
                Ok(Layout::Object { key, offset })
            }
            TrackBody::Source { source, samples } => {
                let made = async {
                    let made = self.package(table, name.n, samples, source, None).await?;
                    Ok::<_, StreamError>(Arc::new(made))
                };
                let made = self.packaged.try_get_with(name.clone(), made).await;
                let made = made.map_err(|fault| StreamError::shared(&fault))?;
                Ok(Layout::Source(made))
            }
            TrackBody::Arriving {
                source,
                samples,
                upload,
            } => {
                let upload = Some(*upload);
                let made = self.package(table, name.n, samples, source, upload).await?;
                Ok(Layout::Source(Arc::new(made)))
            }
        }
    }

    async fn package(
        &self,
        table: &Table,
        n: usize,
        samples: &MediaKey,
        source: &MediaKey,
        upload: Option<UploadId>,
    ) -> Result<Packaged, StreamError> {
        let (at, length) = table.sample_block_range(n).ok_or_else(|| {
            Failure::internal("a track without sample blocks is said to be in the source")
        })?;
        let block = at..at.saturating_add(length);
        let block = self.store.read(samples, block).await?;
        let layout = segment(table, n, &block)?;
        Ok(Packaged {
            key: source.clone(),
            upload,
            head: layout.head.into(),
            body: layout.body,
        })
    }

    async fn stream(
        &self,
        layout: &Layout,
        first: u64,
        count: u64,
    ) -> Result<ByteStream, StreamError> {
        match layout {
            Layout::Object { key, offset } => {
                let start = offset.saturating_add(first);
                let range = start..start.saturating_add(count);
                Ok(self.store.stream(key, range).await?)
            }
            Layout::Source(made) => {
                let (head, body) = cut(made.head.clone(), made.body.clone(), first, count);
                let body = match made.upload {
                    Some(upload) => self.arriving(upload, &made.key, body).await?,
                    None => self.store.read_pieces(&made.key, body).await?,
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
    let mut whole = BytesMut::with_capacity(usize::try_from(length.min(BLOCK)).unwrap_or_default());
    while let Some(bytes) = stream.try_next().await? {
        whole.extend_from_slice(&bytes);
    }
    if whole.len() as u64 == length {
        Ok(whole.freeze())
    } else {
        Err(Failure::internal("a segment is not as long as its table says").into())
    }
}

/// Some bytes of a block.
enum Block {
    /// In memory.
    Held(Bytes),
    /// Read as they go out.
    Passed(ByteStream),
}

impl Block {
    fn into_stream(self) -> BoxStream<'static, Result<Bytes, StreamError>> {
        match self {
            Self::Held(bytes) => stream::iter([Ok(bytes)]).boxed(),
            Self::Passed(stream) => stream.map_err(StreamError::from).boxed(),
        }
    }
}

/// Bytes in memory, and their room, which comes free when nobody needs them any more.
struct Held {
    bytes: Bytes,
    _room: OwnedSemaphorePermit,
}

impl AsRef<[u8]> for Held {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

/// Pieces as stretches of the file: those that touch are one.
fn runs(pieces: &[Piece]) -> impl Iterator<Item = (u64, u64)> {
    pieces
        .chunk_by(|one, next| one.0 + u64::from(one.1) == next.0)
        .filter_map(|run| {
            let (last, length) = *run.last()?;
            let offset = run.first()?.0;
            Some((offset, last + u64::from(length) - offset))
        })
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

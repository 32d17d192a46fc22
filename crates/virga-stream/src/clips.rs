//! `clip-{from}-{to}.mp4`: a stretch of the plain file as a file of its own, put together while it is sent. Only
//! its index is made: the samples are ranges of the plain file's object (docs/adr/0030).

use std::sync::Arc;

use axum::response::Response;
use bytes::Bytes;
use futures_util::{StreamExt, stream};
use moka::future::Cache;
use tokio::{sync::Semaphore, task::spawn_blocking};
use virga_core::{CacheLifetime, Code, Failure, MediaKey, paths::CLIP_MAX_MILLIS};
use virga_http::representation::etag;
use virga_media::{MediaError, MoovLocator, Movie, Step, clip_mp4};
use virga_objects::{Piece, SharedStore};

use crate::{
    error::StreamError,
    files::streamed,
    media::{MediaRequest, not_there},
    segments::cut,
};

/// Bytes of indexes of clips that are kept: a client asks for many ranges of one file.
const ROOM: u64 = 4 * 1024 * 1024;
/// The largest index of a plain file that is read: that of some 16 hours.
const INDEX_MAX: u64 = 32 * 1024 * 1024;
/// So many indexes of plain files are in memory at a time.
const AT_ONCE: usize = 2;
/// Part of the validator: another layout has other bytes.
const LAYOUT: &[u8] = b"clip 1";

/// One clip: its head, and where in the plain file the rest is.
#[derive(Debug)]
struct Layout {
    head: Bytes,
    body: Vec<Piece>,
    length: u64,
}

/// The indexes of clips.
#[derive(Clone, Debug)]
pub(crate) struct Clips {
    store: SharedStore,
    held: Cache<(MediaKey, u64, u64), Arc<Layout>>,
    turns: Arc<Semaphore>,
}

impl Clips {
    pub(crate) fn new(store: SharedStore) -> Self {
        let weight = |_: &(MediaKey, u64, u64), layout: &Arc<Layout>| {
            let bytes = 256 + layout.head.len() + layout.body.len() * size_of::<Piece>();
            u32::try_from(bytes).unwrap_or(u32::MAX)
        };
        Self {
            store,
            held: Cache::builder().max_capacity(ROOM).weigher(weight).build(),
            turns: Arc::new(Semaphore::new(AT_ONCE)),
        }
    }

    /// The stretch of this plain file, in milliseconds.
    async fn get(&self, key: &MediaKey, from: u64, to: u64) -> Result<Arc<Layout>, StreamError> {
        let made = async {
            let _turn = self.turns.acquire().await.map_err(Failure::internal)?;
            let (index, size) = self.index(key).await?;
            let laid = spawn_blocking(move || lay_out(&index, size, from, to)).await;
            laid.map_err(Failure::internal)?.map(Arc::new)
        };
        let name = (key.clone(), from, to);
        let found = self.held.try_get_with(name, made).await;
        found.map_err(|fault| StreamError::shared(&fault))
    }

    /// The plain file's index and the size of the file.
    async fn index(&self, key: &MediaKey) -> Result<(Bytes, u64), StreamError> {
        let size = self.store.stat(key).await?.size;
        let mut locator = MoovLocator::new(size);
        loop {
            match locator.step()? {
                Step::Read { offset, len } => {
                    locator.feed(&self.store.read(key, offset..offset + len).await?);
                }
                Step::Found { len, .. } if len > INDEX_MAX => {
                    let why = "This video is too long for clips of it as files.";
                    return Err(Failure::new(Code::NotFound, why).into());
                }
                Step::Found { offset, len } => {
                    let index = self.store.read(key, offset..offset + len).await?;
                    return Ok((index, size));
                }
            }
        }
    }
}

fn lay_out(index: &[u8], size: u64, from: u64, to: u64) -> Result<Layout, StreamError> {
    let micros = |millis: u64| i64::try_from(millis.saturating_mul(1000)).unwrap_or(i64::MAX);
    let movie = Movie::parse(index, size)?;
    let file = match clip_mp4(&movie, micros(from), micros(to)) {
        // Past its end nothing is shown.
        Err(MediaError::Unsupported { .. }) => return Err(not_there().into()),
        laid => laid?,
    };
    let pieces = file.pieces.iter().flat_map(|it| split(it.offset, it.len));
    Ok(Layout {
        head: file.head.into(),
        body: pieces.collect(),
        length: file.len,
    })
}

/// A range as pieces of what one piece can say.
fn split(mut offset: u64, mut len: u64) -> impl Iterator<Item = Piece> {
    std::iter::from_fn(move || {
        let piece = u32::try_from(len).unwrap_or(u32::MAX);
        let at = offset;
        offset += u64::from(piece);
        len -= u64::from(piece);
        (piece > 0).then_some((at, piece))
    })
}

impl MediaRequest<'_> {
    /// A stretch of the plain file, in milliseconds.
    pub(crate) async fn clip(
        &self,
        key: Option<&MediaKey>,
        (from, to): (u64, u64),
    ) -> Result<Response, StreamError> {
        let key = key.ok_or_else(not_there)?;
        if to - from > CLIP_MAX_MILLIS {
            let minutes = CLIP_MAX_MILLIS / 60_000;
            let why = format!("A clip as a file is {minutes} minutes long at most.");
            return Err(Failure::new(Code::NotFound, why).into());
        }
        let layout = self.state.clips.get(key, from, to).await?;
        let place = [from, to, layout.length].map(u64::to_be_bytes);
        let tag = etag(&[LAYOUT, key.as_str().as_bytes(), place.as_flattened()]);
        let cache = CacheLifetime::Revalidate;
        let answer = self.representation("video/mp4", cache, tag, layout.length);
        let read = async |first, count| {
            let (head, body) = cut(layout.head.clone(), layout.body.clone(), first, count);
            let body = self.state.store.read_pieces(key, body).await?;
            let head = (!head.is_empty()).then_some(Ok(head));
            Ok(streamed(stream::iter(head).chain(body).boxed()))
        };
        answer.answer(self.headers, read).await
    }
}

//! Ranged reads. A broken stream resumes where it broke; a slow reader slows the bucket down.

use std::{collections::VecDeque, ops::Range, path::Path, sync::Arc};
use virga_core::MediaKey;

use bytes::{Bytes, BytesMut};
use futures_util::{StreamExt, TryStreamExt, stream};
use http::{HeaderValue, Method, StatusCode, header};
use reqwest::Response;
use tokio::{io::AsyncWriteExt, time::timeout};

use super::{
    client::{BucketRequest, Client, STALL, document},
    retry::{broken, pause, unavailable, unexpected},
    xml,
};
use virga_objects::{ByteStream, ObjectError, ObjectStat, Piece, READ_LIMIT, Result};

const DOING: &str = "read an object";
/// Two stretches closer than this are one request: reading on is cheaper than asking again.
const GAP: u64 = 128 * 1024;
/// How far one request joins stretches.
const SPAN: u64 = 16 * 1024 * 1024;
/// A stream that breaks this often without a byte in between has failed.
const BREAKS: u32 = 4;

/// An answer whose head has come.
#[derive(Debug)]
struct Opened {
    /// Bytes of the whole object.
    total: u64,
    etag: Option<HeaderValue>,
    body: Response,
}

fn check(range: &Range<u64>, size: u64) -> Result<()> {
    if range.start <= range.end && range.end <= size {
        Ok(())
    } else {
        Err(ObjectError::OutOfRange { size })
    }
}

/// Asks for a range that is not empty.
async fn open(
    client: &Client,
    key: &MediaKey,
    range: &Range<u64>,
    same: Option<&HeaderValue>,
) -> Result<Opened> {
    // No object is as long, and a server that does not read such numbers might send everything.
    if range.start >= range.end || i64::try_from(range.end).is_err() {
        check(range, stat(client, key).await?.size)?;
    }
    let wanted = format!("bytes={}-{}", range.start, range.end.saturating_sub(1));
    let wanted = HeaderValue::from_str(&wanted).unwrap_or(HeaderValue::from_static("bytes=0-"));
    let mut request =
        BucketRequest::new(Method::GET, key.as_str(), DOING).header(header::RANGE, wanted);
    if let Some(etag) = same {
        request = request.header(header::IF_MATCH, etag.clone());
    }
    let body = match client.send(request).await {
        Err(ObjectError::OutOfRange { size: u64::MAX }) => {
            let size = stat(client, key).await?.size;
            return Err(ObjectError::OutOfRange { size });
        }
        body => body?,
    };
    let unexpected = |why| unexpected(DOING, body.status().as_u16(), why);
    let extent = extent(&body);
    let (first, total) =
        extent.ok_or_else(|| unexpected("the answer does not say which bytes it holds"))?;
    check(range, total)?;
    if first != range.start {
        return Err(unexpected("the bucket answers another range"));
    }
    let etag = body.headers().get(header::ETAG).cloned();
    Ok(Opened { total, etag, body })
}

/// First byte of an answer and length of the whole object.
fn extent(answer: &Response) -> Option<(u64, u64)> {
    let text = |name| answer.headers().get(name)?.to_str().ok();
    if answer.status() != StatusCode::PARTIAL_CONTENT {
        return Some((0, text(header::CONTENT_LENGTH)?.parse().ok()?));
    }
    let (range, total) = text(header::CONTENT_RANGE)?
        .strip_prefix("bytes ")?
        .split_once('/')?;
    Some((range.split_once('-')?.0.parse().ok()?, total.parse().ok()?))
}

pub(super) async fn stat(client: &Client, key: &MediaKey) -> Result<ObjectStat> {
    let request = BucketRequest::new(Method::HEAD, key.as_str(), "look at an object");
    let answer = client.send(request).await?;
    let text = |name| answer.headers().get(name)?.to_str().ok();
    let size = text(header::CONTENT_LENGTH).and_then(|it| it.parse().ok());
    Ok(ObjectStat {
        size: size.ok_or_else(|| {
            let status = answer.status().as_u16();
            unexpected("look at an object", status, "the answer has no length")
        })?,
        modified: xml::header_moment(text(header::LAST_MODIFIED)),
    })
}

pub(super) async fn read(client: Arc<Client>, key: &MediaKey, range: Range<u64>) -> Result<Bytes> {
    let length = range.end.saturating_sub(range.start);
    if length > READ_LIMIT {
        return Err(ObjectError::TooLarge { limit: READ_LIMIT });
    }
    let stream = stream(client, key.clone(), range).await?;
    gather(stream, length).await
}

pub(super) async fn read_all(client: Arc<Client>, key: &MediaKey, limit: u64) -> Result<Bytes> {
    let request = BucketRequest::new(Method::GET, key.as_str(), DOING);
    let body = client.send(request).await?;
    let (_, total) = extent(&body).ok_or_else(|| unavailable(DOING, "an answer without length"))?;
    if total > limit {
        return Err(ObjectError::TooLarge { limit });
    }
    let etag = body.headers().get(header::ETAG).cloned();
    let opened = Opened { total, etag, body };
    gather(Body::stream(client, key.clone(), 0..total, opened), total).await
}

/// Reads a small object that is no media.
pub(super) async fn small(client: &Client, key: &str) -> Result<Bytes> {
    let answer = client
        .send(BucketRequest::new(Method::GET, key, DOING))
        .await?;
    document(DOING, answer).await
}

async fn gather(mut stream: ByteStream, length: u64) -> Result<Bytes> {
    let mut all = BytesMut::with_capacity(usize::try_from(length).unwrap_or(0));
    while let Some(piece) = stream.try_next().await? {
        all.extend_from_slice(&piece);
    }
    Ok(all.freeze())
}

pub(super) async fn stream(
    client: Arc<Client>,
    key: MediaKey,
    range: Range<u64>,
) -> Result<ByteStream> {
    if range.start >= range.end {
        check(&range, stat(&client, &key).await?.size)?;
        return Ok(stream::empty().boxed());
    }
    let opened = open(&client, &key, &range, None).await?;
    Ok(Body::stream(client, key, range, opened))
}

/// The rest of a range.
struct Body {
    client: Arc<Client>,
    key: MediaKey,
    rest: Range<u64>,
    opened: Opened,
    broke: u32,
}

impl Body {
    fn stream(client: Arc<Client>, key: MediaKey, rest: Range<u64>, opened: Opened) -> ByteStream {
        let body = Self {
            client,
            key,
            rest,
            opened,
            broke: 0,
        };
        stream::try_unfold(body, |mut body| async move {
            Ok(body.next().await?.map(|piece| (piece, body)))
        })
        .boxed()
    }

    async fn next(&mut self) -> Result<Option<Bytes>> {
        loop {
            let piece = timeout(STALL, self.opened.body.chunk()).await;
            let why = match piece {
                // Once the end is seen the connection can serve another request.
                _ if self.rest.is_empty() => return Ok(None),
                Ok(Ok(Some(mut piece))) => {
                    let left = usize::try_from(self.rest.end - self.rest.start);
                    piece.truncate(left.unwrap_or(usize::MAX));
                    if piece.is_empty() {
                        continue;
                    }
                    self.rest.start += piece.len() as u64;
                    self.broke = 0;
                    return Ok(Some(piece));
                }
                Ok(Ok(None)) => unavailable(DOING, "the answer ended early"),
                Ok(Err(error)) => broken(DOING, error),
                Err(_) => unavailable(DOING, "the answer stopped"),
            };
            self.broke += 1;
            if self.broke >= BREAKS {
                return Err(why);
            }
            pause(self.broke).await;
            // The same object as before, or none: two halves of two objects are worse than an error.
            let same = self.opened.etag.clone();
            self.opened = open(&self.client, &self.key, &self.rest, same.as_ref()).await?;
        }
    }
}

/// One request and the stretches that are wanted of it.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Span {
    range: Range<u64>,
    pieces: VecDeque<Range<u64>>,
}

/// Takes the next span off the front: near stretches in rising order.
fn next_span(pieces: &mut VecDeque<Piece>) -> Option<Span> {
    let as_range = |(offset, length): Piece| offset..offset.saturating_add(u64::from(length));
    let first = as_range(pieces.pop_front()?);
    let mut span = Span {
        range: first.clone(),
        pieces: [first].into(),
    };
    while let Some(piece) = pieces.front().copied().map(as_range) {
        let near = piece.start >= span.range.end && piece.start - span.range.end <= GAP;
        if !near || piece.end - span.range.start > SPAN {
            break;
        }
        pieces.pop_front();
        span.range.end = piece.end;
        span.pieces.push_back(piece);
    }
    Some(span)
}

impl Span {
    /// What of `bytes`, which stand at `at`, is wanted.
    fn wanted(&mut self, at: u64, bytes: &Bytes) -> Bytes {
        let end = at + bytes.len() as u64;
        let mut kept: Vec<Bytes> = Vec::new();
        while let Some(piece) = self.pieces.front() {
            let (from, to) = (piece.start.max(at), piece.end.min(end));
            if from < to {
                let place = |offset: u64| usize::try_from(offset - at).unwrap_or(usize::MAX);
                kept.push(bytes.slice(place(from)..place(to)));
            }
            if piece.end > end {
                break;
            }
            self.pieces.pop_front();
        }
        match kept.len() {
            0 => Bytes::new(),
            1 => kept.swap_remove(0),
            _ => kept.concat().into(),
        }
    }

    fn filter(self, stream: ByteStream) -> ByteStream {
        let at = self.range.start;
        stream::try_unfold(
            (stream, self, at),
            |(mut stream, mut span, mut at)| async move {
                while let Some(bytes) = stream.try_next().await? {
                    let wanted = span.wanted(at, &bytes);
                    at += bytes.len() as u64;
                    if !wanted.is_empty() {
                        return Ok(Some((wanted, (stream, span, at))));
                    }
                }
                Ok(None)
            },
        )
        .boxed()
    }
}

pub(super) async fn pieces(
    client: Arc<Client>,
    key: MediaKey,
    pieces: Vec<Piece>,
) -> Result<ByteStream> {
    let mut rest: VecDeque<Piece> = pieces.iter().copied().filter(|it| it.1 > 0).collect();
    let Some(first) = next_span(&mut rest) else {
        let size = stat(&client, &key).await?.size;
        for (offset, _) in pieces {
            check(&(offset..offset), size)?;
        }
        return Ok(stream::empty().boxed());
    };
    let opened = open(&client, &key, &first.range, None).await?;
    for (offset, length) in pieces {
        check(
            &(offset..offset.saturating_add(u64::from(length))),
            opened.total,
        )?;
    }
    let start = Body::stream(
        Arc::clone(&client),
        key.clone(),
        first.range.clone(),
        opened,
    );
    let start = first.filter(start);
    let spans = stream::iter(std::iter::from_fn(move || next_span(&mut rest)));
    // One request is on its way while the one before it is read.
    let rest = spans
        .map(move |span| {
            let (client, key) = (Arc::clone(&client), key.clone());
            async move {
                let body = stream(client, key, span.range.clone()).await?;
                Ok::<_, ObjectError>(span.filter(body))
            }
        })
        .buffered(2)
        .try_flatten();
    Ok(start.chain(rest).boxed())
}

pub(super) async fn download(client: Arc<Client>, key: &MediaKey, path: &Path) -> Result<()> {
    let size = stat(&client, key).await?.size;
    let failed = |error| ObjectError::io("write a scratch file", error);
    let mut file = tokio::fs::OpenOptions::new()
        .write(true)
        .create_new(true)
        .open(path)
        .await
        .map_err(failed)?;
    let copy = async {
        let mut body = stream(client, key.clone(), 0..size).await?;
        while let Some(piece) = body.try_next().await? {
            file.write_all(&piece).await.map_err(failed)?;
        }
        file.flush().await.map_err(failed)
    };
    let copied = copy.await;
    if copied.is_err() {
        let _ = tokio::fs::remove_file(path).await;
    }
    copied
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spans(pieces: &[Piece]) -> Vec<(Range<u64>, usize)> {
        let mut rest: VecDeque<Piece> = pieces.iter().copied().collect();
        std::iter::from_fn(|| next_span(&mut rest))
            .map(|span| (span.range, span.pieces.len()))
            .collect()
    }

    #[test]
    fn near_stretches_are_one_request_and_far_ones_are_not() {
        assert_eq!(spans(&[(0, 10), (10, 10), (1000, 5)]), [(0..1005, 3)]);
        assert_eq!(spans(&[(0, 10), (1_000_000, 10)]).len(), 2, "far");
        assert_eq!(spans(&[(100, 10), (0, 10)]).len(), 2, "falling");
        let long = u32::try_from(SPAN).unwrap();
        assert_eq!(spans(&[(0, long), (SPAN, 1)]).len(), 2, "long");
    }

    #[test]
    fn only_what_is_wanted_of_a_span_is_kept() {
        let bytes = Bytes::from_static(b"0123456789");
        let mut pieces = [(0, 2), (4, 4), (8, 2)].into();
        let mut span = next_span(&mut pieces).unwrap();
        let mut got = Vec::new();
        for (at, piece) in [(0, 0..1), (1, 1..5), (5, 5..10)] {
            got.extend_from_slice(&span.wanted(at, &bytes.slice(piece)));
        }
        assert_eq!(got, b"01456789");
    }
}

//! Receiving one part: its bytes are hashed and forwarded to the bucket as they arrive. The last of
//! them is sent only when the body has ended where it should, so that the bucket never stores a part
//! of another size than the sender announced.

use std::time::Duration;

use bytes::Bytes;
use futures_util::{StreamExt, stream};
use sha2::{Digest, Sha256};
use tokio::{sync::mpsc, time::timeout};
use virga_core::{UploadId, fail, keys::hex, upload::PartSpan};

use super::{
    BucketStore,
    client::{LONG, STALL},
    multipart::{etag, part_request},
    retry::unavailable,
};
use virga_objects::{Incoming, ObjectError, Result};

const DOING: &str = "send a part";
/// A slow sender's part may take as long as its address is good for.
const LONGEST: Duration = Duration::from_secs(24 * 3600);

pub(super) async fn put(
    store: &BucketStore,
    id: UploadId,
    number: u32,
    span: PartSpan,
    body: Incoming<'_>,
) -> Result<String> {
    let session = store.session(id).await?;
    session.plan.check_span(number, span)?;
    // One piece waits while one is on its way: the bucket's pace holds back the sender.
    let (sender, receiver) = mpsc::channel::<Bytes>(1);
    let pieces = stream::unfold(receiver, |mut receiver| async move {
        let piece = receiver.recv().await?;
        Some((Ok::<_, std::io::Error>(piece), receiver))
    });
    let number = number.to_string();
    let request = part_request(&session.plan.key, &session.upload, &number).limited(LONGEST);
    let body_out = reqwest::Body::wrap_stream(pieces);
    let sending = store.client.send_streaming(&request, body_out, span.size);
    let feeding = feed(body, sender, span.size, store.options.stall);
    tokio::pin!(sending, feeding);
    let late = |_| unavailable(DOING, "no answer in time");
    let (sha256, answer) = tokio::select! {
        biased;
        fed = &mut feeding => match fed? {
            Fed::Whole(sha256) => (Some(sha256), timeout(LONG, sending).await.map_err(late)?),
            Fed::HungUp => (None, timeout(STALL, sending).await.map_err(late)?),
        },
        answer = &mut sending => {
            // A refusal needs no more bytes; an acceptance has them all.
            let answer = answer.map_err(|error| store.over(id, error))?;
            match timeout(STALL, feeding).await.map_err(late)?? {
                Fed::Whole(sha256) => (Some(sha256), Ok(answer)),
                Fed::HungUp => (None, Ok(answer)),
            }
        }
    };
    etag(&answer.map_err(|error| store.over(id, error))?)?;
    sha256.ok_or_else(|| unavailable(DOING, "the bucket took only a part of it"))
}

/// How a body came to its end.
enum Fed {
    /// All of it went on; its SHA-256.
    Whole(String),
    /// The bucket took no more; its answer says why.
    HungUp,
}

async fn feed(
    mut body: Incoming<'_>,
    sender: mpsc::Sender<Bytes>,
    want: u64,
    stall: Duration,
) -> Result<Fed> {
    let (mut hash, mut got) = (Sha256::new(), 0);
    let mut held_back = Bytes::new();
    loop {
        let next = timeout(stall, body.next()).await;
        let piece = match next.map_err(|_| ObjectError::Stalled)? {
            Some(piece) => piece.map_err(ObjectError::Body)?,
            None if got < want => return Err(ObjectError::BodyShort { got, want }),
            None => Bytes::new(),
        };
        let ended = got == want && piece.is_empty();
        got += piece.len() as u64;
        if got > want {
            return Err(ObjectError::BodyLong { want });
        }
        hash.update(&piece);
        if !ended && piece.is_empty() {
            continue;
        }
        let ready = std::mem::replace(&mut held_back, piece);
        if !ready.is_empty() {
            let sent = timeout(STALL, sender.send(ready)).await;
            let sent = sent.map_err(|_| unavailable(DOING, "the bucket takes no more"))?;
            if sent.is_err() {
                return Ok(Fed::HungUp);
            }
            fail::point("part.mid");
        }
        if ended {
            return Ok(Fed::Whole(hex(&hash.finalize())));
        }
    }
}

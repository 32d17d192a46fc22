//! The guard and the parser behind it, on the same bytes: whatever passes the guard is read by the parser as
//! the guard read it, so that the two never disagree on where a request ends.

use std::{
    convert::Infallible,
    sync::{Arc, Mutex},
    time::Duration,
};

use http_body_util::BodyExt;
use hyper::{Request, Response, body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::TokioIo;
use proptest::prelude::*;
use tokio::io::{AsyncReadExt, AsyncWriteExt, duplex};

use super::{At, GuardedIo, HeadGuard, Length};

/// Pieces of requests, right ones and such as parsers have disagreed on.
const PIECES: &[&str] = &[
    "GET / HTTP/1.1\r\n",
    "POST /up HTTP/1.1\r\n",
    "GET / HTTP/1.0\r\n",
    "GET / HTTP/1.1\n",
    "Host: a\r\n",
    "Host: a\n",
    "Content-Length: 0\r\n",
    "Content-Length: 3\r\n",
    "content-length:\t3 \r\n",
    "Content-Length: 30\r\n",
    "Content-Length: +3\r\n",
    "Content-Length: 3, 3\r\n",
    "Content-Length : 3\r\n",
    "Transfer-Encoding: chunked\r\n",
    "Transfer-Encoding: identity\r\n",
    "Transfer-Encoding\r\n",
    " folded\r\n",
    "X: \r\r\n",
    "X: a\0b\r\n",
    "\r\n",
    "\n",
    "\r",
    "abc",
    "3\r\nabc\r\n0\r\n\r\n",
    "GET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n",
];

fn bytes() -> impl Strategy<Value = Vec<u8>> {
    let piece = proptest::sample::select(PIECES);
    let pieces = proptest::collection::vec(piece, 1..14).prop_map(|pieces| pieces.concat());
    // And now and then one byte that is another.
    (pieces, any::<Option<(prop::sample::Index, u8)>>()).prop_map(|(text, other)| {
        let mut bytes = text.into_bytes();
        if let Some((at, byte)) = other {
            let at = at.index(bytes.len());
            bytes[at] = byte;
        }
        bytes
    })
}

/// The requests that the guard reads, each with the length of its body; `None`: by a transfer coding.
fn guarded(bytes: &[u8]) -> Vec<Option<u64>> {
    let (mut guard, mut read) = (HeadGuard::default(), Vec::new());
    for byte in bytes {
        let (began, length) = (guard.started, guard.length);
        guard.look(&mut [*byte]);
        if began && !guard.started && guard.at != At::Refused {
            read.push(match (guard.at, length) {
                (_, Length::Coded) => None,
                (At::Body(length), _) => Some(length),
                _ => Some(0),
            });
        }
    }
    read
}

/// The requests that the parser reads behind the guard; `None`: the body broke off or is coded wrongly.
async fn parsed(bytes: Vec<u8>) -> Vec<Option<u64>> {
    let (mut near, far) = duplex(bytes.len() + 1);
    let read: Arc<Mutex<Vec<Option<u64>>>> = Arc::default();
    let service = service_fn(|request: Request<Incoming>| {
        let read = Arc::clone(&read);
        async move {
            let body = request.into_body().collect().await;
            let length = body.ok().map(|body| body.to_bytes().len() as u64);
            read.lock().unwrap().push(length);
            Ok::<_, Infallible>(Response::new(String::new()))
        }
    });
    let io = TokioIo::new(GuardedIo::new(far, Duration::from_secs(60), None));
    let serving = http1::Builder::new().serve_connection(io, service);
    let sending = async {
        near.write_all(&bytes).await.unwrap();
        near.shutdown().await.unwrap();
        let mut answers = Vec::new();
        let _ = near.read_to_end(&mut answers).await;
    };
    let (_, ()) = tokio::join!(serving, sending);
    let read = read.lock().unwrap();
    read.clone()
}

proptest! {
    #[test]
    fn the_parser_reads_no_request_that_the_guard_does_not(bytes in bytes()) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let (guarded, parsed) = (guarded(&bytes), runtime.block_on(parsed(bytes)));
        prop_assert!(parsed.len() <= guarded.len(), "{parsed:?} of {guarded:?}");
        for (parsed, guarded) in parsed.iter().zip(&guarded) {
            if let (Some(parsed), Some(guarded)) = (parsed, guarded) {
                prop_assert_eq!(parsed, guarded);
            }
        }
    }
}

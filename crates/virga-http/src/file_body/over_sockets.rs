//! Files sent by the kernel and files read into memory are the same answers, whatever is asked, in whatever
//! pieces it is asked, and however slowly it is taken.

use std::{fs::File, io::Write, sync::Arc, time::Duration};

use axum::{Router, body::Body, extract::Request, response::Response, routing::get};
use proptest::prelude::*;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpSocket},
    runtime::Runtime,
};
use tokio_util::sync::CancellationToken;

use super::*;
use crate::{
    layers::ListenerConfig,
    representation::{Representation, etag},
    serve::serve,
};

const SIZE: u64 = 3 * 1024 * 1024 + 17;

/// A file in which every byte tells where it is, more or less.
fn film() -> Arc<File> {
    let mut file = tempfile::tempfile().unwrap();
    let bytes: Vec<u8> = (0..SIZE)
        .map(|at| (at * 7 + at / 251).to_le_bytes()[0])
        .collect();
    file.write_all(&bytes).unwrap();
    file.sync_all().unwrap();
    Arc::new(file)
}

/// Answers `/sent` by the kernel and `/read` out of memory, both with a head of a few bytes and a stretch left out.
fn site(file: Arc<File>) -> Router {
    let answer = async move |request: Request| {
        let queue = request.extensions().get::<FileQueue>().cloned();
        assert!(queue.is_some(), "the listener offers one");
        let queue = queue.filter(|_| request.uri().path() == "/sent");
        let parts = [
            BodyPart::Bytes(Bytes::from_static(b"head")),
            BodyPart::File {
                offset: 5,
                length: SIZE - 1_000_005,
            },
            BodyPart::Bytes(Bytes::new()),
            BodyPart::File {
                offset: SIZE - 1000,
                length: 1000,
            },
        ];
        let length = parts.iter().map(BodyPart::len).sum();
        let bytes = Representation {
            content_type: "video/mp4",
            etag: etag(&[b"film"]),
            cache_control: "no-store".to_owned(),
            length,
        };
        let read = async |first, count| {
            let parts = stretch(&parts, first, count);
            Ok::<_, std::convert::Infallible>(Body::new(FileBody::new(queue, file, parts)))
        };
        let answered: Response = bytes.answer(request.headers(), read).await.unwrap();
        answered
    };
    let get = get(move |request: Request| answer.clone()(request));
    Router::new()
        .route("/sent", get.clone())
        .route("/read", get)
}

/// The parts of a stretch of the whole.
fn stretch(parts: &[BodyPart], mut first: u64, mut count: u64) -> Vec<BodyPart> {
    let mut kept = Vec::new();
    for part in parts {
        let skipped = first.min(part.len());
        let taken = count.min(part.len() - skipped);
        (first, count) = (first - skipped, count - taken);
        kept.push(match part {
            BodyPart::Bytes(bytes) => {
                let at = usize::try_from(skipped).unwrap();
                BodyPart::Bytes(bytes.slice(at..at + usize::try_from(taken).unwrap()))
            }
            BodyPart::File { offset, .. } => BodyPart::File {
                offset: offset + skipped,
                length: taken,
            },
        });
    }
    kept
}

/// One request: how, and for what.
#[derive(Clone, Debug)]
struct Asked {
    method: &'static str,
    fields: String,
}

fn asked() -> impl Strategy<Value = Asked> {
    let range = prop_oneof![
        Just(String::new()),
        (0..SIZE, 0..SIZE).prop_map(|(from, to)| format!("Range: bytes={from}-{to}\r\n")),
        (0..SIZE).prop_map(|last| format!("Range: bytes=-{last}\r\n")),
        Just(format!("Range: bytes={SIZE}-\r\n")),
        Just(format!("If-None-Match: {}\r\n", etag(&[b"film"]))),
        Just("Range: bytes=0-0\r\n".to_owned()),
    ];
    let method = prop_oneof![4 => Just("GET"), 1 => Just("HEAD")];
    (method, range).prop_map(|(method, fields)| Asked { method, fields })
}

/// Sends all requests on one connection in pieces of so many bytes; all that came back, without what
/// differs from answer to answer. `slowly`: with little room, so that the site has to wait.
async fn exchange(port: u16, path: &str, all: &[Asked], piece: usize, slowly: bool) -> Vec<u8> {
    let socket = TcpSocket::new_v4().unwrap();
    if slowly {
        socket.set_recv_buffer_size(4096).unwrap();
    }
    let address = ([127, 0, 0, 1], port).into();
    let (mut from, mut to) = socket.connect(address).await.unwrap().into_split();
    let mut bytes = Vec::new();
    for (n, asked) in all.iter().enumerate() {
        let close = if n + 1 == all.len() {
            "Connection: close\r\n"
        } else {
            ""
        };
        let (method, fields) = (asked.method, &asked.fields);
        bytes.extend(
            format!("{method} {path} HTTP/1.1\r\nHost: a\r\nX-Request-Id: 12345678\r\n{fields}{close}\r\n")
                .bytes(),
        );
    }
    let send = async {
        for piece in bytes.chunks(piece) {
            to.write_all(piece).await.unwrap();
            tokio::task::yield_now().await;
        }
    };
    let take = async {
        let mut taken = Vec::new();
        from.read_to_end(&mut taken).await.unwrap();
        taken
    };
    let both = async { tokio::join!(send, take).1 };
    let taken = tokio::time::timeout(Duration::from_secs(60), both)
        .await
        .unwrap();
    without_dates(&taken)
}

/// An answer tells the second in which it was made.
fn without_dates(bytes: &[u8]) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    let name = b"\r\ndate: ";
    let mut at = 0;
    while let Some(found) = bytes[at..].windows(name.len()).position(|it| it == name) {
        at += found + name.len();
        bytes[at..at + 29].fill(b'-');
    }
    bytes
}

struct Listening {
    runtime: Runtime,
    port: u16,
    stop: CancellationToken,
    file: Arc<File>,
}

fn listening() -> Listening {
    let (runtime, stop, file) = (Runtime::new().unwrap(), CancellationToken::new(), film());
    let listener = runtime.block_on(TcpListener::bind("127.0.0.1:0")).unwrap();
    let port = listener.local_addr().unwrap().port();
    let config = ListenerConfig {
        max_in_flight: 100,
        max_connections: 100,
        ..ListenerConfig::default()
    };
    let router = crate::layers::wrap(site(Arc::clone(&file)), config.clone());
    let stopped = stop.clone();
    runtime.spawn(async move { serve(listener, None, router, &config, stopped).await });
    Listening {
        runtime,
        port,
        stop,
        file,
    }
}

impl Drop for Listening {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

#[test]
fn both_ways_answer_alike() {
    let it = listening();
    let mut runner = proptest::test_runner::TestRunner::new(ProptestConfig::with_cases(24));
    let requests = proptest::collection::vec(asked(), 1..6);
    let all = (requests, 1..300_usize, any::<bool>(), any::<bool>());
    let compared = runner.run(&all, |(all, piece, slowly, cold)| {
        if cold {
            // What is not in memory is read by other threads: pages that are on the disk are dropped.
            let advice = rustix::fs::Advice::DontNeed;
            rustix::fs::fadvise(&*it.file, 0, None, advice).unwrap();
        }
        let sent = it
            .runtime
            .block_on(exchange(it.port, "/sent", &all, piece, slowly));
        let read = it
            .runtime
            .block_on(exchange(it.port, "/read", &all, piece, false));
        prop_assert!(sent == read, "{} and {} bytes", sent.len(), read.len());
        Ok(())
    });
    compared.unwrap();
}

#[test]
fn what_the_kernel_sends_passes_no_memory_of_ours() {
    let file = film();
    let queue = FileQueue::default();
    let part = BodyPart::File {
        offset: 0,
        length: SIZE,
    };
    let mut body = FileBody::new(Some(queue), file, vec![part]);
    let mut lengths = Vec::new();
    while let Some(bytes) = body.next() {
        assert!(bytes.iter().all(|&byte| byte == 0), "a stand-in");
        lengths.push(bytes.len());
    }
    assert!(body.reading.is_none(), "all of it was in memory");
    let longest = LONGEST;
    assert_eq!(lengths, [longest, longest, longest, 17]);
}

#[test]
fn a_file_that_ends_early_ends_the_connection() {
    let it = listening();
    it.file.set_len(2000).unwrap();
    let all = [Asked {
        method: "GET",
        fields: String::new(),
    }];
    let sent = it
        .runtime
        .block_on(exchange(it.port, "/sent", &all, 300, false));
    assert!(sent.starts_with(b"HTTP/1.1 200"));
    assert!(sent.len() < 4000, "{} bytes of a file of 2000", sent.len());
}

//! Cases of a bucket at the end of a bad line.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use bytes::Bytes;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt, copy},
    net::{TcpListener, TcpStream},
};
use virga_bucket::{BucketCredentials, BucketStore};
use virga_core::{Failure, Kind};
use virga_objects::{MediaStore, ObjectError, READ_LIMIT};

use super::{Stand, way};
use crate::{collect, noise};

/// What a bad line does to a connection.
#[derive(Clone, Copy)]
enum LineFault {
    /// Ends it after this many bytes of the answer.
    Cut(u64),
    /// Answers like an overloaded server and ends it.
    Busy,
}

/// A line to the server that does this to its first connections; its address, and how many came.
async fn line(server: &str, fault: LineFault, first: usize) -> (String, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let server = server.trim_start_matches("http://").to_owned();
    let count = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&count);
    let serving = async move {
        while let Ok((client, _)) = listener.accept().await {
            let n = counted.fetch_add(1, Ordering::SeqCst);
            let server = server.clone();
            let fault = (n < first).then_some(fault);
            #[expect(clippy::disallowed_methods, reason = "it ends with the test")]
            tokio::spawn(async move { carry(client, &server, fault).await });
        }
    };
    #[expect(clippy::disallowed_methods, reason = "it ends with the test")]
    tokio::spawn(serving);
    (url, count)
}

async fn carry(
    mut client: TcpStream,
    server: &str,
    fault: Option<LineFault>,
) -> std::io::Result<()> {
    if let Some(LineFault::Busy) = fault {
        let mut asked = [0; 4096];
        let _ = client.read(&mut asked).await?;
        let answer = b"HTTP/1.1 503 Slow Down\r\ncontent-length: 46\r\nconnection: close\r\n\r\n\
            <Error><Code>SlowDown</Code><x>1234</x></Error";
        return client.write_all(answer).await;
    }
    let server = TcpStream::connect(server).await?;
    let (mut from_client, mut to_client) = client.into_split();
    let (from_server, mut to_server) = server.into_split();
    let mut from_server: Box<dyn tokio::io::AsyncRead + Unpin + Send> = match fault {
        Some(LineFault::Cut(after)) => Box::new(from_server.take(after)),
        _ => Box::new(from_server),
    };
    tokio::select! {
        done = copy(&mut from_client, &mut to_server) => done,
        done = copy(&mut from_server, &mut to_client) => done,
    }
    .map(|_| ())
}

/// The stand's store over such a line.
async fn over(stand: &Stand, fault: LineFault, first: usize) -> (BucketStore, Arc<AtomicUsize>) {
    let mut options = stand.options.clone().unwrap();
    let (url, count) = line(way(&mut options), fault, first).await;
    *way(&mut options) = url;
    (BucketStore::new(options).unwrap(), count)
}

pub(super) async fn a_stream_that_breaks_goes_on_where_it_broke(stand: Stand) {
    let (key, bytes) = (stand.key("a.cmaf"), noise(3_000_000, 4));
    stand.store.put(&key, bytes.clone()).await.unwrap();
    let (store, count) = over(&stand, LineFault::Cut(800_000), 3).await;
    let read = store.stream(&key, 5..3_000_000).await.unwrap();
    assert!(collect(read).await == bytes.slice(5..));
    assert_eq!(count.load(Ordering::SeqCst), 4);
    let (store, _) = over(&stand, LineFault::Cut(400_000), 2).await;
    let read = store
        .read_pieces(&key, vec![(0, 10), (5, 2_000_000), (1, 1)])
        .await;
    let read = collect(read.unwrap()).await;
    assert!(read[10..2_000_010] == bytes[5..2_000_005]);
    // Another object in its place is not taken for the rest of the first.
    let (store, _) = over(&stand, LineFault::Cut(800_000), 1).await;
    let mut read = store.stream(&key, 0..3_000_000).await.unwrap();
    stand.store.put(&key, noise(3_000_000, 9)).await.unwrap();
    let error = loop {
        match futures_util::TryStreamExt::try_next(&mut read).await {
            Ok(Some(_)) => {}
            Ok(None) => panic!("two halves of two objects"),
            Err(error) => break error,
        }
    };
    assert!(matches!(error, ObjectError::Conflict(_)), "{error}");
}

pub(super) async fn a_bucket_that_is_busy_is_asked_again(stand: Stand) {
    let (store, count) = over(&stand, LineFault::Busy, 3).await;
    let key = stand.key("a.json");
    store.put(&key, Bytes::from_static(b"{}")).await.unwrap();
    assert_eq!(count.load(Ordering::SeqCst), 4);
    assert_eq!(stand.store.read_all(&key, READ_LIMIT).await.unwrap(), "{}");
    let (store, count) = over(&stand, LineFault::Busy, 100).await;
    let error = store.put(&key, Bytes::new()).await.unwrap_err();
    assert!(matches!(error, ObjectError::Unavailable { .. }), "{error}");
    assert_eq!(count.load(Ordering::SeqCst), 4, "and not for ever");
    let failure = Failure::from(error);
    assert_eq!(failure.kind(), Kind::Unavailable);
    assert_eq!(stand.store.read_all(&key, READ_LIMIT).await.unwrap(), "{}");
}

pub(super) async fn a_bucket_that_is_away_is_said_to_be(stand: Stand) {
    let mut options = stand.options.clone().unwrap();
    let closed = TcpListener::bind("127.0.0.1:0").await.unwrap();
    *way(&mut options) = format!("http://{}", closed.local_addr().unwrap());
    drop(closed);
    let store = BucketStore::new(options.clone()).unwrap();
    let error = store.check_answers().await.unwrap_err();
    assert!(matches!(error, ObjectError::Unavailable { .. }), "{error}");
    // One that takes the connection and says nothing is given up soon.
    let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
    *way(&mut options) = format!("http://{}", silent.local_addr().unwrap());
    let store = BucketStore::new(options.clone()).unwrap();
    let asked = std::time::Instant::now();
    let error = store.check_answers().await.unwrap_err();
    assert!(matches!(error, ObjectError::Unavailable { .. }), "{error}");
    assert!(asked.elapsed().as_secs() < 5);
    let mut options = stand.options.clone().unwrap();
    "another-bucket".clone_into(&mut options.bucket);
    let store = BucketStore::new(options).unwrap();
    let error = store.check_answers().await.unwrap_err();
    assert!(
        matches!(error, ObjectError::Bucket { status: 404, .. }),
        "{error}"
    );
}

pub(super) async fn wrong_credentials_are_named_and_no_secret_is_shown(stand: Stand) {
    let right = stand.options.clone().unwrap();
    let BucketCredentials::Files { access_key, .. } = right.credentials.clone() else {
        panic!("keys are in files");
    };
    let wrong = stand.scratch.path().join("secret");
    std::fs::write(&wrong, "hunter2-hunter2\n").unwrap();
    let empty = stand.scratch.path().join("empty");
    std::fs::write(&empty, "").unwrap();
    for secret_key in [wrong, empty, stand.scratch.path().join("missing")] {
        let mut options = right.clone();
        options.credentials = BucketCredentials::Files {
            access_key: access_key.clone(),
            secret_key,
        };
        let store = BucketStore::new(options).unwrap();
        for error in [
            store.check_answers().await.unwrap_err(),
            store.check_writable().await.unwrap_err(),
            store.read(&stand.key("a.json"), 0..5).await.unwrap_err(),
        ] {
            assert!(matches!(error, ObjectError::Denied { .. }), "{error}");
            let shown = format!("{store:?} {error:?} {error}");
            assert!(
                !shown.contains("hunter2") && !shown.contains("virga-test"),
                "{shown}"
            );
        }
    }
}

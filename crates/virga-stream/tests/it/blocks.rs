//! Segments of a store whose objects are no files of this machine: held in blocks, read once for all who watch.

use std::{
    ops::Range,
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use async_trait::async_trait;
use bytes::Bytes;
use futures_util::future::join_all;
use http::StatusCode;
use http_body_util::BodyExt;
use tokio::{sync::watch, time::timeout};
use virga_core::{KeyPrefix, MediaKey, Timestamp, presentation::TrackBody};
use virga_objects::{
    ByteStream, DiskStore, FreeSpace, LocalObject, MediaStore, ObjectListing, ObjectStat,
    ObjectWriter, Piece, Result,
};
use virga_stream::StreamConfig;

use crate::{
    clip::{Clip, presentation, presented},
    site::Site,
};

const MIB: usize = 1024 * 1024;
/// Three blocks, the last of them short.
const LONG: usize = 9 * MIB + 5;
const SHORT: usize = 70_000;

/// A store elsewhere; counts the bytes that are streamed out of it, and can be made to wait with the last block
/// of the long segment.
#[derive(Debug)]
struct Far {
    disk: Arc<DiskStore>,
    read: Arc<AtomicU64>,
    waits: watch::Receiver<bool>,
}

#[async_trait]
impl MediaStore for Far {
    async fn put(&self, key: &MediaKey, bytes: Bytes) -> Result<()> {
        self.disk.put(key, bytes).await
    }
    async fn put_file(&self, key: &MediaKey, scratch: &Path) -> Result<()> {
        self.disk.put_file(key, scratch).await
    }
    async fn writer(&self, key: &MediaKey) -> Result<Box<dyn ObjectWriter>> {
        self.disk.writer(key).await
    }
    async fn read(&self, key: &MediaKey, range: Range<u64>) -> Result<Bytes> {
        self.disk.read(key, range).await
    }
    async fn read_all(&self, key: &MediaKey, limit: u64) -> Result<Bytes> {
        self.disk.read_all(key, limit).await
    }
    async fn stream(&self, key: &MediaKey, range: Range<u64>) -> Result<ByteStream> {
        self.read
            .fetch_add(range.end - range.start, Ordering::SeqCst);
        if range.start > 8 * MIB as u64 {
            let mut waits = self.waits.clone();
            let _ = waits.wait_for(|waits| !waits).await;
        }
        self.disk.stream(key, range).await
    }
    async fn read_pieces(&self, key: &MediaKey, pieces: Vec<Piece>) -> Result<ByteStream> {
        self.disk.read_pieces(key, pieces).await
    }
    async fn local(&self, _: &MediaKey) -> Result<Option<LocalObject>> {
        Ok(None)
    }
    async fn stat(&self, key: &MediaKey) -> Result<ObjectStat> {
        self.disk.stat(key).await
    }
    async fn delete(&self, key: &MediaKey) -> Result<()> {
        self.disk.delete(key).await
    }
    async fn delete_prefix(&self, prefix: &KeyPrefix) -> Result<u64> {
        self.disk.delete_prefix(prefix).await
    }
    fn list(&self, prefix: &KeyPrefix) -> ObjectListing {
        self.disk.list(prefix)
    }
    async fn link_to(&self, key: &MediaKey, path: &Path) -> Result<()> {
        self.disk.link_to(key, path).await
    }
    async fn free_space(&self) -> Result<Option<FreeSpace>> {
        self.disk.free_space().await
    }
    async fn check_writable(&self) -> Result<()> {
        self.disk.check_writable().await
    }
    async fn check_answers(&self) -> Result<()> {
        self.disk.check_answers().await
    }
    async fn remove_leftovers(&self, before: Timestamp) -> Result<u64> {
        self.disk.remove_leftovers(before).await
    }
}

/// A film of one long segment and a short one, in a store elsewhere.
struct Film {
    site: Site,
    bytes: Bytes,
    read: Arc<AtomicU64>,
    waits: watch::Sender<bool>,
}

impl Film {
    async fn with_memory(cache_bytes: u64) -> Self {
        let read = Arc::new(AtomicU64::new(0));
        let counted = Arc::clone(&read);
        let (waits, waiting) = watch::channel(false);
        let config = StreamConfig {
            cache_bytes,
            ..StreamConfig::default()
        };
        let far = |disk| {
            Arc::new(Far {
                disk,
                read: counted,
                waits: waiting,
            }) as _
        };
        let site = Site::over(config, 0, far).await;
        let mut table = Clip::make().plan.video.table.stored();
        let lengths = [LONG, SHORT].map(|it| u32::try_from(it).unwrap());
        table.lengths = lengths.to_vec();
        table.durations.truncate(2);
        table.first_frames = None;
        let bytes: Vec<u8> = (0..LONG + SHORT)
            .map(|at| (at * 31 + at / 1009).to_le_bytes()[0])
            .collect();
        let bytes = Bytes::from(bytes);
        let key = MediaKey::table(site.video, 2, 1, "video").unwrap();
        let object = MediaKey::track(site.video, 2, 1, "video").unwrap();
        site.store.put(&key, table.to_json().into()).await.unwrap();
        let whole = [&*table.init, &bytes].concat();
        site.store.put(&object, whole.into()).await.unwrap();
        let track = presented("video", &key, TrackBody::Object { object });
        site.publish(&presentation(&site, 1, vec![track])).await;
        Self {
            site,
            bytes,
            read,
            waits,
        }
    }

    async fn asks(&self, n: usize, range: Option<Range<usize>>) {
        let from = if n == 0 { 0 } else { LONG };
        let all = if n == 0 { LONG } else { SHORT };
        let wanted = range.clone().unwrap_or(0..all);
        let field = format!("bytes={}-{}", wanted.start, wanted.end.saturating_sub(1));
        let fields = [("range", field.as_str())];
        let path = self.site.path(&format!("video/{n}.m4s"));
        let answer = match range {
            Some(_) => self.site.get_with(&path, &fields).await,
            None => self.site.get(&path).await,
        };
        assert!(matches!(
            answer.status,
            StatusCode::OK | StatusCode::PARTIAL_CONTENT
        ));
        let right = self.bytes.slice(from + wanted.start..from + wanted.end);
        assert!(answer.body == right, "segment {n}, {wanted:?}");
    }

    fn read(&self) -> usize {
        usize::try_from(self.read.load(Ordering::SeqCst)).unwrap()
    }
}

#[tokio::test]
async fn what_many_ask_for_at_once_is_read_once() {
    let film = Film::with_memory(32 * 1024 * 1024).await;
    join_all((0..40).map(|_| film.asks(1, None))).await;
    assert_eq!(film.read(), SHORT);
    join_all((0..40).map(|_| film.asks(0, None))).await;
    assert_eq!(film.read(), SHORT + LONG, "longer than a block, too");
}

#[tokio::test]
async fn a_range_reads_the_blocks_that_it_lies_in() {
    let film = Film::with_memory(32 * 1024 * 1024).await;
    for range in [5 * MIB..5 * MIB + 1, 4 * MIB..8 * MIB, 4 * MIB + 9..7 * MIB] {
        film.asks(0, Some(range)).await;
        assert_eq!(film.read(), 4 * MIB, "one block");
    }
    for range in [
        0..LONG,
        4 * MIB - 1..4 * MIB + 1,
        8 * MIB - 1..LONG,
        LONG - 1..LONG,
        0..1,
    ] {
        film.asks(0, Some(range)).await;
        assert_eq!(film.read(), LONG, "each block once");
    }
}

#[tokio::test]
async fn where_there_is_no_memory_bytes_are_passed_on() {
    let film = Film::with_memory(0).await;
    film.asks(0, None).await;
    film.asks(1, None).await;
    film.asks(0, Some(3 * MIB..5 * MIB)).await;
    assert_eq!(film.read(), LONG + SHORT + 2 * MIB);
}

#[tokio::test]
async fn a_viewer_who_stops_in_the_middle_holds_up_nobody() {
    let film = Film::with_memory(32 * 1024 * 1024).await;
    film.waits.send_replace(true);
    let slow = film.site.answer(&film.site.path("video/0.m4s")).await;
    let mut slow = slow.into_body();
    for _ in 0..2 {
        slow.frame().await.unwrap().unwrap();
    }
    film.waits.send_replace(false);
    let others = timeout(Duration::from_secs(10), film.asks(0, None));
    others.await.expect("who asks for all of it gets it");
    drop(slow);
}

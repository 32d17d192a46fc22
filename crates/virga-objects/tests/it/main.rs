//! Stores and multipart sessions: one suite for all kinds (`suite`), and what is the disk's own.

#![expect(
    clippy::unwrap_used,
    reason = "a test stops at the first thing that is wrong"
)]

mod clouds;
mod crash;
mod multipart;
mod room;
mod store;
mod suite;

use std::{path::Path, sync::Arc};

use bytes::{Bytes, BytesMut};
use futures_util::{StreamExt, TryStreamExt, stream};
use sha2::{Digest, Sha256};
use tempfile::TempDir;
use virga_core::{MediaKey, OsEntropy, UploadId, VideoId, keys::hex};
use virga_objects::{ByteStream, DiskOptions, DiskStore, Incoming};

/// A fresh store in a folder that goes with it.
struct Bench {
    folder: TempDir,
    store: Arc<DiskStore>,
    video: VideoId,
    upload: UploadId,
}

impl Bench {
    async fn new() -> Self {
        Self::with(DiskOptions::default()).await
    }

    async fn with(options: DiskOptions) -> Self {
        Self::within(tempfile::tempdir().unwrap(), options).await
    }

    async fn within(folder: TempDir, options: DiskOptions) -> Self {
        let store = DiskStore::open(folder.path(), options).await.unwrap();
        Self {
            folder,
            store: Arc::new(store),
            video: VideoId::random(&OsEntropy),
            upload: UploadId::random(&OsEntropy),
        }
    }

    fn key(&self, name: &str) -> MediaKey {
        MediaKey::attempt(self.video, 1, 1, name).unwrap()
    }

    fn source(&self) -> MediaKey {
        MediaKey::source(self.video, self.upload)
    }

    /// A file of the store's folder, by its path.
    fn at(&self, path: &str) -> std::path::PathBuf {
        self.folder.path().join(path)
    }

    fn session(&self) -> std::path::PathBuf {
        self.at(".multipart").join(self.upload.as_str())
    }
}

/// Bytes that never repeat at a piece's length.
fn noise(length: usize, seed: u64) -> Bytes {
    let mut state = seed | 1;
    (0..length)
        .map(|_| {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            state.to_le_bytes()[3]
        })
        .collect::<Vec<u8>>()
        .into()
}

fn sha256(bytes: &[u8]) -> String {
    hex(&Sha256::digest(bytes))
}

async fn collect(stream: ByteStream) -> Bytes {
    let read: BytesMut = stream
        .inspect_ok(|item| assert!(item.len() <= 1024 * 1024))
        .try_concat_bytes()
        .await;
    read.freeze()
}

trait ConcatBytes {
    async fn try_concat_bytes(self) -> BytesMut;
}

impl<S: futures_util::Stream<Item = virga_objects::Result<Bytes>> + Unpin> ConcatBytes for S {
    async fn try_concat_bytes(mut self) -> BytesMut {
        let mut all = BytesMut::new();
        while let Some(item) = self.next().await {
            all.extend_from_slice(&item.unwrap());
        }
        all
    }
}

/// A body that arrives in pieces.
fn body(bytes: &Bytes, piece: usize) -> Incoming<'static> {
    let pieces: Vec<_> = bytes
        .chunks(piece.max(1))
        .map(|piece| Ok(Bytes::copy_from_slice(piece)))
        .collect();
    stream::iter(pieces).boxed()
}

fn is_empty(folder: &Path) -> bool {
    std::fs::read_dir(folder).unwrap().next().is_none()
}

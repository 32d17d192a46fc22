//! A store that says so when what it is made of is gone. A folder whose disk is not mounted is no
//! empty store, and a bucket that is silent keeps nobody waiting.

use std::{
    ops::Range,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use async_trait::async_trait;
use bytes::Bytes;
use futures_util::{StreamExt, stream};
use tokio::{
    sync::Mutex,
    time::{Instant, sleep, timeout},
};
use virga_core::{KeyPrefix, MediaKey, Timestamp};

use crate::{
    ByteStream, FreeSpace, LocalObject, MediaStore, ObjectError, ObjectListing, ObjectStat,
    ObjectWriter, Piece, Result, SharedStore,
};

/// A call that takes this long makes us ask whether the bucket answers at all.
const DOUBT: Duration = Duration::from_millis(600);
/// What the bucket gets to answer that question. Together under two seconds.
const PATIENCE: Duration = Duration::from_millis(1000);
/// How long its answer is believed.
const BELIEVED: Duration = Duration::from_millis(500);

/// A store behind a guard.
#[derive(Clone, Debug)]
pub struct GuardedStore {
    inner: SharedStore,
    guard: Guard,
}

/// What is looked at.
#[derive(Clone, Debug)]
enum Guard {
    /// A folder that every store on a disk has.
    Folder(Arc<Path>),
    /// Whether the bucket answered, and when it was asked.
    Answers(Arc<Mutex<Option<(Instant, bool)>>>),
}

impl GuardedStore {
    /// Over a store in this folder: nothing is read as missing, and nothing is written, while the
    /// folder is not what the store made of it.
    pub fn of_folder(inner: SharedStore, root: &Path) -> Self {
        let folder: PathBuf = root.join("v");
        let guard = Guard::Folder(folder.into());
        Self { inner, guard }
    }

    /// Over a bucket, for viewers: a read ends within two seconds if the bucket is silent. One that
    /// is only slow may take its time.
    pub fn of_bucket(inner: SharedStore) -> Self {
        let guard = Guard::Answers(Arc::default());
        Self { inner, guard }
    }

    fn exists_whole(&self) -> Result<()> {
        match &self.guard {
            Guard::Folder(folder) if !folder.is_dir() => Err(ObjectError::Unmounted),
            _ => Ok(()),
        }
    }

    async fn read_by<T>(
        &self,
        doing: &'static str,
        call: impl Future<Output = Result<T>> + Send,
    ) -> Result<T> {
        match &self.guard {
            Guard::Folder(_) => match call.await {
                Err(error) if error.is_not_found() => {
                    Err(self.exists_whole().err().unwrap_or(error))
                }
                done => done,
            },
            Guard::Answers(last) => tokio::select! {
                biased;
                done = call => done,
                () = self.silence(last) => Err(silent(doing)),
            },
        }
    }

    /// Ends once the bucket does not answer.
    async fn silence(&self, last: &Mutex<Option<(Instant, bool)>>) {
        sleep(DOUBT).await;
        while self.answers(last).await {
            sleep(BELIEVED).await;
        }
    }

    /// Whether it answers; all who ask at once share one question.
    async fn answers(&self, last: &Mutex<Option<(Instant, bool)>>) -> bool {
        let mut last = last.lock().await;
        if let Some((at, answered)) = *last
            && at.elapsed() < BELIEVED
        {
            return answered;
        }
        let asked = timeout(PATIENCE, self.inner.check_answers()).await;
        let answered = matches!(asked, Ok(Ok(())));
        *last = Some((Instant::now(), answered));
        answered
    }

    async fn written<T>(&self, call: impl Future<Output = Result<T>> + Send) -> Result<T> {
        self.exists_whole()?;
        match call.await {
            // It may have gone in the meantime.
            Err(error) => Err(self.exists_whole().err().unwrap_or(error)),
            done => done,
        }
    }
}

fn silent(doing: &'static str) -> ObjectError {
    ObjectError::Unavailable {
        doing,
        why: "it is silent".to_owned(),
    }
}

#[async_trait]
impl MediaStore for GuardedStore {
    async fn put(&self, key: &MediaKey, bytes: Bytes) -> Result<()> {
        self.written(self.inner.put(key, bytes)).await
    }

    async fn put_file(&self, key: &MediaKey, scratch: &Path) -> Result<()> {
        self.written(self.inner.put_file(key, scratch)).await
    }

    async fn writer(&self, key: &MediaKey) -> Result<Box<dyn ObjectWriter>> {
        self.written(self.inner.writer(key)).await
    }

    async fn read(&self, key: &MediaKey, range: Range<u64>) -> Result<Bytes> {
        self.read_by("read an object", self.inner.read(key, range))
            .await
    }

    async fn read_all(&self, key: &MediaKey, limit: u64) -> Result<Bytes> {
        self.read_by("read an object", self.inner.read_all(key, limit))
            .await
    }

    async fn stream(&self, key: &MediaKey, range: Range<u64>) -> Result<ByteStream> {
        self.read_by("read an object", self.inner.stream(key, range))
            .await
    }

    async fn read_pieces(&self, key: &MediaKey, pieces: Vec<Piece>) -> Result<ByteStream> {
        self.read_by("read an object", self.inner.read_pieces(key, pieces))
            .await
    }

    async fn local(&self, key: &MediaKey) -> Result<Option<LocalObject>> {
        self.read_by("open an object", self.inner.local(key)).await
    }

    async fn stat(&self, key: &MediaKey) -> Result<ObjectStat> {
        self.read_by("look at an object", self.inner.stat(key))
            .await
    }

    async fn delete(&self, key: &MediaKey) -> Result<()> {
        self.written(self.inner.delete(key)).await
    }

    async fn delete_prefix(&self, prefix: &KeyPrefix) -> Result<u64> {
        self.written(self.inner.delete_prefix(prefix)).await
    }

    fn list(&self, prefix: &KeyPrefix) -> ObjectListing {
        match self.exists_whole() {
            Ok(()) => self.inner.list(prefix),
            Err(gone) => stream::iter([Err(gone)]).boxed(),
        }
    }

    async fn link_to(&self, key: &MediaKey, path: &Path) -> Result<()> {
        self.written(self.inner.link_to(key, path)).await
    }

    /// Asked before a body is taken in: a silent bucket is named before the sender begins.
    async fn free_space(&self) -> Result<Option<FreeSpace>> {
        if let Guard::Answers(last) = &self.guard
            && !self.answers(last).await
        {
            return Err(silent("store an object"));
        }
        self.exists_whole()?;
        self.inner.free_space().await
    }

    async fn check_writable(&self) -> Result<()> {
        self.written(self.inner.check_writable()).await
    }

    async fn check_answers(&self) -> Result<()> {
        self.written(self.inner.check_answers()).await
    }

    async fn remove_leftovers(&self, before: Timestamp) -> Result<u64> {
        self.written(self.inner.remove_leftovers(before)).await
    }
}

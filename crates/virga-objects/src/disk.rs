//! Objects in a local folder. One store may be open in several processes at once: what must not
//! meet is kept apart by `flock`, never by memory.
//!
//! `v/…` objects, `.tmp/` what is being written, `.multipart/{upload}/` open sessions; all on one
//! file system, so that every last step is a rename.

mod arriving;
mod complete;
mod durable;
mod layout;
mod listing;
mod part;
mod read;
mod session;
mod write;

use std::{
    ops::Range,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use async_trait::async_trait;
use bytes::Bytes;
use futures_util::{
    StreamExt,
    stream::{self, BoxStream},
};
use virga_core::{KeyPrefix, MediaKey, Timestamp, UploadId, upload::PartSpan};

use self::durable::blocking;
use crate::{
    ByteStream, FreeSpace, HeldParts, Incoming, LocalObject, MediaStore, MultipartSessions,
    ObjectError, ObjectListing, ObjectStat, ObjectWriter, Piece, READ_LIMIT, Result, UploadPlan,
    UploadSession,
};

/// Time limits of a disk store.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DiskOptions {
    /// A part is dropped after this long without a byte.
    pub stall: Duration,
    /// How long a part waits for the same part from elsewhere.
    pub part_wait: Duration,
    /// How long complete waits for parts in flight; longer than `stall`.
    pub complete_wait: Duration,
}

impl Default for DiskOptions {
    fn default() -> Self {
        Self {
            stall: Duration::from_secs(30),
            part_wait: Duration::from_secs(5),
            complete_wait: Duration::from_secs(35),
        }
    }
}

/// A store in a local folder. Cheap to clone.
#[derive(Clone, Debug)]
pub struct DiskStore {
    root: Arc<Path>,
    options: DiskOptions,
}

impl DiskStore {
    /// Opens the folder and makes what is missing in it.
    pub async fn open(root: &Path, options: DiskOptions) -> Result<Self> {
        let root: Arc<Path> = root.into();
        let made = Arc::clone(&root);
        blocking(move || {
            std::fs::create_dir_all(&made)
                .map_err(|error| ObjectError::io("make the store's folder", error))?;
            for folder in [durable::OBJECTS, durable::SCRATCH, layout::FOLDER] {
                durable::make_dirs(&made, &made.join(folder))
                    .map_err(|error| ObjectError::io("make the store's folders", error))?;
            }
            Ok(())
        })
        .await?;
        Ok(Self { root, options })
    }

    fn path(&self, key: &MediaKey) -> PathBuf {
        self.root.join(key.as_str())
    }

    fn is_there(&self) -> Result<()> {
        if self.root.join(durable::OBJECTS).is_dir() {
            Ok(())
        } else {
            Err(ObjectError::Unmounted)
        }
    }

    /// A call about a session that is worth something only while the store's disk is mounted: in the folder
    /// that is left without it, every session looks as if it were over and its parts lost.
    async fn mounted<T>(&self, call: impl Future<Output = Result<T>> + Send) -> Result<T> {
        self.is_there()?;
        let done = call.await;
        self.is_there()?;
        done
    }
}

#[async_trait]
impl MediaStore for DiskStore {
    async fn put(&self, key: &MediaKey, bytes: Bytes) -> Result<()> {
        let (root, path) = (Arc::clone(&self.root), self.path(key));
        blocking(move || write::put(&root, &path, &bytes)).await
    }

    async fn put_file(&self, key: &MediaKey, scratch: &Path) -> Result<()> {
        let (root, path, scratch) = (Arc::clone(&self.root), self.path(key), scratch.to_owned());
        blocking(move || write::put_file(&root, &path, &scratch)).await
    }

    async fn writer(&self, key: &MediaKey) -> Result<Box<dyn ObjectWriter>> {
        let (root, path) = (Arc::clone(&self.root), self.path(key));
        let writer = blocking(move || write::DiskWriter::open(root, path)).await?;
        Ok(Box::new(writer))
    }

    async fn read(&self, key: &MediaKey, range: Range<u64>) -> Result<Bytes> {
        let (path, key) = (self.path(key), key.clone());
        blocking(move || {
            if range.end.saturating_sub(range.start) > READ_LIMIT {
                return Err(ObjectError::TooLarge { limit: READ_LIMIT });
            }
            let (file, size) = read::open(&path, &key)?;
            read::check(&range, size)?;
            read::at(&file, range.start, range.end.saturating_sub(range.start))
        })
        .await
    }

    async fn read_all(&self, key: &MediaKey, limit: u64) -> Result<Bytes> {
        let (path, key) = (self.path(key), key.clone());
        blocking(move || {
            let (file, size) = read::open(&path, &key)?;
            if size > limit {
                return Err(ObjectError::TooLarge { limit });
            }
            read::at(&file, 0, size)
        })
        .await
    }

    async fn stream(&self, key: &MediaKey, range: Range<u64>) -> Result<ByteStream> {
        read::stream(self.path(key), key.clone(), range).await
    }

    async fn read_pieces(&self, key: &MediaKey, pieces: Vec<Piece>) -> Result<ByteStream> {
        read::pieces(self.path(key), key.clone(), pieces).await
    }

    async fn local(&self, key: &MediaKey) -> Result<Option<LocalObject>> {
        let (path, key) = (self.path(key), key.clone());
        let (file, size) = blocking(move || read::open(&path, &key)).await?;
        let file = Arc::new(file);
        Ok(Some(LocalObject { file, size }))
    }

    async fn stat(&self, key: &MediaKey) -> Result<ObjectStat> {
        let (path, key) = (self.path(key), key.clone());
        blocking(move || read::stat(&path, &key)).await
    }

    async fn delete(&self, key: &MediaKey) -> Result<()> {
        let (root, path) = (Arc::clone(&self.root), self.path(key));
        blocking(move || write::delete(&root, &path)).await
    }

    async fn delete_prefix(&self, prefix: &KeyPrefix) -> Result<u64> {
        let (root, folder) = (Arc::clone(&self.root), self.root.join(prefix.as_str()));
        blocking(move || write::delete_folder(&root, &folder)).await
    }

    fn list(&self, prefix: &KeyPrefix) -> ObjectListing {
        listing::objects(Arc::clone(&self.root), self.root.join(prefix.as_str()))
    }

    async fn link_to(&self, key: &MediaKey, path: &Path) -> Result<()> {
        let (from, key, to) = (self.path(key), key.clone(), path.to_owned());
        blocking(move || write::link(&from, &key, &to)).await
    }

    async fn free_space(&self) -> Result<Option<FreeSpace>> {
        let root = Arc::clone(&self.root);
        blocking(move || {
            let room = rustix::fs::statvfs(&*root)
                .map_err(|error| ObjectError::io("ask for free space", error.into()))?;
            Ok(Some(FreeSpace {
                available: room.f_bavail.saturating_mul(room.f_frsize),
                total: room.f_blocks.saturating_mul(room.f_frsize),
            }))
        })
        .await
    }

    async fn check_writable(&self) -> Result<()> {
        let root = Arc::clone(&self.root);
        blocking(move || write::check(&root)).await
    }

    async fn check_answers(&self) -> Result<()> {
        self.check_writable().await
    }

    async fn remove_leftovers(&self, before: Timestamp) -> Result<u64> {
        let root = Arc::clone(&self.root);
        blocking(move || listing::remove_leftovers(&root, before)).await
    }
}

#[async_trait]
impl MultipartSessions for DiskStore {
    fn least_part(&self) -> u64 {
        1
    }

    async fn create(&self, id: UploadId, plan: &UploadPlan) -> Result<()> {
        let (root, plan) = (Arc::clone(&self.root), plan.clone());
        self.mounted(blocking(move || session::create(&root, id, &plan)))
            .await
    }

    async fn put_part(
        &self,
        id: UploadId,
        number: u32,
        span: PartSpan,
        body: Incoming<'_>,
    ) -> Result<String> {
        let root = Arc::clone(&self.root);
        self.mounted(part::put(root, self.options, id, number, span, body))
            .await
    }

    async fn list_parts(&self, id: UploadId) -> Result<HeldParts> {
        let root = Arc::clone(&self.root);
        let held = blocking(move || session::held(&root, id, &layout::plan(&root, id)?));
        self.mounted(held).await
    }

    async fn freeze(&self, id: UploadId) -> Result<bool> {
        let root = Arc::clone(&self.root);
        self.mounted(blocking(move || arriving::freeze(&root, id)))
            .await?;
        Ok(true)
    }

    async fn completes_early(&self, id: UploadId, number: u32) -> Result<bool> {
        let root = Arc::clone(&self.root);
        self.mounted(blocking(move || {
            arriving::completes_early(&root, id, number)
        }))
        .await
    }

    async fn in_order(&self, id: UploadId, known: u64) -> Result<u64> {
        let root = Arc::clone(&self.root);
        self.mounted(blocking(move || arriving::in_order(&root, id, known)))
            .await
    }

    async fn read_parts(&self, id: UploadId, pieces: Vec<Piece>) -> Result<ByteStream> {
        let root = Arc::clone(&self.root);
        let wanted = pieces.clone();
        let file = blocking(move || arriving::open(&root, id, &wanted));
        let file = self.mounted(file).await?;
        Ok(read::pieces_of(file, pieces))
    }

    async fn complete(&self, id: UploadId, plan: &UploadPlan) -> Result<()> {
        let root = Arc::clone(&self.root);
        self.mounted(complete::run(root, self.options, id, plan))
            .await
    }

    async fn abort(&self, id: UploadId) -> Result<()> {
        let root = Arc::clone(&self.root);
        self.mounted(blocking(move || session::remove(&root, id)))
            .await
    }

    fn list_sessions(&self) -> BoxStream<'static, Result<UploadSession>> {
        if let Err(gone) = self.is_there() {
            return stream::iter([Err(gone)]).boxed();
        }
        let root = Arc::clone(&self.root);
        listing::walk(move |sender| listing::sessions(&root, sender)).boxed()
    }
}

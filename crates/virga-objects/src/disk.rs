//! Objects in a local folder. One store may be open in several processes at once: what must not
//! meet is kept apart by `flock`, never by memory.
//!
//! `v/…` objects, `.tmp/` what is being written, `.multipart/{upload}/` open sessions; all on one
//! file system, so that every last step is a rename.

mod complete;
mod durable;
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

use bytes::Bytes;
use futures_util::{FutureExt, future::BoxFuture};
use virga_core::{KeyPrefix, MediaKey, Timestamp};

use crate::{
    ByteStream, FreeSpace, MediaStore, ObjectError, ObjectListing, ObjectStat, ObjectWriter, Piece,
    READ_LIMIT, Result,
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
            for folder in ["v", durable::SCRATCH, session::FOLDER] {
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
}

/// Runs a step that blocks off the async threads.
async fn blocking<T: Send + 'static>(
    step: impl FnOnce() -> Result<T> + Send + 'static,
) -> Result<T> {
    tokio::task::spawn_blocking(step)
        .await
        .map_err(|error| ObjectError::io("run a step", std::io::Error::other(error)))?
}

impl MediaStore for DiskStore {
    fn put<'a>(&'a self, key: &'a MediaKey, bytes: Bytes) -> BoxFuture<'a, Result<()>> {
        let (root, path) = (Arc::clone(&self.root), self.path(key));
        blocking(move || write::put(&root, &path, &bytes)).boxed()
    }

    fn put_file<'a>(&'a self, key: &'a MediaKey, scratch: &'a Path) -> BoxFuture<'a, Result<()>> {
        let (root, path, scratch) = (Arc::clone(&self.root), self.path(key), scratch.to_owned());
        blocking(move || write::put_file(&root, &path, &scratch)).boxed()
    }

    fn writer<'a>(&'a self, key: &'a MediaKey) -> BoxFuture<'a, Result<Box<dyn ObjectWriter>>> {
        let (root, path) = (Arc::clone(&self.root), self.path(key));
        async move {
            let writer = blocking(move || write::DiskWriter::open(root, path)).await?;
            Ok(Box::new(writer) as Box<dyn ObjectWriter>)
        }
        .boxed()
    }

    fn read<'a>(&'a self, key: &'a MediaKey, range: Range<u64>) -> BoxFuture<'a, Result<Bytes>> {
        let (path, key) = (self.path(key), key.clone());
        blocking(move || {
            if range.end.saturating_sub(range.start) > READ_LIMIT {
                return Err(ObjectError::TooLarge { limit: READ_LIMIT });
            }
            let (file, size) = read::open(&path, &key)?;
            read::check(&range, size)?;
            read::at(&file, range.start, range.end.saturating_sub(range.start))
        })
        .boxed()
    }

    fn read_all<'a>(&'a self, key: &'a MediaKey, limit: u64) -> BoxFuture<'a, Result<Bytes>> {
        let (path, key) = (self.path(key), key.clone());
        blocking(move || {
            let (file, size) = read::open(&path, &key)?;
            if size > limit {
                return Err(ObjectError::TooLarge { limit });
            }
            read::at(&file, 0, size)
        })
        .boxed()
    }

    fn stream<'a>(
        &'a self,
        key: &'a MediaKey,
        range: Range<u64>,
    ) -> BoxFuture<'a, Result<ByteStream>> {
        read::stream(self.path(key), key.clone(), range).boxed()
    }

    fn read_pieces<'a>(
        &'a self,
        key: &'a MediaKey,
        pieces: Vec<Piece>,
    ) -> BoxFuture<'a, Result<ByteStream>> {
        read::pieces(self.path(key), key.clone(), pieces).boxed()
    }

    fn stat<'a>(&'a self, key: &'a MediaKey) -> BoxFuture<'a, Result<ObjectStat>> {
        let (path, key) = (self.path(key), key.clone());
        blocking(move || read::stat(&path, &key)).boxed()
    }

    fn delete<'a>(&'a self, key: &'a MediaKey) -> BoxFuture<'a, Result<()>> {
        let (root, path) = (Arc::clone(&self.root), self.path(key));
        blocking(move || write::delete(&root, &path)).boxed()
    }

    fn delete_prefix<'a>(&'a self, prefix: &'a KeyPrefix) -> BoxFuture<'a, Result<u64>> {
        let (root, folder) = (Arc::clone(&self.root), self.root.join(prefix.as_str()));
        blocking(move || write::delete_folder(&root, &folder)).boxed()
    }

    fn list(&self, prefix: &KeyPrefix) -> ObjectListing {
        listing::objects(Arc::clone(&self.root), self.root.join(prefix.as_str()))
    }

    fn link_to<'a>(&'a self, key: &'a MediaKey, path: &'a Path) -> BoxFuture<'a, Result<()>> {
        let (from, key, to) = (self.path(key), key.clone(), path.to_owned());
        blocking(move || write::link(&from, &key, &to)).boxed()
    }

    fn free_space(&self) -> BoxFuture<'_, Result<Option<FreeSpace>>> {
        let root = Arc::clone(&self.root);
        blocking(move || {
            let room = rustix::fs::statvfs(&*root)
                .map_err(|error| ObjectError::io("ask for free space", error.into()))?;
            Ok(Some(FreeSpace {
                available: room.f_bavail.saturating_mul(room.f_frsize),
                total: room.f_blocks.saturating_mul(room.f_frsize),
            }))
        })
        .boxed()
    }

    fn check_writable(&self) -> BoxFuture<'_, Result<()>> {
        let root = Arc::clone(&self.root);
        blocking(move || write::check(&root)).boxed()
    }

    fn check_answers(&self) -> BoxFuture<'_, Result<()>> {
        self.check_writable()
    }

    fn remove_leftovers(&self, before: Timestamp) -> BoxFuture<'_, Result<u64>> {
        let root = Arc::clone(&self.root);
        blocking(move || listing::remove_leftovers(&root, before)).boxed()
    }
}

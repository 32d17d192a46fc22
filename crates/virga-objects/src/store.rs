//! What every store of objects must do.

use std::{fmt, fs::File, ops::Range, path::Path, sync::Arc};

use async_trait::async_trait;
use bytes::Bytes;
use futures_util::stream::BoxStream;
use virga_core::{KeyPrefix, MediaKey, Timestamp};

use crate::Result;

/// The most that [`MediaStore::read`] takes into memory: 256 MiB, as large as an index may be.
pub const READ_LIMIT: u64 = 256 * 1024 * 1024;

/// The store as every state holds it.
pub type SharedStore = Arc<dyn MediaStore>;

/// Bytes of an object, in pieces of at most 1 MiB; a reader that lags holds back the store.
pub type ByteStream = BoxStream<'static, Result<Bytes>>;

/// Keys under a prefix, in no particular order.
pub type ObjectListing = BoxStream<'static, Result<Listed>>;

/// A stretch of an object: first byte and length.
pub type Piece = (u64, u32);

/// What is known of an object without reading it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ObjectStat {
    /// Bytes.
    pub size: u64,
    /// When it was written.
    pub modified: Timestamp,
}

/// An object that is a file of this machine, open for reading.
#[derive(Clone, Debug)]
pub struct LocalObject {
    /// All of it, and nothing else.
    pub file: Arc<File>,
    /// Bytes.
    pub size: u64,
}

/// One line of a listing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listed {
    /// The object.
    pub key: MediaKey,
    /// Its size and age.
    pub stat: ObjectStat,
}

/// Room in the store, in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FreeSpace {
    /// What can still be written.
    pub available: u64,
    /// What there is in all.
    pub total: u64,
}

/// Objects by key. Every write is atomic and durable when it answers; objects under an attempt or
/// upload are written once, so readers may cache them without an expiry.
#[async_trait]
pub trait MediaStore: fmt::Debug + Send + Sync + 'static {
    /// Writes a small object, replacing one of the same key.
    async fn put(&self, key: &MediaKey, bytes: Bytes) -> Result<()>;

    /// Takes a finished scratch file in as an object; the file is gone afterwards. On disk a
    /// rename where both lie on one file system.
    async fn put_file(&self, key: &MediaKey, scratch: &Path) -> Result<()>;

    /// Opens an object for writing that appears only at [`ObjectWriter::commit`].
    async fn writer(&self, key: &MediaKey) -> Result<Box<dyn ObjectWriter>>;

    /// Reads a range into memory; at most [`READ_LIMIT`] bytes, all of them or an error.
    async fn read(&self, key: &MediaKey, range: Range<u64>) -> Result<Bytes>;

    /// Reads a whole small object; an error if it has more than `limit` bytes.
    async fn read_all(&self, key: &MediaKey, limit: u64) -> Result<Bytes>;

    /// Streams a range. Missing objects and ranges beyond the end are errors before the first byte.
    async fn stream(&self, key: &MediaKey, range: Range<u64>) -> Result<ByteStream>;

    /// Streams many stretches one after another as if they were one, joining near ones into few
    /// reads.
    async fn read_pieces(&self, key: &MediaKey, pieces: Vec<Piece>) -> Result<ByteStream>;

    /// The object as an open file, so that its bytes reach a socket without passing through this process;
    /// `None` in a store whose objects are no files of this machine.
    async fn local(&self, key: &MediaKey) -> Result<Option<LocalObject>>;

    /// Size and age.
    async fn stat(&self, key: &MediaKey) -> Result<ObjectStat>;

    /// Removes an object; fine if there is none.
    async fn delete(&self, key: &MediaKey) -> Result<()>;

    /// Removes all objects under a prefix; answers how many there were.
    async fn delete_prefix(&self, prefix: &KeyPrefix) -> Result<u64>;

    /// Streams the list of objects under a prefix.
    fn list(&self, prefix: &KeyPrefix) -> ObjectListing;

    /// Makes the object a local file at `path` (which must not exist) for reading only: a hard link
    /// where possible, else a copy.
    async fn link_to(&self, key: &MediaKey, path: &Path) -> Result<()>;

    /// Room left; `None` where a store has no bounds of its own, as a bucket.
    async fn free_space(&self) -> Result<Option<FreeSpace>>;

    /// Writes, syncs and removes a few bytes: whether the store works at all.
    async fn check_writable(&self) -> Result<()>;

    /// Whether the store answers: cheap enough to be asked every second, and soon done.
    async fn check_answers(&self) -> Result<()>;

    /// Removes what broken-off writes older than `before` left outside the key space; answers how
    /// much. Where a live writer cannot be distinguished from a dead one, only what is far older.
    async fn remove_leftovers(&self, before: Timestamp) -> Result<u64>;
}

/// An object being written. Dropped without commit it leaves nothing.
#[async_trait]
pub trait ObjectWriter: fmt::Debug + Send {
    /// Appends.
    async fn write(&mut self, bytes: Bytes) -> Result<()>;

    /// Makes it durable and visible; answers its size.
    async fn commit(self: Box<Self>) -> Result<u64>;
}

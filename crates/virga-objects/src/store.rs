//! What every store of objects must do.

use std::{fmt, ops::Range, path::Path, sync::Arc};

use bytes::Bytes;
use futures_util::{future::BoxFuture, stream::BoxStream};
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
pub trait MediaStore: fmt::Debug + Send + Sync + 'static {
    /// Writes a small object, in place of the one that stood there.
    fn put<'a>(&'a self, key: &'a MediaKey, bytes: Bytes) -> BoxFuture<'a, Result<()>>;

    /// Takes a finished scratch file in as an object; the file is gone afterwards. On disk a
    /// rename where both lie on one file system.
    fn put_file<'a>(&'a self, key: &'a MediaKey, scratch: &'a Path) -> BoxFuture<'a, Result<()>>;

    /// Opens an object for writing that appears only at [`ObjectWriter::commit`].
    fn writer<'a>(&'a self, key: &'a MediaKey) -> BoxFuture<'a, Result<Box<dyn ObjectWriter>>>;

    /// Reads a range into memory; at most [`READ_LIMIT`] bytes, all of them or an error.
    fn read<'a>(&'a self, key: &'a MediaKey, range: Range<u64>) -> BoxFuture<'a, Result<Bytes>>;

    /// Reads a whole small object; an error if it has more than `limit` bytes.
    fn read_all<'a>(&'a self, key: &'a MediaKey, limit: u64) -> BoxFuture<'a, Result<Bytes>>;

    /// Streams a range. Missing objects and ranges beyond the end are errors before the first byte.
    fn stream<'a>(
        &'a self,
        key: &'a MediaKey,
        range: Range<u64>,
    ) -> BoxFuture<'a, Result<ByteStream>>;

    /// Streams many stretches one after another as if they were one, joining near ones into few
    /// reads.
    fn read_pieces<'a>(
        &'a self,
        key: &'a MediaKey,
        pieces: Vec<Piece>,
    ) -> BoxFuture<'a, Result<ByteStream>>;

    /// Size and age.
    fn stat<'a>(&'a self, key: &'a MediaKey) -> BoxFuture<'a, Result<ObjectStat>>;

    /// Removes an object; fine if there is none.
    fn delete<'a>(&'a self, key: &'a MediaKey) -> BoxFuture<'a, Result<()>>;

    /// Removes all objects under a prefix; answers how many there were.
    fn delete_prefix<'a>(&'a self, prefix: &'a KeyPrefix) -> BoxFuture<'a, Result<u64>>;

    /// Streams the list of objects under a prefix.
    fn list(&self, prefix: &KeyPrefix) -> ObjectListing;

    /// Makes the object a local file at `path` (which must not exist) for reading only: a hard link
    /// where possible, else a copy.
    fn link_to<'a>(&'a self, key: &'a MediaKey, path: &'a Path) -> BoxFuture<'a, Result<()>>;

    /// Room left; `None` where a store has no bounds of its own, as a bucket.
    fn free_space(&self) -> BoxFuture<'_, Result<Option<FreeSpace>>>;

    /// Writes, syncs and removes a few bytes: whether the store works at all.
    fn check_writable(&self) -> BoxFuture<'_, Result<()>>;

    /// Whether the store answers: cheap enough to be asked every second, and soon done.
    fn check_answers(&self) -> BoxFuture<'_, Result<()>>;

    /// Removes what broken-off writes older than `before` left outside the key space; answers how
    /// much. Where a live writer cannot be told from a dead one, only what is far older.
    fn remove_leftovers(&self, before: Timestamp) -> BoxFuture<'_, Result<u64>>;
}

/// An object being written. Dropped without commit it leaves nothing.
pub trait ObjectWriter: fmt::Debug + Send {
    /// Appends.
    fn write(&mut self, bytes: Bytes) -> BoxFuture<'_, Result<()>>;

    /// Makes it durable and visible; answers its size.
    fn commit(self: Box<Self>) -> BoxFuture<'static, Result<u64>>;
}

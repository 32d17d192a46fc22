//! What every kind of multipart session must do: parts in any order, each acknowledged only when it
//! is safe, one step that makes them an object.

use std::{error::Error as StdError, fmt, sync::Arc};

use bytes::Bytes;
use futures_util::{future::BoxFuture, stream::BoxStream};
use virga_core::{MediaKey, Timestamp, UploadId, upload::PartSpan, wire::HeldPart};

use crate::Result;

/// The sessions as every state holds them.
pub type SharedSessions = Arc<dyn MultipartSessions>;

/// A body as it comes in from a sender.
pub type Incoming<'a> = BoxStream<'a, Result<Bytes, Box<dyn StdError + Send + Sync>>>;

/// An open session.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UploadSession {
    /// The upload.
    pub id: UploadId,
    /// What it becomes.
    pub key: MediaKey,
    /// Bytes of the whole file; 0 if the process that opened the session died before recording it.
    pub total: u64,
    /// Bytes of every part but the last.
    pub part_size: u64,
    /// When the session was made or took its newest part.
    pub touched: Timestamp,
}

/// What a session holds.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct HeldParts {
    /// Whole parts in order of their number.
    pub parts: Vec<HeldPart>,
    /// When the newest of them arrived.
    pub newest: Option<Timestamp>,
}

impl HeldParts {
    /// Bytes in whole parts.
    pub fn bytes(&self) -> u64 {
        self.parts.iter().map(|part| part.size).sum()
    }
}

/// Multipart sessions by upload.
pub trait MultipartSessions: fmt::Debug + Send + Sync + 'static {
    /// Bytes that a part other than the last must have.
    fn least_part(&self) -> u64;

    /// Opens a session; fine if it is open already with the same key and sizes.
    fn create<'a>(
        &'a self,
        id: UploadId,
        key: &'a MediaKey,
        total: u64,
        part_size: u64,
    ) -> BoxFuture<'a, Result<()>>;

    /// Takes one part in and answers its SHA-256 (hexadecimal) once it is durable. A part that is
    /// sent again replaces the old one; if the new one breaks off, the old one or none is held.
    fn put_part<'a>(
        &'a self,
        id: UploadId,
        number: u32,
        span: PartSpan,
        body: Incoming<'a>,
    ) -> BoxFuture<'a, Result<String>>;

    /// What is held.
    fn list_parts(&self, id: UploadId) -> BoxFuture<'_, Result<HeldParts>>;

    /// Makes the parts the object `key`. Idempotent: if the session is gone and the object has
    /// `total` bytes, that is success.
    fn complete<'a>(
        &'a self,
        id: UploadId,
        key: &'a MediaKey,
        total: u64,
        part_size: u64,
    ) -> BoxFuture<'a, Result<()>>;

    /// Drops the session and its parts; fine if there is none.
    fn abort(&self, id: UploadId) -> BoxFuture<'_, Result<()>>;

    /// All open sessions.
    fn list_sessions(&self) -> BoxStream<'static, Result<UploadSession>>;
}

//! What every kind of multipart session must do: parts in any order, each acknowledged only when it
//! is safe, one step that makes them an object.

use std::{
    collections::{BTreeSet, HashSet},
    error::Error as StdError,
    fmt,
    sync::Arc,
};

use async_trait::async_trait;
use bytes::Bytes;
use futures_util::stream::BoxStream;
use serde::{Deserialize, Serialize};
use virga_core::{
    MediaKey, Timestamp, UploadId,
    upload::{PartSpan, early_parts, part_count, part_span},
    wire::HeldPart,
};

use crate::{ByteStream, ObjectError, Piece, Result};

/// The sessions as every state holds them.
pub type SharedSessions = Arc<dyn MultipartSessions>;

/// A body as it comes in from a sender.
pub type Incoming<'a> = BoxStream<'a, Result<Bytes, Box<dyn StdError + Send + Sync>>>;

/// What a session becomes, and in which parts.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct UploadPlan {
    /// The object.
    pub key: MediaKey,
    /// Bytes of the whole file.
    pub total: u64,
    /// Bytes of every part but the last.
    pub part_size: u64,
}

impl UploadPlan {
    /// A plan for an object of `total` bytes in parts of `part_size`.
    pub fn new(key: &MediaKey, total: u64, part_size: u64) -> Self {
        Self {
            key: key.clone(),
            total,
            part_size,
        }
    }

    /// The byte range of a part; `None` if the file has no such part.
    pub fn span(&self, number: u32) -> Option<PartSpan> {
        part_span(number, self.total, self.part_size)
    }

    /// The parts by which the file can be known before the others are held.
    pub fn early_parts(&self) -> Vec<u32> {
        early_parts(self.total, self.part_size)
    }

    /// The parts that hold these stretches; `None` if one reaches beyond the file.
    pub fn parts_of(&self, pieces: &[(u64, u32)]) -> Option<BTreeSet<u32>> {
        let mut parts = BTreeSet::new();
        for &(offset, length) in pieces {
            let end = offset.checked_add(length.into())?;
            if end > self.total {
                return None;
            }
            let number = |byte: u64| u32::try_from(byte / self.part_size.max(1) + 1).ok();
            parts.extend(number(offset)?..=number(end.saturating_sub(1).max(offset))?);
        }
        Some(parts)
    }

    /// Whether the file has a part of this number and size.
    pub fn has_part(&self, number: u32, size: u64) -> bool {
        self.span(number).is_some_and(|span| span.size == size)
    }

    /// An error unless a part of this number is this range.
    pub fn check_span(&self, number: u32, span: PartSpan) -> Result<()> {
        if self.span(number) == Some(span) {
            Ok(())
        } else {
            Err(ObjectError::WrongPart)
        }
    }

    /// An error unless the session was opened for the same file.
    pub fn check_same(&self, wanted: &Self) -> Result<()> {
        if self == wanted {
            Ok(())
        } else {
            Err(ObjectError::Conflict(
                "the session is open for another file",
            ))
        }
    }

    /// An error unless parts of these numbers, all of the right size, make the whole file.
    pub fn check_whole(&self, held: &HashSet<u32>) -> Result<()> {
        let missing: Vec<u32> = (1..=part_count(self.total, self.part_size))
            .filter(|number| !held.contains(number))
            .collect();
        if missing.is_empty() {
            Ok(())
        } else {
            Err(ObjectError::PartsMissing(missing))
        }
    }
}

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
#[async_trait]
pub trait MultipartSessions: fmt::Debug + Send + Sync + 'static {
    /// Bytes that a part other than the last must have.
    fn least_part(&self) -> u64;

    /// Opens a session; fine if it is open already for the same file.
    async fn create(&self, id: UploadId, plan: &UploadPlan) -> Result<()>;

    /// Takes one part in and answers its SHA-256 (hexadecimal) once it is durable. A part that is
    /// sent again replaces the old one; if the new one breaks off, the old one or none is held.
    async fn put_part(
        &self,
        id: UploadId,
        number: u32,
        span: PartSpan,
        body: Incoming<'_>,
    ) -> Result<String>;

    /// What is held.
    async fn list_parts(&self, id: UploadId) -> Result<HeldParts>;

    /// From now on the parts that are held stay as they are: one that is sent again must be the same. `false`:
    /// this store cannot read parts before they are an object.
    async fn freeze(&self, id: UploadId) -> Result<bool> {
        let _ = id;
        Ok(false)
    }

    /// Whether part `number`, which was just taken in, completes the [`early_parts`] of a file of which more is to
    /// come, and this store can read them.
    async fn completes_early(&self, id: UploadId, number: u32) -> Result<bool> {
        let _ = (id, number);
        Ok(false)
    }

    /// How many bytes of the file stand in order, from its first on. `known`: so many did before.
    async fn in_order(&self, id: UploadId, known: u64) -> Result<u64> {
        let _ = known;
        Err(ObjectError::NoSession(id.to_string()))
    }

    /// Stretches of the file, one after another; `PartsMissing` unless all of them are held. They stay what they
    /// are only after [`Self::freeze`].
    async fn read_parts(&self, id: UploadId, pieces: Vec<Piece>) -> Result<ByteStream> {
        let _ = pieces;
        Err(ObjectError::NoSession(id.to_string()))
    }

    /// Makes the parts the object. Idempotent: if the session is gone and the object has all its
    /// bytes, that is success.
    async fn complete(&self, id: UploadId, plan: &UploadPlan) -> Result<()>;

    /// Drops the session and its parts; fine if there is none.
    async fn abort(&self, id: UploadId) -> Result<()>;

    /// All open sessions.
    fn list_sessions(&self) -> BoxStream<'static, Result<UploadSession>>;
}

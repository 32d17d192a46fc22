//! What can go wrong in a store, by meaning.

use std::{error::Error as StdError, io};

use virga_core::{Code, Failure, InvalidKey, Kind};

/// Result of every call of this crate.
pub type Result<T, E = ObjectError> = std::result::Result<T, E>;

/// Why a store did not do it.
#[derive(Debug, thiserror::Error)]
pub enum ObjectError {
    /// There is no such object.
    #[error("there is no object {0}")]
    NotFound(String),
    /// The disk or the account is full (`ENOSPC`, `EDQUOT`, `EFBIG`).
    #[error("the store has no room left")]
    NoRoom,
    /// The text is no object key.
    #[error(transparent)]
    InvalidKey(#[from] InvalidKey),
    /// The range reaches beyond the object's end.
    #[error("the object has {size} bytes only")]
    OutOfRange {
        /// Bytes that the object has.
        size: u64,
    },
    /// More was asked for in one piece than is read into memory.
    #[error("more than {limit} bytes in one read")]
    TooLarge {
        /// The most.
        limit: u64,
    },
    /// There is no such multipart session.
    #[error("there is no multipart session {0}")]
    NoSession(String),
    /// Someone else writes this part or completes this session now, or the session differs.
    #[error("someone else is at it: {0}")]
    Conflict(&'static str),
    /// Parts were still in flight when the wait ended. Try again.
    #[error("parts are still coming in")]
    Busy,
    /// This is not a part of the file as the session was made.
    #[error("the file has no such part")]
    WrongPart,
    /// The part is being watched, and the bytes that came are others.
    #[error("the part is read already and stays as it is")]
    Frozen,
    /// Parts that the file needs are not held.
    #[error("{} parts are missing, the first is {:?}", .0.len(), .0.first())]
    PartsMissing(Vec<u32>),
    /// The session is gone and there is no complete object in its place.
    #[error("the store lost the parts")]
    LostParts,
    /// The sender sent fewer bytes than declared.
    #[error("the body ended after {got} of {want} bytes")]
    BodyShort {
        /// Bytes that came.
        got: u64,
        /// Bytes declared.
        want: u64,
    },
    /// The sender sent more bytes than declared.
    #[error("the body is longer than the declared {want} bytes")]
    BodyLong {
        /// Bytes declared.
        want: u64,
    },
    /// No byte came for too long.
    #[error("the sender fell silent")]
    Stalled,
    /// The sender's body broke off.
    #[error("the sender's body broke off")]
    Body(#[source] Box<dyn StdError + Send + Sync>),
    /// The bucket refuses who we say we are, or what we may.
    #[error("the bucket refuses our credentials or rights: {code}")]
    Denied {
        /// The bucket's word for it.
        code: String,
    },
    /// The bucket's clock and ours differ by more than signatures allow.
    #[error("the bucket's clock and this machine's differ: set this machine's time")]
    ClockSkew,
    /// The bucket cannot be reached, is overloaded or broke off, again and again.
    #[error("cannot {doing}: the bucket does not answer ({why})")]
    Unavailable {
        /// What was tried.
        doing: &'static str,
        /// How it failed, without addresses.
        why: String,
    },
    /// The folder of the objects is gone: its disk is not mounted, or somebody removed it.
    #[error("the folder of the objects is gone: is its disk mounted?")]
    Unmounted,
    /// The folder may be read only, by its mount or by its rights.
    #[error("cannot {doing}: the folder of the objects cannot be written ({why})")]
    ReadOnly {
        /// What was tried.
        doing: &'static str,
        /// What the system says.
        why: io::Error,
    },
    /// Anything else that the bucket says.
    #[error("cannot {doing}: the bucket answers {status} {code}")]
    Bucket {
        /// What was tried.
        doing: &'static str,
        /// The answer's status; 0 where none came.
        status: u16,
        /// The bucket's word for it.
        code: String,
    },
    /// Anything else that the system says.
    #[error("cannot {doing}")]
    Io {
        /// What was tried.
        doing: &'static str,
        /// What the system says.
        #[source]
        source: io::Error,
    },
}

impl ObjectError {
    /// Sorts a system error by meaning.
    pub fn io(doing: &'static str, source: io::Error) -> Self {
        match source.kind() {
            io::ErrorKind::StorageFull
            | io::ErrorKind::QuotaExceeded
            | io::ErrorKind::FileTooLarge => Self::NoRoom,
            io::ErrorKind::ReadOnlyFilesystem | io::ErrorKind::PermissionDenied => {
                Self::ReadOnly { doing, why: source }
            }
            _ => Self::Io { doing, source },
        }
    }

    /// As [`Self::io`], with a missing file read as a missing object.
    pub(crate) fn of_object(key: &str, doing: &'static str, source: io::Error) -> Self {
        match source.kind() {
            io::ErrorKind::NotFound | io::ErrorKind::NotADirectory => Self::NotFound(key.into()),
            _ => Self::io(doing, source),
        }
    }

    /// Whether the same may well succeed later, with nobody changing the object, the request or the
    /// site's settings.
    pub fn is_transient(&self) -> bool {
        match self {
            Self::NoRoom
            | Self::Conflict(_)
            | Self::Busy
            | Self::Stalled
            | Self::Body(_)
            | Self::BodyShort { .. }
            | Self::ClockSkew
            | Self::Unavailable { .. }
            | Self::Unmounted
            | Self::ReadOnly { .. }
            | Self::Io { .. } => true,
            // 0: no answer came.
            Self::Bucket { status, .. } => matches!(status, 0 | 408 | 409 | 425 | 429 | 500..),
            Self::NotFound(_)
            | Self::InvalidKey(_)
            | Self::OutOfRange { .. }
            | Self::TooLarge { .. }
            | Self::NoSession(_)
            | Self::WrongPart
            | Self::Frozen
            | Self::PartsMissing(_)
            | Self::LostParts
            | Self::BodyLong { .. }
            | Self::Denied { .. } => false,
        }
    }

    /// Whether the bucket gave no answer, so that the same request may be sent again at once.
    pub fn is_unanswered(&self) -> bool {
        matches!(self, Self::Unavailable { .. })
    }

    /// Whether the storage as a whole is away: nothing is wrong with the object or the request, and
    /// the same succeeds once the storage is back.
    pub fn is_away(&self) -> bool {
        matches!(
            self,
            Self::Unavailable { .. } | Self::Unmounted | Self::ReadOnly { .. }
        )
    }

    /// Whether it says that the object does not exist.
    pub fn is_not_found(&self) -> bool {
        matches!(self, Self::NotFound(_))
    }
}

impl From<ObjectError> for Failure {
    fn from(error: ObjectError) -> Self {
        let (code, detail) = match &error {
            ObjectError::NoRoom => (
                Code::StorageFull,
                "The site has no room left for this. Its administrator has to make some.",
            ),
            ObjectError::Conflict(_) => (
                Code::UploadConflict,
                "This part or this upload is being worked on by another request.",
            ),
            ObjectError::Busy => (
                Code::UploadBusy,
                "Parts of this upload are still coming in. Try again in a moment.",
            ),
            ObjectError::NoSession(_) => (
                Code::UploadClosed,
                "This upload takes no more parts: it is complete, cancelled or expired.",
            ),
            ObjectError::WrongPart => (
                Code::UploadWrongPart,
                "The file of this upload has no such part.",
            ),
            ObjectError::Frozen => (
                Code::UploadPartWatched,
                "This part arrived before with other bytes, and is being watched. Cancel this upload and \
                 upload the file again.",
            ),
            ObjectError::PartsMissing(_) => (
                Code::UploadPartMissing,
                "Not all parts have arrived. Send the missing ones and complete again.",
            ),
            ObjectError::LostParts => (
                Code::UploadLostParts,
                "The parts of this upload are no longer there. Upload the file again.",
            ),
            ObjectError::BodyLong { .. } => (
                Code::UploadPartTooLarge,
                "More bytes came than this part has.",
            ),
            ObjectError::BodyShort { .. } => (
                Code::UploadPartTooSmall,
                "Fewer bytes came than this part has.",
            ),
            ObjectError::Stalled | ObjectError::Body(_) => (
                Code::UploadPartBroken,
                "The part broke off on its way. Send it again.",
            ),
            ObjectError::Unavailable { .. } | ObjectError::Unmounted => (
                Code::StorageUnavailable,
                "The site cannot reach its storage now. Try again in a moment.",
            ),
            ObjectError::ReadOnly { .. } => (
                Code::StorageReadOnly,
                "The site can store nothing now. Its administrator has to look at its storage.",
            ),
            ObjectError::NotFound(_)
            | ObjectError::InvalidKey(_)
            | ObjectError::OutOfRange { .. }
            | ObjectError::TooLarge { .. }
            | ObjectError::Denied { .. }
            | ObjectError::ClockSkew
            | ObjectError::Bucket { .. }
            | ObjectError::Io { .. } => return Self::internal(error),
        };
        let failure = Self::new(code, detail);
        let failure = if code.kind() == Kind::Unavailable {
            failure.after(5)
        } else {
            failure
        };
        failure.caused_by(error)
    }
}

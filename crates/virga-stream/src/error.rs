//! Why an answer could not be made, with the one case apart that is worth a second look: an object
//! that a newer presentation no longer names.

use virga_core::Failure;
use virga_media::MediaError;
use virga_objects::ObjectError;

/// A failed step on the way to an answer.
#[derive(Debug, thiserror::Error)]
pub(crate) enum StreamError {
    /// An object that the presentation names is not there.
    #[error("there is no object {0}")]
    Gone(String),
    /// There is no memory for the bytes now: they are passed on piece by piece.
    #[error("there is no room in memory")]
    NoRoom,
    /// Anything else, already in its final words.
    #[error(transparent)]
    Failed(#[from] Failure),
}

impl From<ObjectError> for StreamError {
    fn from(error: ObjectError) -> Self {
        match error {
            ObjectError::NotFound(key) => Self::Gone(key),
            other => Self::Failed(other.into()),
        }
    }
}

impl From<MediaError> for StreamError {
    fn from(error: MediaError) -> Self {
        Self::Failed(Failure::internal(error))
    }
}

impl StreamError {
    /// As those read it who waited for another's attempt.
    pub(crate) fn shared(fault: &Self) -> Self {
        match fault {
            Self::Gone(key) => Self::Gone(key.clone()),
            Self::NoRoom => Self::NoRoom,
            Self::Failed(failure) => {
                let mut again = Failure::new(failure.code, failure.detail.clone());
                again.retry_after = failure.retry_after;
                Self::Failed(again.caused_by(failure.to_string()))
            }
        }
    }
}

impl From<StreamError> for Failure {
    fn from(fault: StreamError) -> Self {
        match fault {
            StreamError::Failed(failure) => failure,
            other => Self::internal(other),
        }
    }
}

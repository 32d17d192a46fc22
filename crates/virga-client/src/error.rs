//! What can go wrong with a call, split by what the caller can do about it.

use virga_core::wire::Problem;

type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// Any error of a transport or body. A type of its own, because futures over an erased error
/// cannot be shown to be `Send`.
#[derive(Debug, thiserror::Error)]
#[error(transparent)]
pub struct TransportError(BoxError);

impl TransportError {
    /// Wraps any error.
    pub fn new(error: impl Into<BoxError>) -> Self {
        Self(error.into())
    }
}

/// Result of a call.
pub type Result<T, E = ClientError> = std::result::Result<T, E>;

/// A call that gave no answer of its type.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// The API refused, and said why.
    #[error("{} ({})", .0.detail, .0.code)]
    Problem(Box<Problem>),
    /// No connection, or it broke: the API is down or restarting. Try later.
    #[error("the API cannot be reached")]
    Unreachable(#[source] TransportError),
    /// No answer within the call's limit.
    #[error("the API did not answer in time")]
    TimedOut,
    /// An answer that is not the API's JSON: another program, another version, or too long.
    #[error("the API's answer to {0} cannot be read")]
    Unreadable(String, #[source] Option<TransportError>),
}

impl ClientError {
    /// The refusal, if it is one.
    pub fn problem(&self) -> Option<&Problem> {
        match self {
            Self::Problem(problem) => Some(problem),
            _ => None,
        }
    }

    /// The refusal's status, if it is one.
    pub fn status(&self) -> Option<u16> {
        self.problem().map(|problem| problem.status)
    }
}

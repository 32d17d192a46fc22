//! The one error of use cases. Decision rule: below a use case, errors are enums by meaning
//! (`DbError`, `ObjectError`, `MediaError`); a use case turns what its caller can act on into a
//! [`Failure`] with a stable code; whatever is left is `Kind::Internal` and keeps its source for
//! the log. Only `virga-http` turns a kind into a status.

use std::{error::Error as StdError, fmt};

/// Result of a use case.
pub type Result<T, E = Failure> = std::result::Result<T, E>;

/// An error with its causes in one line, for logs and terminals. A cause that the text already
/// contains is not repeated.
pub fn with_causes(error: &dyn StdError) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let more = error.to_string();
        if !text.contains(&more) {
            text = format!("{text}: {more}");
        }
        cause = error.source();
    }
    text
}

/// What the caller can do about it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// 400: the request cannot be read.
    Malformed,
    /// 401: sign in first.
    Unauthenticated,
    /// 403: signed in, but not allowed.
    Forbidden,
    /// 404: not there, or not for this viewer.
    NotFound,
    /// 409: at odds with the present state.
    Conflict,
    /// 412: it changed meanwhile.
    Precondition,
    /// 413: too large.
    TooLarge,
    /// 415: this media type is not taken here.
    UnsupportedMedia,
    /// 422: read, but a field is wrong.
    Invalid,
    /// 429: slow down.
    TooMany,
    /// 500: ours.
    Internal,
    /// 503: try again later.
    Unavailable,
    /// 507: no room.
    NoRoom,
}

/// A refusal or fault with a stable code and a sentence that a person can act on.
#[derive(Debug)]
pub struct Failure {
    /// What the caller can do.
    pub kind: Kind,
    /// Stable, for programs: `upload.part-missing`.
    pub code: &'static str,
    /// For people. Never holds a secret or another viewer's words.
    pub detail: String,
    /// The field at fault, by its wire name.
    pub field: Option<&'static str>,
    /// Seconds to wait before trying again.
    pub retry_after: Option<u64>,
    source: Option<Box<dyn StdError + Send + Sync>>,
}

impl Failure {
    /// A refusal of this kind.
    pub fn new(kind: Kind, code: &'static str, detail: impl Into<String>) -> Self {
        Self {
            kind,
            code,
            detail: detail.into(),
            field: None,
            retry_after: None,
            source: None,
        }
    }

    /// A field that is read but wrong.
    pub fn field(field: &'static str, code: &'static str, detail: impl Into<String>) -> Self {
        Self {
            field: Some(field),
            ..Self::new(Kind::Invalid, code, detail)
        }
    }

    /// Our own fault; the source goes to the log, not to the caller.
    pub fn internal(source: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        Self {
            source: Some(source.into()),
            ..Self::new(
                Kind::Internal,
                "internal",
                "Something went wrong on our side. It is in the log under this request's id.",
            )
        }
    }

    /// No such thing, or not for this viewer: the two read the same.
    pub fn not_found(what: &str) -> Self {
        Self::new(
            Kind::NotFound,
            "not-found",
            format!("There is no such {what}."),
        )
    }

    /// Whether the same may well succeed later. A fault of ours may be one that passes.
    pub fn is_transient(&self) -> bool {
        matches!(
            self.kind,
            Kind::Unavailable | Kind::TooMany | Kind::NoRoom | Kind::Internal
        )
    }

    /// With the seconds to wait.
    #[must_use]
    pub fn after(mut self, seconds: u64) -> Self {
        self.retry_after = Some(seconds);
        self
    }

    /// With the cause, for the log.
    #[must_use]
    pub fn caused_by(mut self, source: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        self.source = Some(source.into());
        self
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", self.detail, self.code)
    }
}

impl StdError for Failure {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.source
            .as_ref()
            .map(|source| source.as_ref() as &(dyn StdError + 'static))
    }
}

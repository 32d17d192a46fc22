//! The one error of use cases. Decision rule: below a use case, errors are enums by meaning
//! (`DbError`, `ObjectError`, `MediaError`); a use case turns what its caller can act on into a
//! [`Failure`] with a [`Code`], which decides its kind; whatever is left is `Code::Internal` and keeps
//! its source for the log.

use std::{error::Error as StdError, fmt};

use crate::{Code, Kind};

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

/// A refusal or fault with a stable code and a sentence that a person can act on.
#[derive(Debug)]
pub struct Failure {
    /// Stable, for programs; it decides the kind.
    pub code: Code,
    /// For people. Never holds a secret or another viewer's words.
    pub detail: String,
    /// The field at fault, by its wire name.
    pub field: Option<&'static str>,
    /// Seconds to wait before trying again.
    pub retry_after: Option<u64>,
    source: Option<Box<dyn StdError + Send + Sync>>,
}

impl Failure {
    /// A refusal, in words for people.
    pub fn new(code: Code, detail: impl Into<String>) -> Self {
        Self {
            code,
            detail: detail.into(),
            field: None,
            retry_after: None,
            source: None,
        }
    }

    /// A refusal because of one field.
    pub fn field(field: &'static str, code: Code, detail: impl Into<String>) -> Self {
        Self {
            field: Some(field),
            ..Self::new(code, detail)
        }
    }

    /// Our own fault; the source goes to the log, not to the caller.
    pub fn internal(source: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        Self {
            source: Some(source.into()),
            ..Self::new(
                Code::Internal,
                "Something went wrong on our side. It is in the log under this request's id.",
            )
        }
    }

    /// No such thing, or not for this viewer: the two read the same.
    pub fn not_found(what: &str) -> Self {
        Self::new(Code::NotFound, format!("There is no such {what}."))
    }

    /// What the caller can do.
    pub fn kind(&self) -> Kind {
        self.code.kind()
    }

    /// Whether the same may well succeed later. A fault of ours may be one that passes.
    pub fn is_transient(&self) -> bool {
        matches!(
            self.kind(),
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

//! Why work on a video failed for good, or waits: a code that pages translate, and a sentence in English
//! that may hold the figures.

use crate::Code;

/// Why no further try is made, or none for now.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{text}")]
pub struct Reason {
    /// One of [`Code::REASONS`].
    pub code: Code,
    /// A sentence that a person understands.
    pub text: String,
}

impl Reason {
    /// `code` is one of [`Code::REASONS`].
    pub fn new(code: Code, text: impl Into<String>) -> Self {
        debug_assert!(code.is_reason(), "{code} is no reason");
        Self {
            code,
            text: text.into(),
        }
    }
}

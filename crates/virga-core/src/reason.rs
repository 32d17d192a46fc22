//! Why work on a video failed for good, or waits: a stable code that pages translate, and a sentence in
//! English that may hold the figures.

/// Every code, each a text `reason-CODE` of the pages.
pub const CODES: [&str; 33] = [
    "coding_unsupported",
    "damaged",
    "encoder_time",
    "encrypted",
    "external_media",
    "file_empty",
    "file_is_audio",
    "file_is_concat",
    "file_is_image",
    "file_is_playlist",
    "file_is_sdp",
    "file_is_text",
    "file_unknown",
    "frame_rate_too_high",
    "gave_up",
    "internal",
    "media_malformed",
    "media_no_index",
    "media_too_large",
    "media_repeated",
    "media_truncated",
    "media_unsupported",
    "no_video",
    "object_gone",
    "picture_too_large",
    "picture_too_small",
    "quota_used",
    "scratch_too_small",
    "source_gone",
    "storage_refused",
    "too_long",
    "too_many_tracks",
    "too_slow",
];

/// The codes of what only waits, each with texts `waits-JOB`.
pub const WAITS: [&str; 2] = ["encoder_time", "quota_used"];

/// Why no further try is made, or none for now.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{text}")]
pub struct Reason {
    /// One of [`CODES`].
    pub code: &'static str,
    /// A sentence that a person understands.
    pub text: String,
}

impl Reason {
    /// `code` is one of [`CODES`].
    pub fn new(code: &'static str, text: impl Into<String>) -> Self {
        debug_assert!(CODES.contains(&code), "{code} is not in reason::CODES");
        Self {
            code,
            text: text.into(),
        }
    }
}

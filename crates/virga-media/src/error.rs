//! Why media bytes could not be used, each as a sentence a person understands.

/// What is wrong with a file, an index or a table.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum MediaError {
    /// The file ends before the box or sample it announces.
    #[error("The file is incomplete: the end is missing. Upload the whole file.")]
    Truncated,
    /// No `moov` box at the top level: a recording that was never finished, or not an MP4.
    #[error(
        "The file has no index (moov), as after a recording that was not finished. \
             Repair it with the program that recorded it, and upload that."
    )]
    NoMoov,
    /// Bytes that contradict their own format.
    #[error("The file is damaged: {what}. Upload another copy, or export it again.")]
    Malformed {
        /// What contradicts, in a few words.
        what: &'static str,
    },
    /// The tracks name more bytes than the file has: some bytes many times over.
    #[error("The file's index refers to the same data again and again.")]
    Repeated,
    /// More than the fixed limits allow.
    #[error("The file exceeds what this site can process: {what}.")]
    TooLarge {
        /// Which limit, in a few words.
        what: &'static str,
    },
    /// Well-formed, but of a kind that is not handled here.
    #[error(
        "The file uses a feature that this site does not support: {what}. Convert the video to MP4 \
             and upload that."
    )]
    Unsupported {
        /// Which feature, in a few words.
        what: &'static str,
    },
}

impl MediaError {
    pub(crate) const fn malformed(what: &'static str) -> Self {
        Self::Malformed { what }
    }

    pub(crate) const fn too_large(what: &'static str) -> Self {
        Self::TooLarge { what }
    }

    pub(crate) const fn unsupported(what: &'static str) -> Self {
        Self::Unsupported { what }
    }
}

//! The codes of what `virga-media` says of a file. That crate knows no other of ours, so its errors get
//! their codes here, each match without a rest: a new error does not compile until it has one.

use virga_core::Code;
use virga_media::{MediaError, Refusal, TranscodeReason};

/// Bytes that cannot be read as media.
pub(crate) fn of_error(error: &MediaError) -> Code {
    match error {
        MediaError::Truncated => Code::MediaTruncated,
        MediaError::NoMoov => Code::MediaNoIndex,
        MediaError::Malformed { .. } => Code::MediaMalformed,
        MediaError::Repeated => Code::MediaRepeated,
        MediaError::TooLarge { .. } => Code::MediaTooLarge,
        MediaError::Unsupported { .. } => Code::MediaUnsupported,
    }
}

/// A file that by its first bytes is no video.
pub(crate) fn of_refusal(refusal: Refusal) -> Code {
    match refusal {
        Refusal::Empty => Code::FileEmpty,
        Refusal::Playlist => Code::FileIsPlaylist,
        Refusal::Concat => Code::FileIsConcat,
        Refusal::Sdp => Code::FileIsSdp,
        Refusal::Text => Code::FileIsText,
        Refusal::Image => Code::FileIsImage,
        Refusal::Unknown => Code::FileUnknown,
    }
}

/// A file that must be encoded, where encoding cannot help either.
pub(crate) fn of_not_instant(reason: TranscodeReason) -> Code {
    match reason {
        TranscodeReason::NoVideo => Code::NoVideo,
        TranscodeReason::Truncated => Code::MediaTruncated,
        TranscodeReason::External => Code::ExternalMedia,
        TranscodeReason::Encrypted => Code::Encrypted,
        TranscodeReason::Fragmented
        | TranscodeReason::VideoCodec
        | TranscodeReason::VideoProfile
        | TranscodeReason::VideoDepth
        | TranscodeReason::Interlaced
        | TranscodeReason::ChangingParameters
        | TranscodeReason::Matrix
        | TranscodeReason::Edited
        | TranscodeReason::Trimmed
        | TranscodeReason::NoLeadingKeyFrame
        | TranscodeReason::SparseKeyFrames
        | TranscodeReason::LateVideo
        | TranscodeReason::LateAudio
        | TranscodeReason::AudioGaps
        | TranscodeReason::AudioCodec => Code::MediaUnsupported,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use virga_media::sniff;

    /// The pages refuse files before they are sent; `ui/src/sniff.ts` reads the same rows.
    #[test]
    fn first_bytes_are_judged_as_the_pages_judge_them() {
        let rows = include_str!("../../../ui/test/first-bytes.txt");
        let rows: Vec<_> = rows.lines().filter(|row| !row.starts_with('#')).collect();
        assert!(rows.len() > 50);
        for row in rows {
            let (code, digits) = row.split_once(' ').unwrap();
            let head: Vec<u8> = (0..digits.len() / 2)
                .map(|at| u8::from_str_radix(&digits[2 * at..2 * at + 2], 16).unwrap())
                .collect();
            let judged = sniff(&head).map_or_else(|no| of_refusal(no).as_str(), |_| "-");
            assert_eq!(judged, code, "{digits}");
        }
    }
}

//! Why a video or one of its versions failed, in the reader's language.

use virga_core::{
    reason::{CODES, WAITS},
    wire::{Video, Warning},
};

use crate::locale::Lang;

/// The text's key for a reason's code.
fn key(code: &str) -> String {
    format!("reason-{code}")
}

/// Every key, for pages whose scripts hear of failures.
pub(crate) fn keys() -> impl Iterator<Item = String> {
    CODES.iter().map(|code| key(code))
}

/// English holds the figures; the other languages have a text by code.
pub(crate) fn words(lang: Lang, code: &str, english: &str) -> String {
    if lang == Lang::En && !english.is_empty() {
        return english.to_owned();
    }
    let code = if CODES.contains(&code) {
        code
    } else {
        "internal"
    };
    lang.text(&key(code))
}

/// Why nothing plays; `None` where nothing failed.
pub(crate) fn failure(lang: Lang, video: &Video) -> Option<String> {
    let code = video.failure_code.as_deref().unwrap_or_default();
    let english = video.failure.as_deref();
    english.map(|english| words(lang, code, english))
}

/// One sentence for each job that is on hold, or that failed although the video plays.
pub(crate) fn warnings(lang: Lang, video: &Video) -> Vec<String> {
    let line = |warning: &Warning| {
        let why = words(lang, &warning.code, &warning.text);
        let stem = if waits(warning) { "waits" } else { "warning" };
        lang.with_words(&format!("{stem}-{}", warning.job), "why", &why)
    };
    video.warnings.iter().map(line).collect()
}

/// Whether the job is only on hold: it did not fail, and continues by itself.
fn waits(warning: &Warning) -> bool {
    WAITS.contains(&warning.code.as_str())
}

/// Whether a job failed although the video plays.
pub(crate) fn any_failed(video: &Video) -> bool {
    video.warnings.iter().any(|warning| !waits(warning))
}

/// Whether another try could end better: not where the file itself can never play.
pub(crate) fn worth_a_retry(video: &Video) -> bool {
    let code = video.failure_code.as_deref().unwrap_or_default();
    let hopeless = [
        "file_",
        "no_video",
        "external_media",
        "media_truncated",
        "source_gone",
    ];
    !hopeless.iter().any(|start| code.starts_with(start))
}

#[cfg(test)]
mod tests {
    use super::*;
    use virga_core::video::VideoState;

    #[test]
    fn what_only_waits_is_not_said_to_have_failed() {
        let mut video = crate::samples::video(VideoState::Playable);
        assert!(any_failed(&video));
        video.warnings[0].code = "quota_used".into();
        assert!(!any_failed(&video));
        let [line] = &warnings(Lang::En, &video)[..] else {
            panic!("one line");
        };
        assert!(line.starts_with("Other qualities are waiting: "), "{line}");
    }
}

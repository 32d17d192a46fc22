//! Why a video or one of its versions failed, in the reader's language.

use virga_core::{
    Code, Retry,
    wire::{Video, Warning},
};

use crate::{format::length, locale::Lang};

/// Every key, for pages whose scripts hear of failures.
pub(crate) fn keys() -> impl Iterator<Item = String> {
    let keys = Code::REASONS.iter().filter_map(|code| code.text_key());
    keys.map(str::to_owned)
}

/// English holds the figures; the other languages have a text by code.
pub(crate) fn text(lang: Lang, code: &str, english: &str) -> String {
    if lang == Lang::En && !english.is_empty() {
        return english.to_owned();
    }
    let code = Code::parse(code).filter(|code| code.is_reason());
    let key = code.unwrap_or(Code::Internal).text_key();
    lang.text(key.unwrap_or_default())
}

/// Why nothing plays; `None` where nothing failed.
pub(crate) fn failure(lang: Lang, video: &Video) -> Option<String> {
    let code = video.failure_code.as_deref().unwrap_or_default();
    let english = video.failure.as_deref();
    english.map(|english| text(lang, code, english))
}

/// What is to be known of the file, and one sentence for each job that is on hold, or that failed although the video plays.
pub(crate) fn warnings(lang: Lang, video: &Video) -> Vec<String> {
    let line = |warning: &Warning| {
        let why = text(lang, &warning.code, &warning.text);
        let stem = if waits(warning) { "waits" } else { "warning" };
        lang.with_text(&format!("{stem}-{}", warning.job), "why", &why)
    };
    let arriving = video.arriving && video.editable;
    let arriving = arriving.then(|| lang.text("note-arriving"));
    let note = note(lang, video);
    arriving
        .into_iter()
        .chain(note)
        .chain(video.warnings.iter().map(line))
        .collect()
}

/// What the owner should know of the file.
pub(crate) fn note(lang: Lang, video: &Video) -> Option<String> {
    let note = video.note.as_ref().filter(|_| video.state.plays())?;
    let read = video.duration.map(length);
    match (Code::parse(&note.code), read, note.announced.map(length)) {
        (Some(Code::EndsEarly), Some(read), Some(whole)) if read != whole => {
            let lengths = [("read", read.into()), ("whole", whole.into())];
            Some(lang.fill("note-ends_early", &lengths))
        }
        _ => Some(text(lang, &note.code, &note.text)),
    }
}

/// Whether the job is only on hold: it did not fail, and continues by itself.
fn waits(warning: &Warning) -> bool {
    Code::parse(&warning.code).is_some_and(|code| code.retry() == Retry::Automatic)
}

/// Whether a job failed although the video plays.
pub(crate) fn any_failed(video: &Video) -> bool {
    video.warnings.iter().any(|warning| !waits(warning))
}

/// Whether another try could end better: not where the file itself can never play.
pub(crate) fn worth_a_retry(video: &Video) -> bool {
    let code = video.failure_code.as_deref().unwrap_or_default();
    Code::parse(code).is_none_or(|code| code.retry() != Retry::No)
}

#[cfg(test)]
mod tests {
    use super::*;
    use virga_core::video::VideoState;

    #[test]
    fn a_file_that_ends_early_is_named_with_its_lengths() {
        let mut video = crate::fixtures::video(VideoState::Ready);
        video.warnings.clear();
        let mut says = |announced, code: &str| {
            video.note = Some(virga_core::wire::Note {
                code: code.to_owned(),
                text: "Words of the site.".to_owned(),
                announced,
            });
            [Lang::En, Lang::ZhCn].map(|lang| warnings(lang, &video).concat())
        };
        let [english, chinese] = says(Some(150.0), "ends_early");
        assert!(english.starts_with("The file ends early: "), "{english}");
        for text in [english, chinese] {
            assert!(text.contains("1:01") && text.contains("2:30"), "{text}");
        }
        let [english, chinese] = says(None, "ends_early");
        assert_eq!(english, "Words of the site.");
        assert!(chinese.contains("重新上传"), "{chinese}");
        // Of a later release.
        assert_eq!(says(None, "smells_odd")[0], "Words of the site.");
    }

    #[test]
    fn what_only_waits_is_not_said_to_have_failed() {
        let mut video = crate::fixtures::video(VideoState::Playable);
        assert!(any_failed(&video));
        video.warnings[0].code = "quota_used".into();
        assert!(!any_failed(&video));
        let [line] = &warnings(Lang::En, &video)[..] else {
            panic!("one line");
        };
        assert!(line.starts_with("Other qualities are waiting: "), "{line}");
    }
}

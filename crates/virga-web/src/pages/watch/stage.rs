//! The notice that a watch page shows while there is nothing to play.

use virga_core::{Timestamp, video::VideoState, wire::Video};

use crate::{format, locale::Lang, pages::studio::state_text, reasons};

/// The notice in place of the player.
#[derive(Clone, Debug, Default)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "what a template asks, answered before"
)]
pub(crate) struct Stage {
    pub(super) title: String,
    pub(super) text: String,
    pub(super) progress: String,
    pub(super) busy: bool,
    pub(super) retry: bool,
    pub(super) upload: bool,
    pub(super) resume: bool,
    pub(super) restore: bool,
}

impl Stage {
    pub(super) fn new(lang: Lang, now: Timestamp, video: &Video) -> Self {
        let key = match video.state {
            VideoState::Draft if video.editable => "stage-draft-own",
            VideoState::Draft => "stage-draft",
            VideoState::Uploading => "stage-uploading",
            VideoState::Processing => "stage-processing",
            VideoState::Failed => "stage-failed",
            VideoState::Deleted => "stage-deleted",
            VideoState::Playable | VideoState::Ready => return Self::default(),
        };
        let (state, mine) = (video.state, video.editable);
        Self {
            title: state_text(lang, state),
            text: reasons::failure(lang, video)
                .or_else(|| plays_in(lang, now, video))
                .unwrap_or_else(|| lang.text(key)),
            progress: format!("{:.3}", video.progress.unwrap_or(0.0).clamp(0.0, 1.0)),
            busy: state == VideoState::Processing,
            retry: mine && state == VideoState::Failed && reasons::worth_a_retry(video),
            upload: mine && state == VideoState::Draft,
            resume: mine && state == VideoState::Uploading,
            restore: mine && state == VideoState::Deleted,
        }
    }
}

/// When it can be watched, while it is being encoded.
fn plays_in(lang: Lang, now: Timestamp, video: &Video) -> Option<String> {
    let at = video
        .plays_at
        .filter(|_| video.state == VideoState::Processing)?;
    let time = format::length(at.since(now).as_secs_f64());
    Some(lang.with("stage-plays-in", "time", time))
}

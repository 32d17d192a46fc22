//! `/upload` and `/my/videos`.

use askama::Template;
use axum::{
    extract::Query,
    response::{IntoResponse, Redirect, Response},
};
use serde::Deserialize;
use virga_client::VideoQuery;
use virga_core::{
    Timestamp, VideoId,
    video::{VideoState, Visibility},
    wire::{Upload, Video},
};

use crate::{
    fault::Fault,
    frame::{Frame, query_value},
    locale::Lang,
    reasons,
    show::{self, Card},
    visit::Visit,
};

/// Words for each state, by its wire name.
pub(crate) const STATE_STRINGS: [&str; 7] = [
    "state-draft",
    "state-uploading",
    "state-processing",
    "state-playable",
    "state-ready",
    "state-failed",
    "state-deleted",
];

const UPLOAD_STRINGS: [&str; 32] = [
    "state-draft",
    "state-uploading",
    "state-processing",
    "state-playable",
    "state-ready",
    "state-failed",
    "state-deleted",
    "upload-waiting",
    "upload-checking",
    "upload-paused",
    "upload-offline",
    "upload-finishing",
    "upload-sent",
    "upload-done",
    "upload-speed",
    "upload-percent",
    "upload-saved",
    "upload-too-large",
    "upload-empty",
    "upload-other-file",
    "upload-signed-out",
    "upload-failed",
    "upload-folder",
    "problem-field-length",
    "problem-upload-quota",
    "problem-upload-too-large",
    "problem-upload-empty",
    "problem-upload-other-file",
    "problem-upload-closed",
    "problem-video-has-source",
    "problem-video-deleted",
    "problem-not-yours",
];

/// The words for a state.
pub(crate) fn state_text(lang: Lang, state: VideoState) -> String {
    lang.text(match state {
        VideoState::Draft => STATE_STRINGS[0],
        VideoState::Uploading => STATE_STRINGS[1],
        VideoState::Processing => STATE_STRINGS[2],
        VideoState::Playable => STATE_STRINGS[3],
        VideoState::Ready => STATE_STRINGS[4],
        VideoState::Failed => STATE_STRINGS[5],
        VideoState::Deleted => STATE_STRINGS[6],
    })
}

/// The words for who may see a video.
pub(crate) fn visibility_text(lang: Lang, visibility: Visibility) -> String {
    lang.text(match visibility {
        Visibility::Public => "visibility-public",
        Visibility::Unlisted => "visibility-unlisted",
        Visibility::Private => "visibility-private",
    })
}

/// `/upload`.
#[derive(Template)]
#[template(path = "upload.html")]
pub(crate) struct UploadPage {
    pub(crate) f: Frame,
    pub(crate) strings: String,
    pub(crate) upload_max: u64,
    pub(crate) upload_max_text: String,
    pub(crate) quota: String,
    /// The draft that the first file fills.
    pub(crate) target: Option<Video>,
    pub(crate) open: Vec<OpenUpload>,
}

/// An upload that can go on.
pub(crate) struct OpenUpload {
    id: String,
    file_name: String,
    size: String,
    percent: u64,
    until: String,
}

impl OpenUpload {
    pub(crate) fn new(lang: Lang, upload: &Upload) -> Self {
        Self {
            id: upload.id.to_string(),
            file_name: upload.file_name.clone(),
            size: show::bytes(upload.size),
            percent: upload.held.min(upload.size).saturating_mul(100) / upload.size.max(1),
            until: show::date(lang, upload.expires_at),
        }
    }
}

impl UploadPage {
    pub(crate) fn new(
        visit_frame: Frame,
        upload_max: u64,
        quota: String,
        target: Option<Video>,
        open: &[Upload],
    ) -> Self {
        let f = visit_frame;
        Self {
            strings: f.strings_with_reasons(&UPLOAD_STRINGS),
            upload_max,
            upload_max_text: show::bytes(upload_max),
            quota,
            target,
            open: open
                .iter()
                .map(|upload| OpenUpload::new(f.lang, upload))
                .collect(),
            f,
        }
    }
}

/// Which draft to fill.
#[derive(Debug, Default, Deserialize)]
pub(crate) struct Target {
    video: Option<String>,
}

/// `GET /upload`.
pub(crate) async fn upload(visit: Visit, Query(query): Query<Target>) -> Result<Response, Fault> {
    let quota = show::quota(visit.frame.lang, visit.me()?);
    let target = match query.video.and_then(|id| id.parse::<VideoId>().ok()) {
        Some(id) => Some(
            visit
                .api
                .video(id)
                .await
                .map_err(|error| visit.fault(&error))?,
        ),
        None => None,
    };
    let open = visit
        .api
        .uploads()
        .await
        .map_err(|error| visit.fault(&error))?;
    // Only a draft that is one's own and has nothing yet can be filled.
    let target = target.filter(|video| video.editable && video.state == VideoState::Draft);
    let (frame, max) = (visit.frame.clone(), visit.site.upload_max);
    Ok(visit.ok(&UploadPage::new(frame, max, quota, target, &open)))
}

/// `/my/videos`.
#[derive(Template)]
#[template(path = "mine.html")]
pub(crate) struct MinePage {
    pub(crate) f: Frame,
    pub(crate) strings: String,
    pub(crate) quota: String,
    pub(crate) rows: Vec<Row>,
    /// Something will change by itself.
    pub(crate) live: bool,
    pub(crate) more: Option<String>,
    pub(crate) toast: Option<Toast>,
}

/// What was just done, and how to undo it.
pub(crate) struct Toast {
    pub(crate) text: String,
    pub(crate) undo: Option<String>,
}

/// A video in its owner's list.
#[expect(
    clippy::struct_excessive_bools,
    reason = "what a template asks, answered before"
)]
pub(crate) struct Row {
    card: Card,
    state: &'static str,
    state_text: String,
    visibility: String,
    progress: String,
    failure: Option<String>,
    warnings: Vec<String>,
    purge: Option<String>,
    deleted: bool,
    unfinished: bool,
    /// Shows its progress bar.
    busy: bool,
    /// Waits for its owner to send a file.
    waiting: bool,
    draft: bool,
    retry: bool,
}

impl Row {
    pub(crate) fn new(lang: Lang, now: Timestamp, video: &Video) -> Self {
        let state = video.state;
        Self {
            card: Card::new(lang, now, video),
            state: state.as_str(),
            state_text: state_text(lang, state),
            visibility: visibility_text(lang, video.visibility),
            progress: format!("{:.3}", video.progress.unwrap_or(0.0).clamp(0.0, 1.0)),
            failure: reasons::failure(lang, video),
            warnings: reasons::warnings(lang, video),
            purge: video
                .purge_at
                .map(|at| lang.with("mine-purge", "date", show::date(lang, at))),
            deleted: state == VideoState::Deleted,
            unfinished: state.is_unfinished(),
            busy: matches!(state, VideoState::Processing | VideoState::Playable)
                && video.progress.is_some(),
            waiting: matches!(state, VideoState::Draft | VideoState::Uploading),
            draft: state == VideoState::Draft,
            retry: state == VideoState::Failed || !video.warnings.is_empty(),
        }
    }
}

impl MinePage {
    pub(crate) fn new(f: Frame, now: Timestamp, quota: String, videos: &[Video]) -> Self {
        Self {
            strings: f.strings_with_reasons(&STATE_STRINGS),
            quota,
            rows: videos
                .iter()
                .map(|video| Row::new(f.lang, now, video))
                .collect(),
            live: true,
            more: None,
            toast: None,
            f,
        }
    }
}

/// Which page of the list, and what was just done.
#[derive(Debug, Default, Deserialize)]
pub(crate) struct Asked {
    cursor: Option<String>,
    deleted: Option<String>,
    done: Option<String>,
}

/// `GET /my/videos`.
pub(crate) async fn mine(visit: Visit, Query(asked): Query<Asked>) -> Result<Response, Fault> {
    let quota = show::quota(visit.frame.lang, visit.me()?);
    if asked
        .done
        .as_deref()
        .is_some_and(|word| toast_key(word).is_none())
    {
        return Ok(Redirect::to("/my/videos").into_response());
    }
    let query = VideoQuery {
        cursor: asked.cursor,
        limit: Some(visit.state.config.page_size),
        ..VideoQuery::default()
    };
    let videos = visit
        .api
        .my_videos(&query)
        .await
        .map_err(|error| visit.fault(&error))?;
    let mut page = MinePage::new(visit.frame.clone(), visit.now, quota, &videos.items);
    page.more = videos
        .next
        .map(|next| format!("/my/videos?cursor={}", query_value(&next)));
    page.toast = match asked.deleted.and_then(|id| id.parse::<VideoId>().ok()) {
        Some(id) => deleted_toast(&visit, id).await,
        None => asked.done.as_deref().and_then(toast_key).map(|key| Toast {
            text: visit.frame.t(key),
            undo: None,
        }),
    };
    Ok(visit.ok(&page))
}

fn toast_key(word: &str) -> Option<&'static str> {
    match word {
        "purged" => Some("toast-purged"),
        "restored" => Some("toast-restored"),
        "retried" => Some("toast-retried"),
        _ => None,
    }
}

/// The undo for a delete, only where that video really is deleted and still there.
async fn deleted_toast(visit: &Visit, id: VideoId) -> Option<Toast> {
    let video = visit.api.video(id).await.ok()?;
    (video.state == VideoState::Deleted).then(|| Toast {
        text: visit.frame.tu("toast-deleted", "title", &video.title),
        undo: Some(id.to_string()),
    })
}

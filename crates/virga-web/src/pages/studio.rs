//! `/my/videos`, and the words for states.

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
    wire::Video,
};

use crate::{
    context::{PageContext, PageError},
    format::{self, Card},
    layout::{Layout, query_value},
    locale::{Lang, STATE_STRINGS},
    reasons,
};

/// Unpublished videos that the page shows at most.
const UNPUBLISHED_MAX: usize = 500;

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

/// The words for where a video stands for its owner, whose upload goes on where the video plays meanwhile.
pub(crate) fn shown_state(lang: Lang, video: &Video) -> String {
    let arriving = video.arriving.then_some(VideoState::Uploading);
    state_text(lang, arriving.unwrap_or(video.state))
}

/// The words for who may see a video.
pub(crate) fn visibility_text(lang: Lang, visibility: Visibility) -> String {
    lang.text(match visibility {
        Visibility::Public => "visibility-public",
        Visibility::Unlisted => "visibility-unlisted",
        Visibility::Private => "visibility-private",
    })
}

/// `/my/videos`.
#[derive(Template)]
#[template(path = "mine.html")]
pub(crate) struct MinePage {
    pub(crate) f: Layout,
    pub(crate) strings: String,
    pub(crate) quota: String,
    /// Videos that their owner has not published yet, above the others.
    pub(crate) unpublished: Vec<Row>,
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
    publish: Option<Publish>,
}

/// What publishing an unpublished video offers.
pub(crate) struct Publish {
    /// The visibility that it gives, in words.
    pub(crate) plan: String,
    /// The button's words.
    pub(crate) go: String,
    /// Where the form leads.
    pub(crate) next: String,
}

impl Publish {
    /// For a video, if it is unpublished.
    pub(crate) fn new(lang: Lang, video: &Video, next: &str) -> Option<Self> {
        let plan = video.publish_as?;
        let go = if plan == Visibility::Private {
            "publish-private"
        } else if video.state.plays() {
            "publish"
        } else {
            "publish-when-ready"
        };
        (video.state != VideoState::Deleted).then(|| Self {
            plan: lang.with("publish-plan", "visibility", visibility_text(lang, plan)),
            go: lang.text(go),
            next: next.to_owned(),
        })
    }
}

impl Row {
    pub(crate) fn new(lang: Lang, now: Timestamp, video: &Video) -> Self {
        let state = video.state;
        Self {
            card: Card::new(lang, now, video),
            state: state.as_str(),
            state_text: shown_state(lang, video),
            visibility: visibility_text(lang, video.visibility),
            progress: format!("{:.3}", video.progress.unwrap_or(0.0).clamp(0.0, 1.0)),
            failure: reasons::failure(lang, video),
            warnings: reasons::warnings(lang, video),
            purge: video
                .purge_at
                .map(|at| lang.with("mine-purge", "date", format::date(lang, at))),
            deleted: state == VideoState::Deleted,
            unfinished: state.is_unfinished(),
            busy: matches!(state, VideoState::Processing | VideoState::Playable)
                && video.progress.is_some(),
            waiting: matches!(state, VideoState::Draft | VideoState::Uploading) || video.arriving,
            draft: state == VideoState::Draft,
            retry: (state == VideoState::Failed && reasons::worth_a_retry(video))
                || reasons::any_failed(video),
            publish: Publish::new(lang, video, "/my/videos?done=published"),
        }
    }
}

impl MinePage {
    pub(crate) fn new(f: Layout, now: Timestamp, quota: String, videos: &[Video]) -> Self {
        Self {
            strings: f.strings_with_states(&[]),
            quota,
            unpublished: Vec::new(),
            rows: rows(&f, now, videos),
            live: true,
            more: None,
            toast: None,
            f,
        }
    }
}

fn rows(f: &Layout, now: Timestamp, videos: &[Video]) -> Vec<Row> {
    let row = |video| Row::new(f.lang, now, video);
    videos.iter().map(row).collect()
}

/// Which page of the list, and what was just done.
#[derive(Debug, Default, Deserialize)]
pub(crate) struct StudioQuery {
    cursor: Option<String>,
    deleted: Option<String>,
    done: Option<String>,
}

/// `GET /my/videos`.
pub(crate) async fn mine(
    visit: PageContext,
    Query(asked): Query<StudioQuery>,
) -> Result<Response, PageError> {
    let quota = format::quota(visit.frame.lang, visit.me()?);
    if asked
        .done
        .as_deref()
        .is_some_and(|word| toast_key(word).is_none())
    {
        return Ok(Redirect::to("/my/videos").into_response());
    }
    let first = asked.cursor.is_none();
    let query = VideoQuery {
        cursor: asked.cursor,
        limit: Some(visit.state.config.page_size),
        unpublished: Some(false),
        ..VideoQuery::default()
    };
    let (unpublished, videos) = tokio::join!(
        async {
            if first {
                unpublished(&visit).await
            } else {
                Ok(Vec::new())
            }
        },
        visit.api.my_videos(&query),
    );
    let videos = videos.map_err(|error| visit.fault(&error))?;
    let mut page = MinePage::new(visit.frame.clone(), visit.now, quota, &videos.items);
    page.unpublished = rows(&visit.frame, visit.now, &unpublished?);
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

/// Every unpublished video of the viewer: none of them is ever hidden behind a second page.
async fn unpublished(visit: &PageContext) -> Result<Vec<Video>, PageError> {
    let mut query = VideoQuery {
        limit: Some(100),
        unpublished: Some(true),
        ..VideoQuery::default()
    };
    let mut videos = Vec::new();
    loop {
        let page = visit.call(visit.api.my_videos(&query)).await?;
        // An older release does not know the question and answers with everything.
        videos.extend(page.items.into_iter().filter(|it| it.publish_as.is_some()));
        if page.next.is_none() || videos.len() >= UNPUBLISHED_MAX {
            return Ok(videos);
        }
        query.cursor = page.next;
    }
}

fn toast_key(word: &str) -> Option<&'static str> {
    match word {
        "purged" => Some("toast-purged"),
        "published" => Some("toast-published"),
        "restored" => Some("toast-restored"),
        "remade" => Some("toast-remade"),
        "retried" => Some("toast-retried"),
        "cancelled" => Some("toast-cancelled"),
        _ => None,
    }
}

/// The undo for a delete, only where that video really is deleted and still there.
async fn deleted_toast(visit: &PageContext, id: VideoId) -> Option<Toast> {
    let video = visit.api.video(id).await.ok()?;
    (video.state == VideoState::Deleted).then(|| Toast {
        text: visit.frame.tu("toast-deleted", "title", &video.title),
        undo: Some(id.to_string()),
    })
}

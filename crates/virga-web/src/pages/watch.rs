//! `/v/{id}`: the player, or a notice in its place, and the comments.

use askama::Template;
use axum::{
    extract::{Path, Query},
    response::Response,
};
use serde::Deserialize;
use virga_core::{
    CommentId, Timestamp, VideoId,
    video::{VideoState, Visibility},
    wire::{Comment, Page, Playback, Video},
};

mod linked_data;
mod stage;
mod strings;
mod texts;

use linked_data::linked_data;
use stage::Stage;
use strings::{COMMENT_STRINGS, PLAYER_STRINGS, SHARE_STRINGS, WATCH_STRINGS};
use texts::TextView;

use crate::{
    context::{PageContext, PageError},
    errors::FormErrors,
    format::{self, Card, When},
    layout::{Layout, query_value},
    pages::{
        clip::{Clip, Pairs},
        related,
        share::{Share, absolute},
        studio::{Publish, shown_state, visibility_text},
    },
    reasons,
};

/// The page.
#[derive(Template)]
#[template(path = "watch.html")]
#[expect(
    clippy::struct_excessive_bools,
    reason = "what a template asks, answered before"
)]
pub(crate) struct WatchPage {
    pub(crate) f: Layout,
    pub(crate) video: Video,
    pub(crate) state: &'static str,
    pub(crate) state_text: String,
    pub(crate) strings: String,
    pub(crate) comment_strings: String,
    pub(crate) share_strings: String,
    pub(crate) plays: bool,
    pub(crate) unfinished: bool,
    pub(crate) deleted: bool,
    /// Search engines may list it.
    pub(crate) listed: bool,
    /// The player will be wanted soon: fetch it ahead.
    pub(crate) hls_wanted: bool,
    pub(crate) hls: Option<String>,
    pub(crate) version: i64,
    /// As in `Playback`.
    pub(crate) holds: u64,
    /// As in `Playback`.
    pub(crate) loudness: Option<f64>,
    pub(crate) fallback: Option<String>,
    /// The stretch that the address asks for.
    pub(crate) clip: Option<Clip>,
    /// The same for browsers without scripts, as a media fragment.
    pub(crate) fragment: String,
    pub(crate) poster: Option<String>,
    pub(crate) storyboard: Option<String>,
    /// Subtitles and chapters.
    pub(crate) texts: Vec<TextView>,
    pub(crate) duration: Option<f64>,
    /// Width by height of the player's box.
    pub(crate) ratio: Option<String>,
    /// Where the viewer stopped last, in seconds, from the account.
    pub(crate) position: Option<f64>,
    pub(crate) stage: Stage,
    pub(crate) views: String,
    pub(crate) when: When,
    /// Said where not everyone may see it.
    pub(crate) visibility: Option<String>,
    /// Its owner has not published it yet.
    pub(crate) publish: Option<Publish>,
    pub(crate) warnings: Vec<String>,
    pub(crate) description_line: String,
    pub(crate) comment_count: String,
    pub(crate) comments: Vec<CommentView>,
    pub(crate) more_comments: Option<String>,
    pub(crate) draft: String,
    pub(crate) errors: FormErrors,
    /// How it is shared; nothing of a private video is.
    pub(crate) share: Option<Share>,
    /// The plain file of a public video, for pages that play it in place.
    pub(crate) file: Option<String>,
    /// JSON-LD of a public video.
    pub(crate) linked_data: Option<String>,
    /// Related videos, next to the player.
    pub(crate) beside: Vec<Card>,
}

/// A comment as shown.
#[expect(
    clippy::struct_excessive_bools,
    reason = "what a template asks, answered before"
)]
pub(crate) struct CommentView {
    id: String,
    author: String,
    /// Its author is an administrator.
    by_admin: bool,
    text: String,
    when: When,
    edited: bool,
    editable: bool,
    deletable: bool,
    /// Its form is open.
    editing: bool,
}

impl WatchPage {
    pub(crate) fn new(
        f: Layout,
        now: Timestamp,
        video: Video,
        playback: Option<Playback>,
        clip: Option<Clip>,
    ) -> Self {
        let lang = f.lang;
        let state = video.state;
        let playback = playback.filter(|_| state.plays());
        let plays = playback.is_some();
        let (hls, version, holds) = playback.as_ref().map_or((None, 0, 0), |found| {
            (Some(found.hls.clone()), found.version, found.holds)
        });
        let position = playback.as_ref().and_then(|found| found.position);
        let loudness = playback.as_ref().and_then(|found| found.loudness);
        let share = Share::of(&f, &video, clip);
        let listed = video.visibility == Visibility::Public && plays;
        // It is about the whole video.
        let whole = Share::of(&f, &video, None);
        let linked_data = (whole.as_ref().zip(playback.as_ref()))
            .filter(|_| listed)
            .map(|(share, playback)| linked_data(&f.base, &video, share, playback));
        let texts = playback.as_ref().map(|found| found.texts.as_slice());
        let texts = TextView::all(lang, texts.unwrap_or_default());
        let (fallback, poster, storyboard) = playback.map_or((None, None, None), |found| {
            (found.fallback, found.poster, found.storyboard)
        });
        let duration = video.duration;
        let plain = fallback
            .as_deref()
            .filter(|_| listed)
            .map(|plain| clip.map_or_else(|| plain.to_owned(), |clip| clip.file(plain, duration)));
        Self {
            state: state.as_str(),
            state_text: shown_state(lang, &video),
            strings: f.strings_with_states(&[WATCH_STRINGS, PLAYER_STRINGS].concat()),
            comment_strings: f.strings(COMMENT_STRINGS),
            share_strings: f.strings(SHARE_STRINGS),
            plays,
            unfinished: state.is_unfinished(),
            deleted: state == VideoState::Deleted,
            listed,
            hls_wanted: plays || state.is_unfinished(),
            hls,
            version,
            holds,
            loudness,
            fallback,
            clip,
            fragment: clip.map_or_else(String::new, Clip::fragment),
            poster,
            storyboard,
            texts,
            duration,
            ratio: ratio(&video),
            position,
            publish: Publish::new(lang, &video, &format!("/v/{}", video.id)),
            stage: Stage::new(lang, now, &video),
            views: format::views(lang, video.views),
            when: When::new(lang, now, video.published_at.unwrap_or(video.created_at)),
            visibility: (video.visibility != Visibility::Public)
                .then(|| visibility_text(lang, video.visibility)),
            warnings: if video.editable {
                reasons::warnings(lang, &video)
            } else {
                Vec::new()
            },
            description_line: line(&video),
            comment_count: format::count(lang, video.comments),
            comments: Vec::new(),
            more_comments: None,
            draft: String::new(),
            errors: FormErrors::default(),
            file: plain.map(|path| absolute(&f.base, &path)),
            share,
            linked_data,
            beside: Vec::new(),
            f,
            video,
        }
    }

    pub(crate) fn with_comments(
        mut self,
        now: Timestamp,
        page: Page<Comment>,
        editing: Option<CommentId>,
    ) -> Self {
        let lang = self.f.lang;
        self.comments = page
            .items
            .into_iter()
            .map(|comment| CommentView {
                id: comment.id.to_string(),
                when: When::new(lang, now, comment.created_at),
                edited: comment.edited_at.is_some(),
                editable: comment.editable,
                deletable: comment.deletable,
                editing: comment.editable && editing == Some(comment.id),
                author: comment.author,
                by_admin: comment.by_admin,
                text: comment.text,
            })
            .collect();
        self.more_comments = page
            .next
            .map(|next| format!("/v/{}?comments={}", self.video.id, query_value(&next)));
        self
    }
}

/// The film's width by height; within limits, so that the controls fit into the box.
fn ratio(video: &Video) -> Option<String> {
    let (width, height) = video.width.zip(video.height)?;
    let known = width > 0 && height > 0;
    known.then(|| {
        format!(
            "{:.4}",
            (f64::from(width) / f64::from(height)).clamp(0.5, 2.4)
        )
    })
}

/// The description's first words, or the title, for `<meta name=description>`.
fn line(video: &Video) -> String {
    let words = video
        .description
        .split_whitespace()
        .collect::<Vec<_>>()
        .join(" ");
    let text = if words.is_empty() {
        &video.title
    } else {
        &words
    };
    text.chars().take(160).collect()
}

/// Which comments, and which of them in its form.
#[derive(Debug, Default, Deserialize)]
pub(crate) struct WatchQuery {
    comments: Option<String>,
    edit: Option<String>,
}

/// `GET /v/{id}`.
pub(crate) async fn show(
    visit: PageContext,
    Path(id): Path<String>,
    Query(asked): Query<WatchQuery>,
    Query(pairs): Query<Pairs>,
) -> Result<Response, PageError> {
    let id: VideoId = visit.id(&id)?;
    let page = load(&visit, id, asked, &pairs).await?;
    Ok(visit.ok(&page))
}

/// The page with everything that the API knows for it.
pub(crate) async fn load(
    visit: &PageContext,
    id: VideoId,
    asked: WatchQuery,
    pairs: &[(String, String)],
) -> Result<WatchPage, PageError> {
    let video = visit.call(visit.api.video(id)).await?;
    let editing = asked.edit.and_then(|id| id.parse().ok());
    let deleted = video.state == VideoState::Deleted;
    // Deleted permanently: only its last bytes are still being removed.
    if deleted && video.purge_at.is_some_and(|at| at <= visit.now) {
        return Err(visit.status(http::StatusCode::NOT_FOUND));
    }
    let (playback, comments, beside) = tokio::join!(
        async {
            if video.state.plays() {
                visit.api.playback(id).await.map(Some)
            } else {
                Ok(None)
            }
        },
        async {
            if deleted {
                Ok(None)
            } else {
                let cursor = asked.comments.as_deref();
                visit.api.comments(id, cursor).await.map(Some)
            }
        },
        related::of(visit, &video)
    );
    // 409: it stopped playing between the two calls; the page then shows its state.
    let playback = match playback {
        Err(error) if error.status() == Some(409) => None,
        other => other.map_err(|error| visit.fault(&error))?,
    };
    let comments = comments.map_err(|error| visit.fault(&error))?;
    let clip = Clip::asked(pairs, video.duration);
    let mut page = WatchPage::new(visit.frame.clone(), visit.now, video, playback, clip);
    page.beside = beside;
    Ok(match comments {
        Some(comments) => page.with_comments(visit.now, comments, editing),
        None => page,
    })
}

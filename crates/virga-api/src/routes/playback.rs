//! Playing a video: its addresses, where a viewer stopped, views.

use axum::{
    extract::State,
    response::{IntoResponse, Response},
};
use http::{HeaderValue, StatusCode, header};
use std::time::Duration;
use virga_app::require;
use virga_core::{
    Code, Failure, MediaKey, VideoId,
    paths::MediaFile,
    permission::Action,
    video::VideoState,
    wire::{Playback, Position, ViewReport},
};
use virga_db::{VideoRow, positions, tracks, views::ViewMark};
use virga_http::{Json, Path, Result};

use crate::{
    ApiState,
    caller::{Caller, SignedIn},
    to_wire,
};

/// No video is longer: the largest `limits.max_duration_seconds` that makes sense.
const LONGEST: Duration = Duration::from_secs(7 * 24 * 3600);

/// Addresses to play; 409 with the state before anything plays.
#[utoipa::path(get, path = "/videos/{id}/playback", tag = "videos",
    params(("id" = VideoId, Path)), security((), ("token" = [])),
    responses((status = 200, body = Playback), (status = 409)))]
pub(crate) async fn playback(
    State(state): State<ApiState>,
    caller: Caller,
    Path(id): Path<VideoId>,
) -> Result<Response> {
    let row = require(&state.app, &caller.viewer, id, Action::Play).await?;
    if !row.state.plays() {
        return Err(nothing_plays(&row).into());
    }
    if row.published_version < row.presentation_version
        && let Err(failed) = state.app.publish(id).await
        && row.published_version == 0
    {
        return Err(failed.into());
    }
    let (path, expires_at) = to_wire::media_paths(&state, &row);
    // Tracks that grow have rows of their own, and those of an upload that arrives are not whole.
    let whole = row.state == VideoState::Ready
        || row.source_key.is_some() && tracks::any(state.app.db.read(), id).await?;
    let path_of = |key: Option<&MediaKey>, file| key.map(|_| path(file));
    let playback = Playback {
        hls: path(MediaFile::Multivariant),
        dash: whole.then(|| path(MediaFile::Manifest)),
        fallback: path_of(row.fallback_key.as_ref(), MediaFile::Fallback),
        poster: path_of(row.poster_key.as_ref(), MediaFile::Poster(0)),
        storyboard: path_of(row.storyboard_key.as_ref(), MediaFile::Storyboard),
        texts: to_wire::texts(&row, &path),
        expires_at,
        version: row.presentation_version,
        holds: state.delivery.holds_for().as_secs(),
        duration: to_wire::seconds(row.duration),
        loudness: row.loudness.map(|hundredths| f64::from(hundredths) / 100.0),
        position: position(&state, &caller, id).await?,
    };
    let private = [(
        header::CACHE_CONTROL,
        HeaderValue::from_static("private, no-cache"),
    )];
    Ok((private, Json(playback)).into_response())
}

async fn position(state: &ApiState, caller: &Caller, id: VideoId) -> Result<Option<f64>> {
    let Some(user) = caller.viewer.user_id() else {
        return Ok(None);
    };
    let at = positions::find(state.app.db.read(), user, id).await;
    Ok(at?.map(|at| at.as_secs_f64()))
}

/// Notes where the signed-in viewer is, to go on there on another machine.
#[utoipa::path(put, path = "/videos/{id}/position", tag = "videos",
    params(("id" = VideoId, Path)), request_body = Position, responses((status = 204)))]
pub(crate) async fn put_position(
    State(state): State<ApiState>,
    caller: Caller,
    signed_in: SignedIn,
    Path(id): Path<VideoId>,
    Json(position): Json<Position>,
) -> Result<StatusCode> {
    let user = signed_in.user.id;
    require(&state.app, &caller.viewer, id, Action::Play).await?;
    let at = Duration::try_from_secs_f64(position.seconds)
        .ok()
        .filter(|at| *at <= LONGEST)
        .ok_or_else(|| {
            Failure::field("seconds", Code::PositionInvalid, "Give seconds, 0 or more.")
        })?;
    let now = state.app.clock.now();
    positions::put(state.app.db.write(), user, id, at, now).await?;
    Ok(StatusCode::NO_CONTENT)
}

fn nothing_plays(row: &VideoRow) -> Failure {
    let (code, detail) = match row.state {
        VideoState::Draft => (Code::VideoDraft, "This video has no file yet."),
        VideoState::Uploading => (Code::VideoUploading, "This video is still being uploaded."),
        VideoState::Failed => (Code::VideoFailed, "This video cannot be played."),
        _ => (
            Code::VideoProcessing,
            "This video is being made ready. Try again in a moment.",
        ),
    };
    let failure = Failure::new(code, detail);
    if row.state == VideoState::Processing {
        failure.after(1)
    } else {
        failure
    }
}

/// Someone saw 10 seconds or 30 %.
#[utoipa::path(post, path = "/videos/{id}/views", tag = "videos",
    params(("id" = VideoId, Path)), request_body = ViewReport,
    security((), ("token" = [])), responses((status = 204)))]
pub(crate) async fn report_view(
    State(state): State<ApiState>,
    caller: Caller,
    Path(id): Path<VideoId>,
    Json(report): Json<ViewReport>,
) -> Result<StatusCode> {
    let row = require(&state.app, &caller.viewer, id, Action::Play).await?;
    #[expect(clippy::cast_precision_loss, reason = "2^53 µs are 285 years")]
    let duration = row.duration.unwrap_or(0) as f64 / 1e6;
    let enough = report.watched >= (duration * 0.3).min(10.0);
    if !row.state.plays() || !report.watched.is_finite() || !enough {
        let detail = "A view counts after 10 seconds or 30 % of the video.";
        return Err(Failure::field("watched", Code::ViewTooShort, detail).into());
    }
    let viewer = match caller.viewer.user_id() {
        Some(id) => id.to_string(),
        None => virga_app::hash_token(&format!("view {}", caller.network()))[..32].to_owned(),
    };
    state.views.note(ViewMark {
        video: id,
        viewer,
        at: state.app.clock.now(),
    });
    Ok(StatusCode::NO_CONTENT)
}

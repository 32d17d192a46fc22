//! Videos: lists, one video, its changes, where its source is.

use axum::{
    extract::State,
    response::{IntoResponse, Response},
};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use serde::Deserialize;
use virga_app::{Change, Changed, require};
use virga_core::{
    Code, Failure, MediaKey, VideoId,
    paths::{SourceTicket, Ticket},
    permission::{Action, Viewer, authorize},
    text,
    video::Visibility,
    wire::{NewVideo, Page, Sort, Video, VideoPatch},
};
use virga_db::{
    VideoRow, uploads,
    videos::{self, Listing, NewVideoRow},
};
use virga_http::{
    Json, Path, Query, Result,
    paging::{self, PageQuery},
};

use crate::{
    ApiState,
    caller::{Caller, SignedIn},
    idempotency::IdempotencyKey,
    routes::{accounts::find_user, uploads::TICKET_LIFE},
    to_wire,
};

/// `?sort=&q=`
#[derive(Debug, Default, Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct ListQuery {
    /// `new` (default) or `popular`.
    sort: Option<Sort>,
    /// Words in the title.
    q: Option<String>,
}

/// `?unpublished=`
#[derive(Debug, Default, Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct MineQuery {
    /// `true`: only videos that their owner has not published yet; `false`: only the others.
    unpublished: Option<bool>,
}

async fn list(
    state: &ApiState,
    caller: &Caller,
    (query, page): (ListQuery, PageQuery),
    owner: Option<virga_core::UserId>,
    mine: Option<MineQuery>,
) -> Result<Json<Page<Video>>> {
    let words: Option<String> = query.q.map(|words| words.chars().take(200).collect());
    let everything = mine.is_some();
    let listing = Listing {
        owner,
        everything,
        unpublished: mine.and_then(|mine| mine.unpublished),
        now: state.app.clock.now(),
        sort: query.sort.unwrap_or_default(),
        query: words.as_deref(),
        after: page.after()?,
        limit: page.limit()? + 1,
    };
    let mut rows = if everything {
        videos::list(state.app.db.read(), &listing).await
    } else {
        let listing = &listing;
        let list = |c| async move { videos::list(&c, listing).await };
        state.app.db.read_lagging(list).await
    }?;
    let key = |row: &VideoRow| videos::cursor(&listing, row);
    let next = paging::cut(&mut rows, listing.limit - 1, key);
    if !everything && state.app.db.has_replica() {
        rows = still_listed(state, rows).await?;
    }
    let items = to_wire::videos(state, &caller.viewer, rows, everything).await?;
    Ok(Json(Page { items, next }))
}

/// Reads the videos that a replica listed from the primary again, and drops those that are no longer
/// public.
async fn still_listed(state: &ApiState, found: Vec<VideoRow>) -> Result<Vec<VideoRow>> {
    let ids: Vec<_> = found.iter().map(|row| row.id).collect();
    let mut now = videos::find_many(state.app.db.read(), &ids).await?;
    now.retain(|row| row.visibility == Visibility::Public && row.state.plays());
    now.sort_by_key(|row| ids.iter().position(|id| *id == row.id));
    Ok(now)
}

/// Public videos that play.
#[utoipa::path(get, path = "/videos", tag = "videos", params(ListQuery, PageQuery),
    security((), ("token" = [])), responses((status = 200, body = Page<Video>)))]
pub(crate) async fn list_public(
    State(state): State<ApiState>,
    caller: Caller,
    Query(query): Query<ListQuery>,
    Query(page): Query<PageQuery>,
) -> Result<Json<Page<Video>>> {
    list(&state, &caller, (query, page), None, None).await
}

/// Public videos of an account.
#[utoipa::path(get, path = "/users/{name}/videos", tag = "videos",
    params(("name" = String, Path), ListQuery, PageQuery), security((), ("token" = [])),
    responses((status = 200, body = Page<Video>)))]
pub(crate) async fn list_of_user(
    State(state): State<ApiState>,
    caller: Caller,
    Path(name): Path<String>,
    Query(query): Query<ListQuery>,
    Query(page): Query<PageQuery>,
) -> Result<Json<Page<Video>>> {
    let owner = find_user(&state, &name).await?;
    list(&state, &caller, (query, page), Some(owner.id), None).await
}

/// One's own videos in every state, newest first.
#[utoipa::path(get, path = "/users/me/videos", tag = "videos", params(ListQuery, PageQuery, MineQuery),
    responses((status = 200, body = Page<Video>)))]
pub(crate) async fn list_mine(
    State(state): State<ApiState>,
    caller: Caller,
    signed: SignedIn,
    Query(query): Query<ListQuery>,
    Query(page): Query<PageQuery>,
    Query(mine): Query<MineQuery>,
) -> Result<Json<Page<Video>>> {
    list(
        &state,
        &caller,
        (query, page),
        Some(signed.user.id),
        Some(mine),
    )
    .await
}

/// A draft. The same request with the same `Idempotency-Key` makes no second one.
#[utoipa::path(post, path = "/videos", operation_id = "create_video", tag = "videos", request_body = NewVideo,
    params(("idempotency-key" = Option<String>, Header)),
    responses((status = 201, body = Video), (status = 409)))]
pub(crate) async fn create(
    State(state): State<ApiState>,
    caller: Caller,
    signed: SignedIn,
    key: IdempotencyKey,
    Json(new): Json<NewVideo>,
) -> Result<Response> {
    let id = key.id_bytes(&state, "new-video", signed.user.id, &new);
    let row = NewVideoRow {
        id: VideoId::from_bytes(id),
        owner: signed.user.id,
        title: text::title(&new.title)?,
        description: text::description(&new.description)?,
        visibility: new
            .publish_as
            .map_or(new.visibility, |_| Visibility::Private),
        publish_as: new.publish_as,
    };
    state
        .accept_text(row.owner, &[&row.title, &row.description])
        .await?;
    let most = state.config.get().limits.drafts_per_user;
    state.app.create_video(&row, most).await?;
    let stored = require(&state.app, &caller.viewer, row.id, Action::View).await?;
    let shown = to_wire::one(&state, &caller.viewer, stored).await?;
    Ok((StatusCode::CREATED, Json(shown)).into_response())
}

/// The same on 200 and 304; what is shown depends on who asks.
fn validators(tag: HeaderValue) -> [(HeaderName, HeaderValue); 3] {
    [
        (header::ETAG, tag),
        (
            header::CACHE_CONTROL,
            HeaderValue::from_static("private, no-cache"),
        ),
        (header::VARY, HeaderValue::from_static("accept-encoding")),
    ]
}

/// A weak tag over what the answer says.
fn etag(video: &Video) -> HeaderValue {
    let text = serde_json::to_string(video).unwrap_or_default();
    let rest = virga_app::hash_token(&text);
    let tag = format!("W/\"{}.{}\"", video.edit_tag(), &rest[..20]);
    HeaderValue::from_str(&tag).unwrap_or_else(|_| HeaderValue::from_static("W/\"0\""))
}

/// Whether `If-Match` names the video as it is: by its whole tag of any moment since the last edit,
/// or by the tag of what is edited alone.
fn still_matches(expected: &HeaderValue, video: &Video) -> bool {
    let Ok(text) = expected.to_str() else {
        return false;
    };
    let text = text.trim();
    let tag = text.strip_prefix("W/").unwrap_or(text).trim_matches('"');
    text == "*" || tag.split('.').next() == Some(video.edit_tag().as_str())
}

/// A video.
#[utoipa::path(get, path = "/videos/{id}", operation_id = "read_video", tag = "videos", params(("id" = VideoId, Path)),
    security((), ("token" = [])),
    responses((status = 200, body = Video), (status = 304, description = "Not modified")))]
pub(crate) async fn read(
    State(state): State<ApiState>,
    caller: Caller,
    Path(id): Path<VideoId>,
    headers: HeaderMap,
) -> Result<Response> {
    let row = require(&state.app, &caller.viewer, id, Action::View).await?;
    let shown = to_wire::one(&state, &caller.viewer, row).await?;
    let tag = etag(&shown);
    if headers.get(header::IF_NONE_MATCH) == Some(&tag) {
        return Ok((StatusCode::NOT_MODIFIED, validators(tag)).into_response());
    }
    let headers = validators(tag);
    Ok((headers, Json(shown)).into_response())
}

/// Changes words or visibility.
#[utoipa::path(patch, path = "/videos/{id}", operation_id = "edit_video", tag = "videos", params(("id" = VideoId, Path)),
    request_body = VideoPatch,
    security((), ("token" = [])), responses((status = 401), (status = 200, body = Video), (status = 409), (status = 412)))]
pub(crate) async fn edit(
    State(state): State<ApiState>,
    caller: Caller,
    Path(id): Path<VideoId>,
    headers: HeaderMap,
    Json(patch): Json<VideoPatch>,
) -> Result<Response> {
    if let Some(user) = caller.viewer.user_id() {
        let texts = [&patch.title, &patch.description].map(|text| text.as_deref().unwrap_or(""));
        state.accept_text(user, &texts).await?;
    }
    let expected = headers.get(header::IF_MATCH);
    let edit = state.app.change(id, |change| {
        write_edit(&state, &caller.viewer, change, expected, &patch)
    });
    edit.await?;
    let row = require(&state.app, &caller.viewer, id, Action::View).await?;
    let shown = to_wire::one(&state, &caller.viewer, row).await?;
    Ok(([(header::ETAG, etag(&shown))], Json(shown)).into_response())
}

/// Read and written under one lock: of two edits the second sees the first.
async fn write_edit(
    state: &ApiState,
    viewer: &Viewer,
    change: Change,
    expected: Option<&HeaderValue>,
    patch: &VideoPatch,
) -> Result<Changed<()>, Failure> {
    let (tx, id, row) = (&change.tx, change.video, change.row()?);
    authorize(viewer, row.facts(), Action::Edit)?;
    if let Some(expected) = expected {
        let shown = to_wire::one(state, viewer, row.clone()).await?;
        if !still_matches(expected, &shown) {
            let detail = "This video was changed in the meantime. Load it again.";
            return Err(Failure::new(Code::VideoChanged, detail));
        }
    }
    let title = patch
        .title
        .as_deref()
        .map_or(Ok(row.title.clone()), text::title)?;
    let description = patch
        .description
        .as_deref()
        .map_or(Ok(row.description.clone()), text::description)?;
    videos::describe(tx, id, &title, &description).await?;
    let changed = patch
        .visibility
        .filter(|to| *to != row.visibility || row.planned().is_some());
    if let Some(to) = changed {
        videos::set_visibility(tx, row, to, change.now).await?;
    } else if let Some(to) = patch.publish_as {
        if row.planned().is_none() {
            let detail = "This video is published already. VideoChange its visibility instead.";
            return Err(Failure::new(Code::VideoPublished, detail));
        }
        videos::set_publish_as(tx, id, to).await?;
    }
    Ok(change.store(()).await?)
}

/// `?now=true`
#[derive(Debug, Default, Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct DeleteQuery {
    /// For ever, without the undo window.
    #[serde(default)]
    now: bool,
}

/// Deletes a video; it can be restored for a while unless `now`.
#[utoipa::path(delete, path = "/videos/{id}", operation_id = "delete_video", tag = "videos",
    params(("id" = VideoId, Path), DeleteQuery),
    security((), ("token" = [])), responses((status = 401), (status = 200, body = Video)))]
pub(crate) async fn delete(
    State(state): State<ApiState>,
    caller: Caller,
    Path(id): Path<VideoId>,
    Query(query): Query<DeleteQuery>,
) -> Result<Json<Video>> {
    let row = require(&state.app, &caller.viewer, id, Action::Delete).await?;
    let row = state.app.delete_video(&row, query.now).await?;
    Ok(Json(to_wire::one(&state, &caller.viewer, row).await?))
}

/// Takes a deletion back.
#[utoipa::path(post, path = "/videos/{id}/restore", operation_id = "restore_video", tag = "videos",
    params(("id" = VideoId, Path)),
    security((), ("token" = [])), responses((status = 401), (status = 200, body = Video), (status = 409)))]
pub(crate) async fn restore(
    State(state): State<ApiState>,
    caller: Caller,
    Path(id): Path<VideoId>,
) -> Result<Json<Video>> {
    require(&state.app, &caller.viewer, id, Action::Delete).await?;
    let row = state.app.restore_video(id).await?;
    Ok(Json(to_wire::one(&state, &caller.viewer, row).await?))
}

/// `?all=true`
#[derive(Debug, Default, Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct RetryQuery {
    /// Rebuild everything that is made from the file, even jobs that did not fail.
    #[serde(default)]
    all: bool,
}

/// Tries again what failed.
#[utoipa::path(post, path = "/videos/{id}/retry", operation_id = "retry_video", tag = "videos",
    params(("id" = VideoId, Path), RetryQuery),
    security((), ("token" = [])), responses((status = 401), (status = 202, body = Video), (status = 409)))]
pub(crate) async fn retry(
    State(state): State<ApiState>,
    caller: Caller,
    Path(id): Path<VideoId>,
    Query(query): Query<RetryQuery>,
) -> Result<Response> {
    require(&state.app, &caller.viewer, id, Action::Edit).await?;
    let row = if query.all {
        state.app.remake_video(id).await?;
        virga_app::find_video(&state.app, id).await?
    } else {
        state.app.retry_video(id).await?
    };
    let shown = to_wire::one(&state, &caller.viewer, row).await?;
    Ok((StatusCode::ACCEPTED, Json(shown)).into_response())
}

/// Stops the work on a video that waits or runs; what plays already stays.
#[utoipa::path(post, path = "/videos/{id}/cancel", operation_id = "cancel_video", tag = "videos",
    params(("id" = VideoId, Path)),
    security((), ("token" = [])), responses((status = 401), (status = 200, body = Video), (status = 409)))]
pub(crate) async fn cancel(
    State(state): State<ApiState>,
    caller: Caller,
    Path(id): Path<VideoId>,
) -> Result<Json<Video>> {
    require(&state.app, &caller.viewer, id, Action::Edit).await?;
    let row = state.app.cancel_video(id).await?;
    Ok(Json(to_wire::one(&state, &caller.viewer, row).await?))
}

/// The uploaded file, for its owner, as a download: leads to an address that holds for a quarter of an
/// hour.
#[utoipa::path(get, path = "/videos/{id}/source", operation_id = "read_source", tag = "videos",
    params(("id" = VideoId, Path)), security((), ("token" = [])),
    responses((status = 401), (status = 302, description = "The file is at `location`",
        headers(("location" = String))), (status = 403), (status = 409)))]
pub(crate) async fn source(
    State(state): State<ApiState>,
    caller: Caller,
    Path(id): Path<VideoId>,
) -> Result<Response> {
    let row = require(&state.app, &caller.viewer, id, Action::Edit).await?;
    let upload = row.source_key.as_ref().and_then(MediaKey::upload);
    let upload = upload.ok_or_else(|| Failure::not_found("file"))?;
    let found = uploads::find(state.app.db.read(), upload).await?;
    let name = found.map(|it| it.file_name).filter(|it| !it.is_empty());
    let ticket = SourceTicket {
        video: id,
        upload,
        name: name.unwrap_or_else(|| id.to_string()),
        expires: state.app.clock.now().plus(TICKET_LIFE),
    };
    Ok(virga_http::redirect(&ticket.to_path(&state.keys))?)
}

//! Comments under a video.

use axum::{
    extract::State,
    response::{IntoResponse, Response},
};
use http::StatusCode;
use virga_app::require;
use virga_core::{
    Code, CommentId, Failure, VideoId,
    permission::Action,
    text,
    wire::{Comment, NewComment, Page},
};
use virga_db::{DbError, VideoRow, accounts, comments, comments::CommentRow};
use virga_http::{
    Json, Path, Query, Result,
    paging::{self, PageQuery},
};

use crate::{
    ApiState,
    caller::{Caller, SignedIn},
    idempotency::IdempotencyKey,
    to_wire,
};

/// Comments, newest first.
#[utoipa::path(get, path = "/videos/{id}/comments", operation_id = "list_comments", tag = "comments",
    params(("id" = VideoId, Path), PageQuery),
    security((), ("token" = [])), responses((status = 200, body = Page<Comment>)))]
pub(crate) async fn list(
    State(state): State<ApiState>,
    caller: Caller,
    Path(id): Path<VideoId>,
    Query(query): Query<PageQuery>,
) -> Result<Json<Page<Comment>>> {
    let video = require(&state.app, &caller.viewer, id, Action::View).await?;
    let after: Option<(i64, String)> = query.after()?;
    let limit = query.limit()?;
    let after = after.as_ref();
    let page = |c| async move {
        let rows = comments::page(&c, id, after, limit + 1).await?;
        let authors = accounts::authors(&c, rows.iter().map(|row| row.author)).await?;
        Ok((rows, authors))
    };
    // Who may have written one a moment ago sees it.
    let (mut rows, authors) = if caller.viewer.user_id().is_some() {
        page(state.app.db.read().clone()).await
    } else {
        state.app.db.read_lagging(page).await
    }?;
    let key = |row: &CommentRow| (row.created_at.0, row.id.to_string());
    let next = paging::cut(&mut rows, limit, key);
    let show = |row| to_wire::comment(&caller.viewer, video.owner, row, &authors);
    Ok(Json(Page {
        items: rows.into_iter().map(show).collect(),
        next,
    }))
}

async fn show(
    state: &ApiState,
    caller: &Caller,
    video: &VideoRow,
    row: CommentRow,
) -> Result<Comment> {
    let authors = accounts::authors(state.app.db.read(), [row.author]).await?;
    Ok(to_wire::comment(&caller.viewer, video.owner, row, &authors))
}

/// The comment that an earlier, equal request wrote.
async fn written_before(state: &ApiState, row: &CommentRow) -> Result<Option<CommentRow>> {
    let found = comments::find(state.app.db.read(), row.video, row.id).await?;
    Ok(found.filter(|found| found.author == row.author))
}

/// Writes a comment. Its author is who is signed in. The same request with the same
/// `Idempotency-Key` writes no second one.
#[utoipa::path(post, path = "/videos/{id}/comments", operation_id = "write_comment", tag = "comments",
    params(("id" = VideoId, Path), ("idempotency-key" = Option<String>, Header)), request_body = NewComment,
    responses((status = 201, body = Comment), (status = 409)))]
pub(crate) async fn write(
    State(state): State<ApiState>,
    caller: Caller,
    signed: SignedIn,
    key: IdempotencyKey,
    Path(id): Path<VideoId>,
    Json(new): Json<NewComment>,
) -> Result<Response> {
    let video = require(&state.app, &caller.viewer, id, Action::Comment).await?;
    let author = signed.user.id;
    let text = text::comment(&new.text)?;
    let row = CommentRow {
        id: CommentId::from_bytes(key.id_bytes(&state, "new-comment", author, &(id, &text))),
        video: id,
        author,
        text,
        created_at: state.app.clock.now(),
        edited_at: None,
    };
    if key.is_given()
        && let Some(before) = written_before(&state, &row).await?
    {
        let shown = show(&state, &caller, &video, before).await?;
        return Ok((StatusCode::CREATED, Json(shown)).into_response());
    }
    state.accept_text(row.author, &[&row.text]).await?;
    state.limits().comments.take(&row.author).await?;
    let new = &row;
    let added = state.app.transaction(|tx| async move {
        let added = comments::insert(&tx, new).await?;
        tx.store(added).await
    });
    let row = match added.await {
        Ok(true) => row,
        Ok(false) => return Err(Failure::not_found("video").into()),
        // The same request was on its way twice, and the other one was first.
        Err(DbError::Duplicate(error)) => written_before(&state, &row)
            .await?
            .ok_or_else(|| Failure::from(DbError::Duplicate(error)))?,
        Err(other) => return Err(Failure::from(other).into()),
    };
    let shown = show(&state, &caller, &video, row).await?;
    Ok((StatusCode::CREATED, Json(shown)).into_response())
}

async fn find(
    state: &ApiState,
    caller: &Caller,
    (id, comment): (VideoId, CommentId),
) -> Result<(VideoRow, CommentRow)> {
    let video = require(&state.app, &caller.viewer, id, Action::Comment).await?;
    let row = comments::find(state.app.db.read(), id, comment)
        .await?
        .ok_or_else(|| Failure::not_found("comment"))?;
    Ok((video, row))
}

fn not_yours() -> Failure {
    Failure::new(Code::NotYours, "This comment was written by someone else.")
}

/// Edits one's own comment.
#[utoipa::path(patch, path = "/videos/{id}/comments/{comment}", operation_id = "edit_comment", tag = "comments",
    params(("id" = VideoId, Path), ("comment" = CommentId, Path)), request_body = NewComment,
    security((), ("token" = [])), responses((status = 401), (status = 200, body = Comment), (status = 409)))]
pub(crate) async fn edit(
    State(state): State<ApiState>,
    caller: Caller,
    Path(ids): Path<(VideoId, CommentId)>,
    Json(new): Json<NewComment>,
) -> Result<Json<Comment>> {
    let (video, mut row) = find(&state, &caller, ids).await?;
    if caller.viewer.user_id() != Some(row.author) {
        return Err(not_yours().into());
    }
    row.text = text::comment(&new.text)?;
    state.accept_text(row.author, &[&row.text]).await?;
    let now = state.app.clock.now();
    row.edited_at = Some(now);
    comments::edit(state.app.db.write(), row.id, &row.text, now).await?;
    Ok(Json(show(&state, &caller, &video, row).await?))
}

/// Deletes a comment: its author, the video's owner, or an administrator.
#[utoipa::path(delete, path = "/videos/{id}/comments/{comment}", operation_id = "delete_comment", tag = "comments",
    params(("id" = VideoId, Path), ("comment" = CommentId, Path)),
    security((), ("token" = [])), responses((status = 401), (status = 204), (status = 409)))]
pub(crate) async fn delete(
    State(state): State<ApiState>,
    caller: Caller,
    Path(ids): Path<(VideoId, CommentId)>,
) -> Result<StatusCode> {
    let (video, row) = find(&state, &caller, ids).await?;
    let me = caller.viewer.user_id();
    if me != Some(row.author) && me != Some(video.owner) && !caller.viewer.is_admin() {
        return Err(not_yours().into());
    }
    let removed = state.app.transaction(|tx| async move {
        comments::delete(&tx, row.video, row.id).await?;
        Ok::<_, Failure>(tx.store(()).await?)
    });
    removed.await?;
    Ok(StatusCode::NO_CONTENT)
}

//! For the site's other roles only: the feed of changes, and files that came by a plain form.

use axum::extract::State;
use http::StatusCode;
use serde::Deserialize;
use std::time::Duration;
use virga_core::{
    Code, Failure, UploadId,
    wire::{Changes, FormFile},
};
use virga_http::{Json, Path, Query, Result};

use crate::{ApiState, caller::Vouched};

const PATIENCE: Duration = Duration::from_secs(20);

/// `?after=`
#[derive(Debug, Deserialize)]
pub(crate) struct After {
    after: Option<String>,
}

/// Long poll: answers at once where there is something, else after a while with nothing.
pub(crate) async fn changes(
    State(state): State<ApiState>,
    _: Vouched,
    Query(query): Query<After>,
) -> Result<Json<Changes>> {
    let poll = state
        .feed
        .poll(&state.app, query.after.as_deref(), PATIENCE);
    let answer = state.stop.run_until_cancelled(poll).await;
    let stopping = || Failure::new(Code::Stopping, "Stopping.").after(1);
    Ok(Json(answer.ok_or_else(stopping)??))
}

/// The beginning and the end of an upload are held.
pub(crate) async fn look_early(
    State(state): State<ApiState>,
    _: Vouched,
    Path(id): Path<UploadId>,
) -> Result<StatusCode> {
    state.app.look_early(id).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// A form's file is written and about to be named.
pub(crate) async fn claim_form(
    State(state): State<ApiState>,
    _: Vouched,
    Json(file): Json<FormFile>,
) -> Result<StatusCode> {
    state.app.claim_form(&file).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// A form's file stands.
pub(crate) async fn finish_form(
    State(state): State<ApiState>,
    _: Vouched,
    Path(id): Path<UploadId>,
) -> Result<StatusCode> {
    state.app.finish_form(id).await?;
    Ok(StatusCode::NO_CONTENT)
}

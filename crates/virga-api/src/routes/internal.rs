//! For the site's other roles only: the feed of changes.

use axum::extract::State;
use serde::Deserialize;
use std::time::Duration;
use virga_core::{Failure, wire::Changes};
use virga_http::{Json, Query, Result};

use crate::{ApiState, caller::Caller};

const PATIENCE: Duration = Duration::from_secs(20);

/// `?after=`
#[derive(Debug, Deserialize)]
pub(crate) struct After {
    after: Option<String>,
}

/// Long poll: answers at once where there is something, else after a while with nothing.
pub(crate) async fn changes(
    State(state): State<ApiState>,
    caller: Caller,
    Query(query): Query<After>,
) -> Result<Json<Changes>> {
    if !caller.vouched {
        return Err(Failure::not_found("thing at this address").into());
    }
    let poll = state.feed.poll(query.after.as_deref(), PATIENCE);
    let answer = state.stop.run_until_cancelled(poll).await;
    let stopping = || Failure::new(virga_core::Kind::Unavailable, "stopping", "Stopping.").after(1);
    Ok(Json(answer.ok_or_else(stopping)?))
}

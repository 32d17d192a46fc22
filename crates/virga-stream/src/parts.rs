//! `PUT /up/{upload}/{number}`: one part of an upload, permitted by the signature in its address.

use axum::{
    body::BodyDataStream,
    extract::{Request, State},
    response::{IntoResponse, Response},
};
use futures_util::{StreamExt, TryStreamExt};
use http::{HeaderMap, HeaderValue, StatusCode, header};
use std::time::Duration;
use virga_client::ApiCaller;
use virga_core::{
    Code, Failure,
    paths::{PartTicket, Ticket},
    upload::PartSpan,
    with_causes,
};

use crate::{StreamState, body::drain, caller::as_caller};

/// So long the answer to a part waits for api.
const PATIENCE: Duration = Duration::from_secs(2);

/// Takes a part in.
pub(crate) async fn put(
    State(state): State<StreamState>,
    request: Request,
) -> virga_http::Result<Response> {
    let api = as_caller(&state, &request);
    let (head, body) = request.into_parts();
    let mut body = body.into_data_stream();
    let taken = take(&state, &api, &head, &mut body).await;
    // A client that waits for "100 Continue" has sent no body, so the refusal reaches it.
    let waits = head.headers.contains_key(header::EXPECT);
    if let Err(failure) = &taken
        && failure.code != Code::UploadPartBroken
        && !waits
    {
        drain(&mut body).await;
    }
    let sha256 = taken?;
    let mut response = StatusCode::NO_CONTENT.into_response();
    if let Ok(etag) = HeaderValue::from_str(&format!("\"{sha256}\"")) {
        response.headers_mut().insert(header::ETAG, etag);
    }
    Ok(response)
}

async fn take(
    state: &StreamState,
    api: &ApiCaller,
    head: &http::request::Parts,
    body: &mut BodyDataStream,
) -> Result<String, Failure> {
    let ticket: PartTicket = permitted(state, &head.uri)?;
    if state.presentations.refused().contains(ticket.upload) {
        let detail = "This account is blocked. Ask an administrator of this site.";
        return Err(Failure::new(Code::AccountBlocked, detail));
    }
    check_length(&head.headers, ticket.size)?;
    check_room(state, ticket.size).await?;
    let incoming = body.map_err(Into::into).boxed();
    let span = PartSpan {
        offset: ticket.offset,
        size: ticket.size,
    };
    let put = state
        .sessions
        .put_part(ticket.upload, ticket.number, span, incoming);
    let sha256 = put.await?;
    tell_early(state, api, &ticket).await;
    Ok(sha256)
}

/// Lets api know when the parts are here by which a file can be watched while the others arrive. If that fails,
/// it is watched later: the part is held all the same.
async fn tell_early(state: &StreamState, api: &ApiCaller, ticket: &PartTicket) {
    let upload = ticket.upload;
    match state.sessions.completes_early(upload, ticket.number).await {
        Ok(false) => return,
        Ok(true) => {}
        Err(error) => {
            tracing::debug!(%error, upload.id = %upload, "looking for early parts failed");
            return;
        }
    }
    match tokio::time::timeout(PATIENCE, api.look_early(upload)).await {
        Ok(Ok(())) => {}
        Ok(Err(error)) => {
            tracing::info!(error = %with_causes(&error), upload.id = %upload, "api takes no early look");
        }
        Err(_) => tracing::info!(upload.id = %upload, "api does not answer about an early look"),
    }
}

/// What the address of a part or form permits.
pub(crate) fn permitted<T: Ticket>(state: &StreamState, uri: &http::Uri) -> Result<T, Failure> {
    T::verify(&state.keys, (uri.path(), uri.query()), state.clock.now())
        .map_err(|bad| Failure::new(Code::UploadBadSignature, bad.to_string()))
}

fn check_length(headers: &HeaderMap, size: u64) -> Result<(), Failure> {
    let declared = headers
        .get(header::CONTENT_LENGTH)
        .and_then(|value| value.to_str().ok()?.parse::<u64>().ok());
    let wrong = |code, detail: String| Err(Failure::new(code, detail));
    match declared {
        None => wrong(
            Code::UploadLengthRequired,
            format!("Send the part with Content-Length: {size}."),
        ),
        Some(length) if length > size => wrong(
            Code::UploadPartTooLarge,
            format!("This part has {size} bytes, not {length}."),
        ),
        Some(length) if length < size => wrong(
            Code::UploadPartTooSmall,
            format!("This part has {size} bytes, not {length}."),
        ),
        Some(_) => Ok(()),
    }
}

pub(crate) async fn check_room(state: &StreamState, size: u64) -> Result<(), Failure> {
    let Some(room) = state.store.free_space().await? else {
        return Ok(());
    };
    if room.available.saturating_sub(*state.keep_free.get()) < size {
        return Err(virga_objects::ObjectError::NoRoom.into());
    }
    Ok(())
}

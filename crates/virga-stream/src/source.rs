//! `GET /media/source/{video}/{upload}`: the file that a video was made of, as a download, permitted by
//! the ticket that the API gave its owner. Where media goes past the nodes, it leads on to the bucket.

use axum::{
    extract::{Request, State},
    response::Response,
};
use http::{HeaderValue, header};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use virga_core::{
    Failure, MediaKey,
    paths::{SourceTicket, Ticket},
};

use crate::{
    StreamState,
    egress::Lane,
    error::StreamError,
    media::{MediaRequest, not_there, refused},
};

/// What a parameter's extended value writes as it is: `attr-char` of RFC 8187 §3.2.1.
const PLAIN: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'!')
    .remove(b'#')
    .remove(b'$')
    .remove(b'&')
    .remove(b'+')
    .remove(b'-')
    .remove(b'.')
    .remove(b'^')
    .remove(b'_')
    .remove(b'`')
    .remove(b'|')
    .remove(b'~');

/// Sends the file, or leads to the bucket.
pub(crate) async fn get(
    State(state): State<StreamState>,
    request: Request,
) -> virga_http::Result<Response> {
    let (request, _) = request.into_parts();
    let target = (request.uri.path(), request.uri.query());
    let ticket = SourceTicket::verify(&state.keys, target, state.clock.now());
    let ticket = ticket.map_err(|_| refused(true))?;
    if state.presentations.is_withdrawn(ticket.video).await? {
        return Err(not_there().into());
    }
    let lane = Lane::of(&request.extensions, ticket.video, true);
    let key = MediaKey::source(ticket.video, ticket.upload);
    let saved_as = disposition(&ticket.name);
    if let Some(url) = state.delivery.download_url(&key, &saved_as).await? {
        return Ok(virga_http::redirect(&url)?);
    }
    state.egress.admit(lane)?;
    let request = MediaRequest {
        state: &state,
        video: ticket.video,
        private: true,
        headers: &request.headers,
        queue: request.extensions.get(),
    };
    let mut answer = match request.object(&key, key.cache()).await {
        Err(StreamError::Gone(_)) => return Err(not_there().into()),
        sent => sent?,
    };
    let saved_as = HeaderValue::try_from(saved_as).map_err(Failure::internal)?;
    let headers = answer.headers_mut();
    headers.insert(header::CONTENT_DISPOSITION, saved_as);
    Ok(state.egress.pace(lane, answer))
}

/// Saves a file under its name, whatever signs it has; programs that know no RFC 8187 read them as `_`.
fn disposition(name: &str) -> String {
    let plain = |sign: char| sign.is_ascii_alphanumeric() || " -._()+".contains(sign);
    let ascii: String = name
        .chars()
        .map(|it| if plain(it) { it } else { '_' })
        .collect();
    let all = utf8_percent_encode(name, PLAIN);
    format!("attachment; filename=\"{ascii}\"; filename*=UTF-8''{all}")
}

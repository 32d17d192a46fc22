//! The beginning of a form, read with bounds before the multipart reader sees it: that one searches
//! all it holds for the end of a part's head each time bytes come.

use axum::{
    body::{Body, BodyDataStream, Bytes},
    extract::Request,
};
use bytes::BytesMut;
use futures_util::{StreamExt, stream};
use http::{HeaderMap, HeaderValue, header};
use std::time::Duration;
use virga_core::{Code, Failure};
use virga_objects::ObjectError;

use super::malformed;

/// A part's head, with the delimiter before it.
const HEAD: usize = 16 * 1024;
/// The head is here within this.
const PATIENCE: Duration = Duration::from_secs(10);
const END: &[u8] = b"\r\n\r\n";
/// The longest boundary, RFC 2046 §5.1.1.
const BOUNDARY: usize = 70;

/// The request with the first part's head in its body's first piece. Refuses a head that is larger
/// than [`HEAD`] or takes too long, and anything before the first part.
pub(super) async fn bounded(mut request: Request) -> Result<Request, Failure> {
    let boundary = boundary(request.headers())?;
    // The reader behind finds the very same boundary in this.
    let plain = format!("multipart/form-data; boundary=\"{boundary}\"");
    let plain = HeaderValue::from_str(&plain).map_err(|_| no_boundary())?;
    request.headers_mut().insert(header::CONTENT_TYPE, plain);
    let (parts, body) = request.into_parts();
    let mut body = body.into_data_stream();
    let first = tokio::time::timeout(PATIENCE, head(&mut body, &boundary)).await;
    let first = first.map_err(|_| {
        let detail = "The head of the form's file did not arrive in time.";
        Failure::new(Code::BodySlow, detail)
    })??;
    let body = Body::from_stream(stream::iter([Ok(first)]).chain(body));
    Ok(Request::from_parts(parts, body))
}

/// Reads until the first part's head has ended; looks at each byte once.
async fn head(body: &mut BodyDataStream, boundary: &str) -> Result<Bytes, Failure> {
    let start = format!("--{boundary}\r\n");
    let mut held = BytesMut::new();
    // The delimiter's own line end may be the first half of the end: an empty head.
    let mut from = start.len() - 2;
    loop {
        let known = held.len().min(start.len());
        if held[..known] != start.as_bytes()[..known] {
            return Err(malformed("The form does not begin with its first field."));
        }
        let fresh = held.get(from..).unwrap_or_default();
        let fresh = &fresh[..fresh.len().min(HEAD.saturating_sub(from))];
        if fresh.windows(END.len()).any(|it| it == END) {
            return Ok(held.freeze());
        }
        if held.len() >= HEAD {
            let detail = format!("The head of the form's file is larger than {HEAD} bytes.");
            return Err(malformed(detail));
        }
        from = from.max(held.len().saturating_sub(END.len() - 1));
        match body.next().await {
            Some(Ok(bytes)) => held.extend_from_slice(&bytes),
            Some(Err(error)) => return Err(ObjectError::Body(error.into()).into()),
            None => {
                return Err(malformed("The form ends before its first field."));
            }
        }
    }
}

fn no_boundary() -> Failure {
    let detail = "Send the form as multipart/form-data with a boundary.";
    malformed(detail)
}

/// The boundary that the content type names.
fn boundary(headers: &HeaderMap) -> Result<String, Failure> {
    let value = headers.get(header::CONTENT_TYPE);
    let text = value.and_then(|it| it.to_str().ok()).unwrap_or_default();
    let mut words = text.split(';').map(str::trim);
    let kind = words.next().unwrap_or_default();
    let value = words
        .filter_map(|word| word.split_once('='))
        .find(|(name, _)| name.trim().eq_ignore_ascii_case("boundary"))
        .map(|(_, value)| value.trim());
    let quoted = value.and_then(|it| it.strip_prefix('"')?.strip_suffix('"'));
    let value = quoted.or(value).unwrap_or_default();
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || b"'()+_,-./:=?".contains(&byte);
    let right = (1..=BOUNDARY).contains(&value.len()) && value.bytes().all(fits);
    if right && kind.eq_ignore_ascii_case("multipart/form-data") {
        Ok(value.to_owned())
    } else {
        Err(no_boundary())
    }
}

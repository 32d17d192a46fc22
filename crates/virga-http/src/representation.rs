//! Bytes of known length as an answer: their validators, one byte range of them (RFC 9110 §§13, 14), and
//! the headers that keep a browser from running them.

use axum::{body::Body, response::Response};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use sha2::{Digest, Sha256};
use virga_core::keys::hex;

/// Playlists and manifests: the listener compresses them, so that every answer about them says what it varies by.
const TEXTS: [&str; 2] = ["application/vnd.apple.mpegurl", "application/dash+xml"];

/// What is known of an answer before its bytes are read.
#[derive(Debug)]
pub struct Representation {
    /// Media type.
    pub content_type: &'static str,
    /// Strong, quoted.
    pub etag: String,
    /// Who may keep it, and for how long.
    pub cache_control: String,
    /// Bytes in all.
    pub length: u64,
}

/// What a `Range` header asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum RangeRequest {
    /// No range, one that is to be ignored, or several: the whole, 200.
    Whole,
    /// First byte and count: 206.
    Part(u64, u64),
    /// Cannot be satisfied: 416.
    Unsatisfiable,
}

/// A strong validator out of what decides the bytes.
pub fn etag(parts: &[&[u8]]) -> String {
    let mut hash = Sha256::new();
    for part in parts {
        hash.update((part.len() as u64).to_be_bytes());
        hash.update(part);
    }
    format!("\"{}\"", hex(&hash.finalize()[..12]))
}

impl Representation {
    /// Answers a request; `read` begins to read the bytes that it wants, if any: from the first one on,
    /// so many.
    ///
    /// # Errors
    /// Those of `read`.
    pub async fn answer<F, E>(
        &self,
        request: &HeaderMap,
        read: impl FnOnce(u64, u64) -> F,
    ) -> Result<Response, E>
    where
        F: Future<Output = Result<Body, E>>,
    {
        if self.is_known(request) {
            return Ok(self.begin(StatusCode::NOT_MODIFIED, Body::empty()));
        }
        let (status, first, count) = match self.range(request) {
            RangeRequest::Whole => (StatusCode::OK, 0, self.length),
            RangeRequest::Part(first, count) => (StatusCode::PARTIAL_CONTENT, first, count),
            RangeRequest::Unsatisfiable => {
                let mut refused = self.begin(StatusCode::RANGE_NOT_SATISFIABLE, Body::empty());
                let all = format!("bytes */{}", self.length);
                set(refused.headers_mut(), header::CONTENT_RANGE, &all);
                return Ok(refused);
            }
        };
        let mut response = self.begin(status, read(first, count).await?);
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_LENGTH, HeaderValue::from(count));
        set(headers, header::CONTENT_TYPE, self.content_type);
        set(headers, header::ACCEPT_RANGES, "bytes");
        if status == StatusCode::PARTIAL_CONTENT {
            let range = format!("bytes {first}-{}/{}", first + count - 1, self.length);
            set(headers, header::CONTENT_RANGE, &range);
        }
        Ok(response)
    }

    fn is_known(&self, request: &HeaderMap) -> bool {
        request
            .get_all(header::IF_NONE_MATCH)
            .iter()
            .filter_map(|value| value.to_str().ok())
            .flat_map(|list| list.split(','))
            .map(str::trim)
            .any(|tag| tag == "*" || tag.strip_prefix("W/").unwrap_or(tag) == self.etag)
    }

    /// Reads `Range`, honouring `If-Range` against the strong tag.
    fn range(&self, request: &HeaderMap) -> RangeRequest {
        let text = |name| request.get(name).and_then(|value| value.to_str().ok());
        let Some((first, last)) = text(header::RANGE)
            .filter(|_| text(header::IF_RANGE).is_none_or(|condition| condition == self.etag))
            .and_then(|range| range.strip_prefix("bytes=")?.trim().split_once('-'))
        else {
            return RangeRequest::Whole;
        };
        let (first, last) = match (first.parse::<u64>(), last.parse::<u64>()) {
            (Ok(first), Ok(last)) if first <= last => (first, last),
            (Ok(first), Err(_)) if last.is_empty() => (first, u64::MAX),
            (Err(_), Ok(0)) if first.is_empty() => return RangeRequest::Unsatisfiable,
            (Err(_), Ok(suffix)) if first.is_empty() => {
                (self.length.saturating_sub(suffix), u64::MAX)
            }
            _ => return RangeRequest::Whole,
        };
        if first >= self.length {
            return RangeRequest::Unsatisfiable;
        }
        RangeRequest::Part(first, last.min(self.length - 1) - first + 1)
    }

    /// An answer with what all answers about these bytes say.
    fn begin(&self, status: StatusCode, body: Body) -> Response {
        let mut response = Response::new(body);
        *response.status_mut() = status;
        let headers = response.headers_mut();
        set(headers, header::CACHE_CONTROL, &self.cache_control);
        set(headers, header::ETAG, &self.etag);
        if TEXTS.contains(&self.content_type) {
            set(headers, header::VARY, "accept-encoding");
        }
        set(headers, header::X_CONTENT_TYPE_OPTIONS, "nosniff");
        set(headers, header::CONTENT_SECURITY_POLICY, "sandbox");
        response
    }
}

fn set(headers: &mut HeaderMap, name: HeaderName, value: &str) {
    if let Ok(value) = HeaderValue::from_str(value) {
        headers.insert(name, value);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_read_as_the_standard_says() {
        let bytes = Representation {
            content_type: "video/mp4",
            etag: "\"a\"".to_owned(),
            cache_control: "no-store".to_owned(),
            length: 100,
        };
        let asked = |range: &str| {
            let headers = [(header::RANGE, range.parse().unwrap())]
                .into_iter()
                .collect();
            bytes.range(&headers)
        };
        assert_eq!(asked("bytes=0-0"), RangeRequest::Part(0, 1));
        assert_eq!(asked("bytes=90-"), RangeRequest::Part(90, 10));
        assert_eq!(asked("bytes=-10"), RangeRequest::Part(90, 10));
        assert_eq!(asked("bytes=-1000"), RangeRequest::Part(0, 100));
        assert_eq!(asked("bytes=50-1000"), RangeRequest::Part(50, 50));
        assert_eq!(asked("bytes=100-"), RangeRequest::Unsatisfiable);
        assert_eq!(asked("bytes=-0"), RangeRequest::Unsatisfiable);
        assert_eq!(asked("bytes=5-1"), RangeRequest::Whole);
        assert_eq!(asked("bytes=0-1,4-5"), RangeRequest::Whole);
        assert_eq!(asked("lines=0-1"), RangeRequest::Whole);
    }
}

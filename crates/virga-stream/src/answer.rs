//! One representation as an HTTP answer: validators, ranges, cache lifetime, and the headers that
//! keep a browser from running media.

use axum::{
    body::Body,
    response::{IntoResponse, Response},
};
use http::{HeaderMap, HeaderValue, StatusCode, header};
use sha2::{Digest, Sha256};
use virga_core::{CacheLifetime, keys::hex};
use virga_http::range::{self, RangeRequest};

/// Playlists: the listener compresses them, so that every answer about them says what it varies by.
const TEXT: &str = "application/vnd.apple.mpegurl";

/// What is known of an answer before its bytes are read.
#[derive(Debug)]
pub(crate) struct Representation {
    pub(crate) content_type: &'static str,
    /// Strong, quoted.
    pub(crate) etag: String,
    pub(crate) cache: CacheLifetime,
    /// A grant was needed: no shared cache may keep it.
    pub(crate) private: bool,
    pub(crate) cdn_max_age: u32,
    pub(crate) length: u64,
}

/// What the request wants of it.
#[derive(Debug)]
pub(crate) enum AnswerBody {
    /// Nothing more: 304 or 416.
    Done(Response),
    /// All bytes.
    Whole,
    /// First byte and count.
    Part(u64, u64),
}

/// A strong validator out of what decides the bytes.
pub(crate) fn etag(parts: &[&[u8]]) -> String {
    let mut hash = Sha256::new();
    for part in parts {
        hash.update((part.len() as u64).to_be_bytes());
        hash.update(part);
    }
    format!("\"{}\"", hex(&hash.finalize()[..12]))
}

impl Representation {
    /// Reads `If-None-Match`, `Range` and `If-Range`.
    pub(crate) fn wanted(&self, request: &HeaderMap) -> AnswerBody {
        if self.is_known(request) {
            let mut response = StatusCode::NOT_MODIFIED.into_response();
            self.validators(response.headers_mut());
            return AnswerBody::Done(response);
        }
        match range::read(request, self.length, &self.etag) {
            RangeRequest::Whole => AnswerBody::Whole,
            RangeRequest::Part(first, count) => AnswerBody::Part(first, count),
            RangeRequest::Unsatisfiable => {
                let mut response = StatusCode::RANGE_NOT_SATISFIABLE.into_response();
                let all = format!("bytes */{}", self.length);
                set(response.headers_mut(), header::CONTENT_RANGE, &all);
                self.validators(response.headers_mut());
                AnswerBody::Done(response)
            }
        }
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

    /// The answer with these bytes; `part` as [`AnswerBody::Part`] said.
    pub(crate) fn send(&self, part: Option<(u64, u64)>, body: Body) -> Response {
        let mut response = Response::new(body);
        let headers = response.headers_mut();
        let length = part.map_or(self.length, |(_, count)| count);
        headers.insert(header::CONTENT_LENGTH, HeaderValue::from(length));
        headers.insert(
            header::CONTENT_TYPE,
            HeaderValue::from_static(self.content_type),
        );
        headers.insert(header::ACCEPT_RANGES, HeaderValue::from_static("bytes"));
        self.validators(headers);
        if let Some((first, count)) = part {
            let range = format!("bytes {first}-{}/{}", first + count - 1, self.length);
            set(headers, header::CONTENT_RANGE, &range);
            *response.status_mut() = StatusCode::PARTIAL_CONTENT;
        }
        response
    }

    fn validators(&self, headers: &mut HeaderMap) {
        let who = if self.private { "private" } else { "public" };
        let cache = match self.cache {
            CacheLifetime::Immutable if self.private => {
                "private, max-age=31536000, immutable".to_owned()
            }
            CacheLifetime::Immutable => format!(
                "public, max-age=31536000, s-maxage={}, immutable",
                self.cdn_max_age
            ),
            CacheLifetime::Revalidate => format!("{who}, no-cache"),
            CacheLifetime::NoStore => "no-store".to_owned(),
        };
        set(headers, header::CACHE_CONTROL, &cache);
        set(headers, header::ETAG, &self.etag);
        if self.content_type.starts_with(TEXT) {
            headers.insert(header::VARY, HeaderValue::from_static("accept-encoding"));
        }
        headers.insert(
            header::X_CONTENT_TYPE_OPTIONS,
            HeaderValue::from_static("nosniff"),
        );
        headers.insert(
            header::CONTENT_SECURITY_POLICY,
            HeaderValue::from_static("sandbox"),
        );
    }
}

fn set(headers: &mut HeaderMap, name: header::HeaderName, value: &str) {
    if let Ok(value) = HeaderValue::from_str(value) {
        headers.insert(name, value);
    }
}

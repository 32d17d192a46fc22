//! The layers between the listener and every router: request ids, one log line per request, panics
//! turned into 500, the same-origin check, the viewer's address, limits on heads and slow bodies.
//! In-process calls between roles enter beneath it.

use axum::{
    Router,
    body::{Body, HttpBody},
    extract::{Request, State},
    middleware::{self, Next},
    response::{IntoResponse, Response},
};
use futures_util::FutureExt;
use http::{HeaderName, HeaderValue, header};
use ipnet::IpNet;
use std::{panic::AssertUnwindSafe, sync::Arc};
use tower_http::compression::{
    CompressionLayer,
    predicate::{Predicate, SizeAbove},
};
use virga_core::{Code, Failure};

use crate::{
    Error,
    access_log::{Access, AccessLog, Answered},
    body_timeout::MinRateBody,
    flight::{self, Places, Vouching},
    host,
    origin::{self, SiteOrigin},
    viewer::{self, ClientIp, PeerAddress},
};

/// The request's id, as a typed extension and in the answer's `x-request-id`.
#[derive(Clone, Debug)]
pub struct RequestId(pub String);

tokio::task_local! {
    /// The id of the request that this task answers.
    static CURRENT: String;
}

/// The id of the request that is being answered; `None` outside of a listener.
pub(crate) fn request_id() -> Option<String> {
    CURRENT.try_with(Clone::clone).ok()
}

/// For a year, as `virga lb` has balancers say it.
const HTTPS_ONLY: HeaderValue = HeaderValue::from_static("max-age=31536000");
const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// What the listener needs to know.
#[derive(Clone, Debug, Default)]
pub struct ListenerConfig {
    /// The site's origin.
    pub origin: SiteOrigin,
    /// Proxies whose `X-Forwarded-For` is believed.
    pub trusted_proxies: Vec<IpNet>,
    /// Requests at once; more are answered 503.
    pub max_in_flight: usize,
    /// Connections at once; more are closed.
    pub max_connections: usize,
    /// Which requests are logged.
    pub access: Access,
    /// Roles that may name the viewer.
    pub vouching: Option<Vouching>,
    /// Whether browsers are told to use https only for this host from now on (RFC 6797).
    pub https_only: bool,
}

/// What all requests of a listener share.
#[derive(Debug)]
struct Listener {
    site: SiteOrigin,
    proxies: Vec<IpNet>,
    log: AccessLog,
    places: Places,
    vouching: Option<Vouching>,
    https_only: bool,
}

/// Puts the listener's layers around a role's (or the merged) router. They are one function and not a stack
/// of services: each service of a stack is cloned with all that is in it, for every request.
pub fn wrap(router: Router, config: ListenerConfig) -> Router {
    let listener = Listener {
        site: config.origin,
        proxies: config.trusted_proxies,
        log: AccessLog::new(config.access),
        places: Places::new(config.max_in_flight, config.vouching.clone()),
        vouching: config.vouching,
        https_only: config.https_only,
    };
    router
        .layer(CompressionLayer::new().compress_when(compressible.and(SizeAbove::new(WORTH))))
        .layer(middleware::from_fn_with_state(Arc::new(listener), answer))
}

/// Answers a request under its id, with its line in the log.
async fn answer(
    State(listener): State<Arc<Listener>>,
    mut request: Request,
    next: Next,
) -> Response {
    let id = id_of(&request, listener.vouching.as_ref());
    if let Some(PeerAddress(peer)) = request.extensions().get::<PeerAddress>().copied() {
        let address = viewer::resolve(peer, request.headers(), &listener.proxies);
        request.extensions_mut().insert(address);
    }
    let address = ClientIp::of(&request).0;
    request.extensions_mut().insert(RequestId(id.clone()));
    let (method, path) = (request.method().clone(), loggable(request.uri().path()));
    let started = std::time::Instant::now();
    let checked = AssertUnwindSafe(check(&listener, request, next)).catch_unwind();
    let mut response = CURRENT
        .scope(id.clone(), checked)
        .await
        .unwrap_or_else(|_| {
            CURRENT.sync_scope(id.clone(), || {
                Error(Failure::internal("a handler panicked")).into_response()
            })
        });
    listener.log.write(&Answered {
        method: &method,
        path: &path,
        status: response.status(),
        took: started.elapsed(),
        request_id: &id,
        address,
    });
    if let Ok(value) = HeaderValue::from_str(&id) {
        response.headers_mut().insert(REQUEST_ID, value);
    }
    if listener.https_only {
        let headers = response.headers_mut();
        headers.insert(header::STRICT_TRANSPORT_SECURITY, HTTPS_ONLY);
    }
    response
}

/// Answers a request whose head and origin are in order, in its place.
async fn check(listener: &Listener, mut request: Request, next: Next) -> Response {
    if let Err(refused) = host::settle(&mut request) {
        return refused.into_response();
    }
    if request.headers().contains_key(header::TRANSFER_ENCODING) {
        return unmeasured();
    }
    if !request.body().is_end_stream() {
        request = request.map(|body| Body::new(MinRateBody::new(body)));
    }
    let answered = flight::limit(&listener.places, request, async |request| {
        if origin::is_permitted(&listener.site, &request) {
            next.run(request).await
        } else {
            let detail = "This request did not come from this site's own pages.";
            Error(Failure::new(Code::OtherOrigin, detail)).into_response()
        }
    });
    truthful(answered.await)
}

/// Less than this gzip does not make smaller, bytes.
const WORTH: u64 = 1024;

/// What a cache may believe of any answer. Compressed bytes are not those that a strong tag names,
/// so theirs is weak. Where nothing is said of caching, a cache would guess: such an answer may
/// be for one viewer only and is kept nowhere.
fn truthful(mut response: Response) -> Response {
    let headers = response.headers_mut();
    if headers.contains_key(header::CONTENT_ENCODING)
        && let Some(tag) = headers.get(header::ETAG)
        && tag.as_bytes().starts_with(b"\"")
        && let Ok(weak) = HeaderValue::from_bytes(&[b"W/", tag.as_bytes()].concat())
    {
        headers.insert(header::ETAG, weak);
    }
    headers
        .entry(header::CACHE_CONTROL)
        .or_insert(HeaderValue::from_static("no-store"));
    response
}

const TEXTS: [&str; 11] = [
    "text/html",
    "text/css",
    "text/javascript",
    "text/plain",
    "application/dash+xml",
    "application/json",
    "application/problem+json",
    "application/rss+xml",
    "application/vnd.apple.mpegurl",
    "application/xml",
    "image/svg+xml",
];

/// Whether answers of this media type may be compressed on their way out, and so have to pass through memory.
/// Text only: media is compressed already and sent as it is.
pub fn is_compressible(content_type: &str) -> bool {
    TEXTS.iter().any(|known| content_type.starts_with(known))
}

fn compressible(
    _: http::StatusCode,
    _: http::Version,
    headers: &http::HeaderMap,
    _: &http::Extensions,
) -> bool {
    let kind = headers.get(header::CONTENT_TYPE);
    kind.and_then(|value| value.to_str().ok())
        .is_some_and(is_compressible)
}

/// A body says how long it is. No browser sends another, and nobody can read its end in two ways.
fn unmeasured() -> Response {
    let detail = "Say how long the body is: Content-Length.";
    let refused = Failure::new(Code::BodyLengthRequired, detail);
    let mut response = Error(refused).into_response();
    let close = HeaderValue::from_static("close");
    response.headers_mut().insert(header::CONNECTION, close);
    response
}

/// The id that another role vouches for, so that all roles log one id for what one visitor asked; else
/// the one that the request brings; else a new one.
fn id_of(request: &Request, vouching: Option<&Vouching>) -> String {
    let vouched = vouching.and_then(|by| by.open(request));
    let brought = request.headers().get(&REQUEST_ID);
    vouched
        .map(|voucher| voucher.request_id)
        .filter(|id| is_id(id))
        .or_else(|| Some(brought?.to_str().ok()?.to_owned()).filter(|id| is_id(id)))
        .unwrap_or_else(|| uuid::Uuid::now_v7().simple().to_string())
}

fn is_id(text: &str) -> bool {
    let sign = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-';
    (8..=64).contains(&text.len()) && text.bytes().all(sign)
}

/// The longest component that is written to the log: an upload's id fits, no grant and no token.
const LOGGED: usize = 40;

/// A path as it may stand in a log: grants are cut wherever they stand, and queries never get there.
fn loggable(path: &str) -> String {
    let part = |part| if str::len(part) > LOGGED { "-" } else { part };
    path.split('/').map(part).collect::<Vec<_>>().join("/")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn grants_are_cut_wherever_they_stand() {
        let grant = format!("0a1b2c3d.1790000000.{}", "M".repeat(43));
        for (path, logged) in [
            (
                format!("/media/g/{grant}/abcdefghijk/main.m3u8"),
                "/media/g/-/abcdefghijk/main.m3u8",
            ),
            (format!("/media/g/{grant}"), "/media/g/-"),
            (format!("//media/g/x/{grant}/"), "//media/g/x/-/"),
            ("/v/abcdefghijk".to_owned(), "/v/abcdefghijk"),
        ] {
            assert_eq!(loggable(&path), logged);
        }
    }
}

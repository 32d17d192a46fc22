//! What stands between the listener and every router: request ids, one log line a request, panics
//! turned into 500, the same-origin check, the viewer's address, limits on heads and slow bodies.
//! In-process calls between roles enter beneath it.

use axum::{
    Router,
    body::Body,
    extract::Request,
    middleware::{self, Next},
    response::{IntoResponse, Response},
};
use http::{HeaderName, HeaderValue, header};
use ipnet::IpNet;
use std::{sync::Arc, time::Duration};
use tower_http::{
    catch_panic::CatchPanicLayer, compression::CompressionLayer, timeout::RequestBodyTimeoutLayer,
};
use virga_core::{Failure, Kind};

use crate::{
    Error,
    origin::{self, SiteOrigin},
    viewer::{self, Address, Peer},
};

/// The request's id, as a typed extension and in the answer's `x-request-id`.
#[derive(Clone, Debug)]
pub struct RequestId(pub String);

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
}

/// Puts the listener's layers around a role's (or the merged) router.
pub fn wrap(router: Router, config: ListenerConfig) -> Router {
    let site = config.origin;
    let proxies: Arc<[IpNet]> = config.trusted_proxies.into();
    let permits = Arc::new(tokio::sync::Semaphore::new(config.max_in_flight.max(1)));
    router
        .layer(middleware::from_fn(move |request, next| {
            origin::check(site.clone(), request, next)
        }))
        .layer(CompressionLayer::new().compress_when(compressible))
        .layer(RequestBodyTimeoutLayer::new(Duration::from_secs(30)))
        .layer(middleware::map_request(|request: Request<_>| async {
            request.map(Body::new)
        }))
        .layer(middleware::from_fn(move |request, next| {
            shed(Arc::clone(&permits), request, next)
        }))
        .layer(CatchPanicLayer::custom(|_| {
            Error(Failure::internal("a handler panicked")).into_response()
        }))
        .layer(middleware::from_fn(move |request, next| {
            identify(Arc::clone(&proxies), request, next)
        }))
}

/// Text only: media is compressed already and streamed as it is.
fn compressible(
    _: http::StatusCode,
    _: http::Version,
    headers: &http::HeaderMap,
    _: &http::Extensions,
) -> bool {
    let kind = headers
        .get(header::CONTENT_TYPE)
        .and_then(|value| value.to_str().ok());
    kind.is_some_and(|kind| {
        [
            "text/html",
            "text/css",
            "text/plain",
            "application/json",
            "application/problem+json",
        ]
        .iter()
        .chain(&[
            "text/javascript",
            "image/svg+xml",
            "application/vnd.apple.mpegurl",
        ])
        .any(|known| kind.starts_with(known))
    })
}

async fn shed(permits: Arc<tokio::sync::Semaphore>, request: Request, next: Next) -> Response {
    // Whether the process lives is asked most when it is busy.
    let always = matches!(request.uri().path(), "/livez" | "/readyz");
    if always {
        next.run(request).await
    } else if let Ok(_permit) = permits.try_acquire() {
        next.run(request).await
    } else {
        let detail = "The site is busy. Try again in a moment.";
        Error(Failure::new(Kind::Unavailable, "busy", detail).after(1)).into_response()
    }
}

async fn identify(proxies: Arc<[IpNet]>, mut request: Request, next: Next) -> Response {
    let id = request
        .headers()
        .get(&REQUEST_ID)
        .and_then(|value| value.to_str().ok())
        .filter(|id| {
            (8..=64).contains(&id.len())
                && id.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
        })
        .map_or_else(|| uuid::Uuid::now_v7().simple().to_string(), str::to_owned);
    if let Some(Peer(peer)) = request.extensions().get::<Peer>().copied() {
        let address = viewer::resolve(peer, request.headers(), &proxies);
        request.extensions_mut().insert(address);
    }
    let address = Address::of(&request).0;
    request.extensions_mut().insert(RequestId(id.clone()));
    let (method, path) = (request.method().clone(), loggable(request.uri().path()));
    let started = std::time::Instant::now();
    let mut response = next.run(request).await;
    let status = response.status().as_u16();
    let millis = u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX);
    if status >= 500 {
        tracing::warn!(%method, path, status, duration_ms = millis, request_id = id, %address, "request");
    } else {
        tracing::info!(%method, path, status, duration_ms = millis, request_id = id, %address, "request");
    }
    if let Ok(value) = HeaderValue::from_str(&id) {
        response.headers_mut().insert(REQUEST_ID, value);
    }
    response
}

/// A path as it may stand in a log: grants are cut, and queries never get there.
fn loggable(path: &str) -> String {
    match path
        .strip_prefix("/media/g/")
        .and_then(|rest| rest.split_once('/'))
    {
        Some((_, rest)) => format!("/media/g/-/{rest}"),
        None => path.to_owned(),
    }
}

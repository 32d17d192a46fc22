//! `/metrics`: what is counted as it happens, and what is looked up when somebody asks.

mod process;
mod scrape;
mod text;

use axum::{
    extract::{Request, State},
    middleware::Next,
    response::{IntoResponse, Response},
};
use http::{HeaderMap, HeaderValue, StatusCode, header};
use prometheus_client::{
    encoding::EncodeLabelSet,
    metrics::{counter::Counter, family::Family, gauge::Gauge, histogram::Histogram},
    registry::Registry,
};
use std::{
    net::IpAddr,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Instant,
};
use virga_cache::Cache;
use virga_core::paths::{self, RoleName};
use virga_http::{ProblemCode, viewer::ClientIp};

pub(crate) use scrape::Sources;

const BUCKETS: [f64; 10] = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0];

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct RouteLabels {
    role: &'static str,
    route: &'static str,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct RequestLabels {
    role: &'static str,
    route: &'static str,
    method: &'static str,
    status: u16,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct CodeLabels {
    code: &'static str,
    status: u16,
}

/// The metrics of a process.
#[derive(Clone, Debug)]
pub(crate) struct Metrics(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    registry: Mutex<Registry>,
    requests: Family<RequestLabels, Counter>,
    seconds: Family<RouteLabels, Histogram>,
    sent: Family<RouteLabels, Counter>,
    foreign: Counter,
    uploaded: Counter,
    refused: Family<CodeLabels, Counter>,
    in_flight: Gauge,
    config_taken: Counter,
    config_refused: Counter,
}

impl Metrics {
    pub(crate) fn new() -> Self {
        let inner = Inner {
            registry: Mutex::new(Registry::with_prefix("virga")),
            requests: Family::default(),
            seconds: Family::new_with_constructor(|| Histogram::new(BUCKETS)),
            sent: Family::default(),
            foreign: Counter::default(),
            uploaded: Counter::default(),
            refused: Family::default(),
            in_flight: Gauge::default(),
            config_taken: Counter::default(),
            config_refused: Counter::default(),
        };
        inner.register();
        Self(Arc::new(inner))
    }

    /// Counts a change of the settings.
    pub(crate) fn count_change(&self, taken: bool) {
        let inner = &self.0;
        let counter = if taken {
            &inner.config_taken
        } else {
            &inner.config_refused
        };
        counter.inc();
    }

    /// Counts what Redis did not answer.
    pub(crate) fn with_cache(&self, cache: &Cache) {
        let help = "Calls that Redis did not answer";
        self.0
            .registry()
            .register("redis_errors", help, cache.errors());
    }

    /// Everything, in the format that the asker takes.
    pub(crate) async fn answer(&self, sources: &Sources, headers: &HeaderMap) -> Response {
        let looked_up = scrape::collect(sources).await;
        let accept = headers.get(header::ACCEPT).and_then(|it| it.to_str().ok());
        let open = accept.is_some_and(|accept| accept.contains("application/openmetrics-text"));
        let written = text::write(&[&self.0.registry(), &looked_up], open);
        let Ok(body) = written else {
            return StatusCode::INTERNAL_SERVER_ERROR.into_response();
        };
        let kind = if open { text::OPENMETRICS } else { text::PLAIN };
        (
            [(header::CONTENT_TYPE, HeaderValue::from_static(kind))],
            body,
        )
            .into_response()
    }
}

impl Inner {
    fn registry(&self) -> MutexGuard<'_, Registry> {
        self.registry.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn register(&self) {
        let mut registry = self.registry();
        registry.register("http_requests", "Requests answered", self.requests.clone());
        registry.register(
            "http_request_seconds",
            "Time until the response headers",
            self.seconds.clone(),
        );
        registry.register(
            "http_response_bytes",
            "Bytes of the bodies of answers, by their announced length",
            self.sent.clone(),
        );
        registry.register(
            "media_foreign_bytes",
            "Bytes of media that pages of other sites asked for, by their announced length",
            self.foreign.clone(),
        );
        registry.register(
            "upload_bytes",
            "Bytes of parts and files that were received",
            self.uploaded.clone(),
        );
        registry.register(
            "http_refusals",
            "Requests refused by a limit, or for lack of room or places, by the problem's code",
            self.refused.clone(),
        );
        registry.register(
            "http_requests_in_flight",
            "Requests being answered",
            self.in_flight.clone(),
        );
        registry.register(
            "config_taken",
            "Changes of settings that were applied",
            self.config_taken.clone(),
        );
        registry.register(
            "config_refused",
            "Changes of settings that were refused; the previous ones stay in force",
            self.config_refused.clone(),
        );
    }
}

/// Which role and which class of routes a path belongs to.
fn class(path: &str) -> RouteLabels {
    let route = match path {
        "/livez" | "/readyz" | "/metrics" => "health",
        path if path.starts_with("/assets/") => "asset",
        path if path.starts_with(paths::INTERNAL) => "internal",
        path if path.starts_with(paths::MEDIA) => "media",
        path if path.starts_with("/up/") => "upload",
        path if path.starts_with("/hooks/") => "hook",
        path if path.starts_with("/api/") => "api",
        _ => "page",
    };
    let role = match route {
        "health" => "any",
        // Private routes are api's.
        _ => paths::role_of(path).unwrap_or(RoleName::Api).as_str(),
    };
    RouteLabels { role, route }
}

/// The layer that counts.
pub(crate) async fn count(
    State(metrics): State<Metrics>,
    request: Request,
    next: Next,
) -> Response {
    let metrics = &*metrics.0;
    let method = match request.method().as_str() {
        "GET" => "GET",
        "HEAD" => "HEAD",
        "POST" => "POST",
        "PUT" => "PUT",
        "PATCH" => "PATCH",
        "DELETE" => "DELETE",
        _ => "other",
    };
    let labels = class(request.uri().path());
    let RouteLabels { role, route } = labels;
    let announced = length(request.headers());
    let foreign = route == "media" && is_foreign(request.headers());
    metrics.in_flight.inc();
    let in_flight = InFlight(&metrics.in_flight);
    let started = Instant::now();
    let response = next.run(request).await;
    drop(in_flight);
    let status = response.status();
    metrics
        .seconds
        .get_or_create(&labels)
        .observe(started.elapsed().as_secs_f64());
    if method != "HEAD" {
        let exact = http_body::Body::size_hint(response.body()).exact();
        let sent = exact.or_else(|| length(response.headers())).unwrap_or(0);
        metrics.sent.get_or_create(&labels).inc_by(sent);
        if foreign {
            metrics.foreign.inc_by(sent);
        }
    }
    if route == "upload" && (status.is_success() || status.is_redirection()) {
        metrics.uploaded.inc_by(announced.unwrap_or(0));
    }
    if matches!(status.as_u16(), 429 | 503 | 507)
        && let Some(ProblemCode(code)) = response.extensions().get()
    {
        let (code, status) = (code.as_str(), status.as_u16());
        metrics
            .refused
            .get_or_create(&CodeLabels { code, status })
            .inc();
    }
    let status = status.as_u16();
    metrics
        .requests
        .get_or_create(&RequestLabels {
            role,
            route,
            method,
            status,
        })
        .inc();
    response
}

/// Whether another site's page asks, as its browser says: by `Sec-Fetch-Site`, or by an `Origin` whose
/// host is not the one asked. The player in another site's frame is a page of this site.
fn is_foreign(headers: &HeaderMap) -> bool {
    let text = |name| {
        headers
            .get(name)
            .and_then(|value: &HeaderValue| value.to_str().ok())
    };
    match (text("sec-fetch-site"), text("origin")) {
        (Some(site), _) => site == "cross-site",
        (None, Some(origin)) => {
            let asking = origin.split_once("://").map(|(_, host)| host);
            asking != text("host")
        }
        (None, None) => false,
    }
}

/// Also where the request is given up half-way.
struct InFlight<'a>(&'a Gauge);

impl Drop for InFlight<'_> {
    fn drop(&mut self) {
        self.0.dec();
    }
}

fn length(headers: &HeaderMap) -> Option<u64> {
    headers
        .get(header::CONTENT_LENGTH)?
        .to_str()
        .ok()?
        .parse()
        .ok()
}

/// Who may read the numbers on the site's own port.
#[derive(Clone, Debug, Default)]
pub(crate) enum Readers {
    /// This machine and private networks, and nobody by way of a proxy.
    #[default]
    Near,
    /// Whoever has this token, from anywhere.
    Token(Arc<str>),
    /// Nobody: there is a listener of its own.
    Nobody,
}

impl Readers {
    /// Whether this request may.
    pub(crate) fn admit(&self, request: &Request) -> bool {
        match self {
            Self::Near => !is_forwarded(request.headers()) && is_near(ClientIp::of(request).0),
            Self::Token(token) => has_token(request.headers(), token),
            Self::Nobody => false,
        }
    }
}

/// Compares digests, so that the time says nothing of the token.
pub(crate) fn has_token(headers: &HeaderMap, token: &str) -> bool {
    use sha2::{Digest, Sha256};
    let given = headers
        .get(header::AUTHORIZATION)
        .and_then(|value| value.to_str().ok()?.strip_prefix("Bearer "));
    given.is_some_and(|given| Sha256::digest(given.trim()) == Sha256::digest(token))
}

fn is_near(address: IpAddr) -> bool {
    match address.to_canonical() {
        IpAddr::V4(v4) => v4.is_loopback() || v4.is_private(),
        IpAddr::V6(v6) => v6.is_loopback() || v6.is_unique_local(),
    }
}

/// Whether a proxy passed the request on: then the peer's address says nothing of who asks.
fn is_forwarded(headers: &HeaderMap) -> bool {
    headers.keys().any(|name| {
        let name = name.as_str();
        matches!(name, "forwarded" | "via" | "x-real-ip" | "cf-connecting-ip")
            || name.starts_with("x-forwarded-")
    })
}

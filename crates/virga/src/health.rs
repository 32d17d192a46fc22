//! `/livez`, `/readyz` and `/metrics`, the same for every role.

use axum::{
    Router,
    extract::{Request, State},
    middleware::{self, Next},
    response::{IntoResponse, Response},
    routing::get,
};
use futures_util::{FutureExt, future::BoxFuture};
use http::{HeaderMap, HeaderValue, StatusCode, header};
use prometheus_client::{
    encoding::{EncodeLabelSet, text::encode},
    metrics::{counter::Counter, family::Family, gauge::Gauge, histogram::Histogram},
    registry::Registry,
};
use sd_notify::NotifyState;
use std::{
    fmt,
    net::IpAddr,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use virga_cache::Cache;
use virga_core::{Clock, SystemClock};
use virga_db::{DAMAGE_REMEDY, Db, DbError, jobs};
use virga_http::viewer::Address;
use virga_objects::{ObjectError, SharedStore};

use crate::lifecycle::tell;

/// What readiness looks at; a role names what it uses.
#[derive(Clone, Debug)]
pub(crate) struct Health {
    pub(crate) db: Option<Db>,
    pub(crate) store: Option<SharedStore>,
    pub(crate) stop: CancellationToken,
    /// Whether what waits for the database is set up.
    started: Arc<AtomicBool>,
    peers: Vec<Peer>,
    metrics: Arc<Metrics>,
    /// The last try to write, and when it was.
    written: Arc<tokio::sync::Mutex<Option<(Instant, Writable)>>>,
}

/// Whether the database took a write.
#[derive(Clone, Debug)]
enum Writable {
    Yes,
    /// Its disk is full: what is there can be read.
    NoRoom,
    No(String),
}

/// Another role that this one works better with: named when it is away, not a reason to send
/// nobody here.
#[derive(Clone)]
struct Peer {
    name: &'static str,
    answers: Arc<dyn Fn() -> BoxFuture<'static, bool> + Send + Sync>,
}

impl fmt::Debug for Peer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name)
    }
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct RequestLabels {
    method: String,
    status: u16,
}

#[derive(Debug)]
struct Metrics {
    registry: Mutex<Registry>,
    requests: Family<RequestLabels, Counter>,
    seconds: Histogram,
    in_flight: Gauge,
    open_jobs: Gauge,
    config_taken: Counter,
    config_refused: Counter,
}

/// What another role gets to answer.
const PATIENCE: Duration = Duration::from_secs(1);
/// What database and store get: they may be busy, and the balancer waits about as long.
const STORAGE_PATIENCE: Duration = Duration::from_millis(1900);
/// The line of a role that is ready with a full disk.
const NO_ROOM: &str = "without room: nothing can be stored until the disk has space\n";
/// How often readiness tries to write; a failed try is repeated as seldom.
const WRITE_CHECK: Duration = Duration::from_secs(5);
const BUCKETS: [f64; 10] = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0];

impl Metrics {
    fn new() -> Self {
        let requests = Family::<RequestLabels, Counter>::default();
        let seconds = Histogram::new(BUCKETS);
        let (in_flight, open_jobs) = (Gauge::default(), Gauge::default());
        let mut registry = Registry::with_prefix("virga");
        registry.register("http_requests", "Requests answered", requests.clone());
        registry.register(
            "http_request_seconds",
            "Time to the answer's head",
            seconds.clone(),
        );
        registry.register(
            "http_requests_in_flight",
            "Requests being answered",
            in_flight.clone(),
        );
        let (config_taken, config_refused) = (Counter::default(), Counter::default());
        registry.register(
            "config_taken",
            "Changed settings that were taken",
            config_taken.clone(),
        );
        registry.register(
            "config_refused",
            "Changed settings that were refused: the ones before are in force",
            config_refused.clone(),
        );
        registry.register("jobs_open", "Jobs queued or leased", open_jobs.clone());
        Self {
            registry: Mutex::new(registry),
            requests,
            seconds,
            in_flight,
            open_jobs,
            config_taken,
            config_refused,
        }
    }
}

impl Metrics {
    fn registry(&self) -> MutexGuard<'_, Registry> {
        self.registry.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Health {
    pub(crate) fn new(db: Option<Db>, store: Option<SharedStore>, stop: CancellationToken) -> Self {
        Self {
            started: Arc::new(AtomicBool::new(db.is_none())),
            db,
            store,
            stop,
            peers: Vec::new(),
            metrics: Arc::new(Metrics::new()),
            written: Arc::default(),
        }
    }

    /// What waited for the database is set up.
    pub(crate) fn set_started(&self) {
        self.started.store(true, Ordering::SeqCst);
        tell(NotifyState::Ready);
    }

    /// Counts a change of the settings.
    pub(crate) fn count_change(&self, taken: bool) {
        let Metrics {
            config_taken,
            config_refused,
            ..
        } = &*self.metrics;
        let counter = if taken { config_taken } else { config_refused };
        counter.inc();
    }

    /// Names a role that `/readyz` tells the absence of.
    pub(crate) fn with<F>(mut self, name: &'static str, answers: F) -> Self
    where
        F: Fn() -> BoxFuture<'static, bool> + Send + Sync + 'static,
    {
        self.peers.push(Peer {
            name,
            answers: Arc::new(answers),
        });
        self
    }

    /// Names Redis likewise, and counts what it did not answer.
    pub(crate) fn with_cache(self, cache: &Cache) -> Self {
        let mut registry = self.metrics.registry();
        registry.register(
            "redis_errors",
            "Calls that Redis did not answer",
            cache.errors(),
        );
        drop(registry);
        let cache = cache.clone();
        self.with("redis", move || std::future::ready(cache.answers()).boxed())
    }

    /// Tries to write now and then: a database that answers questions may store nothing.
    async fn writable(&self, db: &Db) -> Writable {
        let mut last = self.written.lock().await;
        if let Some((at, known)) = &*last
            && at.elapsed() < WRITE_CHECK
        {
            return known.clone();
        }
        let tried = timeout(STORAGE_PATIENCE, db.check_write(SystemClock.now())).await;
        let found = match tried {
            Ok(Ok(())) => Writable::Yes,
            Ok(Err(DbError::Full(_))) => Writable::NoRoom,
            Ok(Err(error)) => Writable::No(error.to_string()),
            Err(_) => Writable::No("it takes no write in time".to_owned()),
        };
        *last = Some((Instant::now(), found.clone()));
        found
    }

    /// The roles that do not answer now, a line each.
    async fn away(&self) -> String {
        let mut lines = String::new();
        for peer in &self.peers {
            let asked = timeout(PATIENCE, (peer.answers)()).await;
            if !asked.unwrap_or(false) {
                lines = lines + "without " + peer.name + "\n";
            }
        }
        lines
    }

    /// Adds the three routes, and counts what goes through the router.
    pub(crate) fn around(self, router: Router) -> Router {
        let own = Router::new()
            .route("/livez", get(|| async { "alive\n" }))
            .route("/readyz", get(ready))
            .route("/metrics", get(metrics))
            .with_state(self.clone());
        router
            .layer(middleware::from_fn_with_state(self, count))
            .merge(own)
    }

    /// What is missing, by name, and whether a disk is full: then nothing is missing, because what is
    /// there can still be read.
    async fn missing(&self) -> (Vec<String>, bool) {
        let mut missing = Vec::new();
        let mut full = false;
        if self.stop.is_cancelled() {
            missing.push("stopping".to_owned());
        }
        if let Some(damage) = virga_db::damage() {
            missing.push(format!(
                "database: its file is damaged ({damage}). {DAMAGE_REMEDY}"
            ));
        }
        if let Some(db) = &self.db {
            let engine = db.engine();
            match timeout(STORAGE_PATIENCE, db.pending_migrations()).await {
                Ok(Ok(0)) if !self.started.load(Ordering::SeqCst) => {
                    missing.push("starting".to_owned());
                }
                Ok(Ok(0)) => match self.writable(db).await {
                    Writable::Yes => {}
                    Writable::NoRoom => full = true,
                    Writable::No(error) => missing.push(format!("database ({engine}): {error}")),
                },
                Ok(Ok(_)) => missing.push(format!("database ({engine}): run `virga migrate`")),
                Ok(Err(error)) => missing.push(format!("database ({engine}): {error}")),
                Err(_) => missing.push(format!("database ({engine}): it does not answer")),
            }
        }
        if let Some(store) = &self.store {
            match timeout(STORAGE_PATIENCE, store.check_answers()).await {
                Ok(Ok(())) => {}
                Ok(Err(ObjectError::NoRoom)) => full = true,
                Ok(Err(error)) => missing.push(format!("objects: {error}")),
                Err(_) => missing.push("objects: they do not answer".to_owned()),
            }
        }
        (missing, full)
    }
}

async fn ready(State(health): State<Health>) -> Response {
    let (missing, full) = health.missing().await;
    if missing.is_empty() {
        let room = if full { NO_ROOM } else { "" };
        format!("ready\n{room}{}", health.away().await).into_response()
    } else {
        (StatusCode::SERVICE_UNAVAILABLE, missing.join("\n") + "\n").into_response()
    }
}

/// Numbers are for the operator: asked from this machine or a private network only.
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

async fn metrics(State(health): State<Health>, request: Request) -> Response {
    if is_forwarded(request.headers()) || !is_near(Address::of(&request).0) {
        return StatusCode::NOT_FOUND.into_response();
    }
    if let Some(db) = &health.db
        && let Ok(count) = jobs::open_count(db.read()).await
    {
        health
            .metrics
            .open_jobs
            .set(i64::try_from(count).unwrap_or(i64::MAX));
    }
    let mut text = String::new();
    let registry = health.metrics.registry();
    if encode(&mut text, &registry).is_err() {
        return StatusCode::INTERNAL_SERVER_ERROR.into_response();
    }
    let kind = "application/openmetrics-text; version=1.0.0; charset=utf-8";
    (
        [(header::CONTENT_TYPE, HeaderValue::from_static(kind))],
        text,
    )
        .into_response()
}

async fn count(State(health): State<Health>, request: Request, next: Next) -> Response {
    let metrics = &health.metrics;
    let method = match request.method().as_str() {
        known @ ("GET" | "HEAD" | "POST" | "PUT" | "PATCH" | "DELETE") => known.to_owned(),
        _ => "other".to_owned(),
    };
    metrics.in_flight.inc();
    let started = Instant::now();
    let response = next.run(request).await;
    metrics.in_flight.dec();
    metrics.seconds.observe(started.elapsed().as_secs_f64());
    let status = response.status().as_u16();
    metrics
        .requests
        .get_or_create(&RequestLabels { method, status })
        .inc();
    response
}

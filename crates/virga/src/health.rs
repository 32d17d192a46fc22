//! `/livez` and `/readyz`, the same for every role.

use axum::{
    Router,
    extract::State,
    response::{IntoResponse, Response},
    routing::get,
};
use futures_util::{FutureExt, future::BoxFuture};
use http::StatusCode;
use sd_notify::NotifyState;
use std::{
    fmt,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use virga_cache::Cache;
use virga_core::{Clock, SystemClock};
use virga_db::{DAMAGE_REMEDY, Db, DbError};
use virga_objects::{ObjectError, SharedStore};
use virga_tls::ServedCertificate;

use crate::{lifecycle::notify_systemd, metrics::Metrics};

/// What readiness looks at; a role names what it uses.
#[derive(Clone, Debug)]
pub(crate) struct Health {
    pub(crate) db: Option<Db>,
    pub(crate) store: Option<SharedStore>,
    pub(crate) stop: CancellationToken,
    /// Whether what waits for the database is set up.
    started: Arc<AtomicBool>,
    /// Whether the role can answer nothing without objects.
    needs_objects: bool,
    peers: Vec<Dependency>,
    /// Where this process speaks https: browsers need it to come in.
    pub(crate) certificate: Option<Arc<ServedCertificate>>,
    pub(crate) metrics: Metrics,
    /// The last try to write, and when it was.
    written: Arc<tokio::sync::Mutex<Option<(Instant, Writable)>>>,
}

/// What readiness found.
#[derive(Debug, Default)]
struct Seen {
    /// Without these the role can answer nothing, by name.
    missing: Vec<String>,
    /// A disk is full: what is there can still be read.
    full: bool,
    /// Why the objects cannot be reached, for a role that works without them.
    without_objects: Option<String>,
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
struct Dependency {
    name: &'static str,
    answers: Arc<dyn Fn() -> BoxFuture<'static, bool> + Send + Sync>,
}

impl fmt::Debug for Dependency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name)
    }
}

/// What another role gets to answer.
const PATIENCE: Duration = Duration::from_secs(1);
/// What database and store get: they may be busy, and the balancer waits about as long.
const STORAGE_PATIENCE: Duration = Duration::from_millis(1900);
/// The line of a role that is ready with a full disk.
const NO_ROOM: &str = "without room: nothing can be stored until the disk has space\n";
/// How often readiness tries to write; a failed try is repeated as seldom.
const WRITE_CHECK: Duration = Duration::from_secs(5);
impl Health {
    pub(crate) fn new(db: Option<Db>, store: Option<SharedStore>, stop: CancellationToken) -> Self {
        Self {
            started: Arc::new(AtomicBool::new(db.is_none())),
            db,
            store,
            stop,
            needs_objects: false,
            peers: Vec::new(),
            certificate: None,
            metrics: Metrics::new(),
            written: Arc::default(),
        }
    }

    /// What waited for the database is set up.
    pub(crate) fn set_started(&self) {
        self.started.store(true, Ordering::SeqCst);
        notify_systemd(NotifyState::Ready);
    }

    /// For a role that can answer nothing without objects: it is not ready while they are away.
    pub(crate) fn needing_objects(mut self) -> Self {
        self.needs_objects = true;
        self
    }

    /// For a process that speaks https: it is not ready without a certificate.
    pub(crate) fn with_certificate(mut self, certificate: Arc<ServedCertificate>) -> Self {
        self.certificate = Some(certificate);
        self
    }

    /// Counts a change of the settings.
    pub(crate) fn count_change(&self, taken: bool) {
        self.metrics.count_change(taken);
    }

    /// Adds a dependency that `/readyz` reports when it does not answer.
    pub(crate) fn with<F>(mut self, name: &'static str, answers: F) -> Self
    where
        F: Fn() -> BoxFuture<'static, bool> + Send + Sync + 'static,
    {
        self.peers.push(Dependency {
            name,
            answers: Arc::new(answers),
        });
        self
    }

    /// Names Redis likewise, and counts what it did not answer.
    pub(crate) fn with_cache(self, cache: &Cache) -> Self {
        self.metrics.with_cache(cache);
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
            Err(_) => Writable::No("a write timed out".to_owned()),
        };
        *last = Some((Instant::now(), found.clone()));
        found
    }

    /// The roles that do not answer now, a line each.
    async fn unreachable_peers(&self) -> String {
        let mut lines = String::new();
        for peer in &self.peers {
            let asked = timeout(PATIENCE, (peer.answers)()).await;
            if !asked.unwrap_or(false) {
                lines = lines + "without " + peer.name + "\n";
            }
        }
        lines
    }

    /// Adds the routes.
    pub(crate) fn around(self, router: Router) -> Router {
        let own = Router::new()
            .route("/livez", get(|| async { "alive\n" }))
            .route("/readyz", get(ready))
            .with_state(self);
        router.merge(own)
    }

    /// Looks at everything.
    async fn look(&self) -> Seen {
        let mut seen = Seen::default();
        let missing = &mut seen.missing;
        if self.stop.is_cancelled() {
            missing.push("stopping".to_owned());
        }
        let certificate = self.certificate.as_ref();
        if let Some(why) = certificate.and_then(|it| it.why_not(SystemClock.now())) {
            missing.push(format!("certificate: {why}"));
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
                    Writable::NoRoom => seen.full = true,
                    Writable::No(error) => missing.push(format!("database ({engine}): {error}")),
                },
                Ok(Ok(_)) => missing.push(format!("database ({engine}): run `virga migrate`")),
                Ok(Err(error)) => missing.push(format!("database ({engine}): {error}")),
                Err(_) => missing.push(format!("database ({engine}): it does not answer")),
            }
        }
        if let Some(store) = &self.store {
            let fault = match timeout(STORAGE_PATIENCE, store.check_answers()).await {
                Ok(Ok(())) => None,
                Ok(Err(ObjectError::NoRoom)) => {
                    seen.full = true;
                    None
                }
                Ok(Err(error)) => Some(error.to_string()),
                Err(_) => Some("they do not answer".to_owned()),
            };
            match fault {
                Some(fault) if self.needs_objects => missing.push(format!("objects: {fault}")),
                fault => seen.without_objects = fault,
            }
        }
        seen
    }
}

async fn ready(State(health): State<Health>) -> Response {
    let seen = health.look().await;
    if !seen.missing.is_empty() {
        let missing = seen.missing.join("\n") + "\n";
        return (StatusCode::SERVICE_UNAVAILABLE, missing).into_response();
    }
    let room = if seen.full { NO_ROOM } else { "" };
    let objects = seen
        .without_objects
        .map(|why| format!("without objects: {why}\n"));
    let away = health.unreachable_peers().await;
    format!("ready\n{room}{}{away}", objects.unwrap_or_default()).into_response()
}

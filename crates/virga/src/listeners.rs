//! The listeners of a process: the role's own, and one for the numbers alone where the settings name
//! one.

use anyhow::Context;
use axum::{
    Router,
    extract::{Request, State},
    middleware,
    response::{IntoResponse, Response},
    routing::get,
};
use http::StatusCode;
use std::{fs, sync::Arc};
use tokio::net::TcpListener;
use virga_core::paths::RoleName;
use virga_http::{layers, serve};

use crate::{
    config::{Config, MetricsConfig},
    health::Health,
    lifecycle::Lifecycle,
    metrics::{self, Metrics, Readers, Sources},
    parts::Parts,
};

/// Binds a role's port.
pub(crate) async fn bind(parts: &Parts, role: RoleName) -> anyhow::Result<TcpListener> {
    let host = if role == RoleName::Web {
        "0.0.0.0"
    } else {
        "127.0.0.1"
    };
    let address = match &parts.config.http.listen {
        Some(listen) => listen.clone(),
        None => format!("{host}:{}", role.default_port()),
    };
    TcpListener::bind(&address).await.with_context(|| {
        format!("cannot listen on {address}; choose another with --listen ADDR:PORT")
    })
}

/// The token that scrapers show, where one is set.
pub(crate) fn token(config: &MetricsConfig) -> anyhow::Result<Option<Arc<str>>> {
    let Some(file) = &config.token_file else {
        return Ok(None);
    };
    let text = fs::read_to_string(file)
        .with_context(|| format!("cannot read metrics.token_file {}", file.display()))?;
    let token = text.lines().next().unwrap_or_default().trim();
    anyhow::ensure!(
        token.len() >= 16,
        "the first line of metrics.token_file {} has fewer than 16 characters",
        file.display()
    );
    Ok(Some(token.into()))
}

/// Where a role answers for its numbers alone: roles of one machine share the settings, so each takes
/// the next port.
pub(crate) fn metrics_address(listen: &str, role: RoleName) -> anyhow::Result<String> {
    let wrong = || format!("metrics.listen {listen:?} is not ADDRESS:PORT");
    let (host, port) = listen.rsplit_once(':').with_context(wrong)?;
    let port: u16 = port.parse().with_context(wrong)?;
    let offset = match role {
        RoleName::Web => 0,
        RoleName::Api => 1,
        RoleName::Stream => 2,
        RoleName::Dispatcher => 3,
    };
    let port = port.checked_add(offset).with_context(wrong)?;
    Ok(format!("{host}:{port}"))
}

/// Who asks for numbers, and where they come from.
#[derive(Clone, Debug)]
struct Numbers {
    metrics: Metrics,
    sources: Sources,
    readers: Readers,
    /// Asked for on the listener of its own, which everybody may who reaches it.
    token: Option<Arc<str>>,
}

fn sources(config: &Config, parts: &Parts, health: &Health) -> Sources {
    Sources {
        db: health.db.clone(),
        store: health.store.clone(),
        folders: vec![
            ("data", config.data.dir.clone()),
            ("scratch", parts.scratch()),
        ],
    }
}

async fn numbers(State(numbers): State<Numbers>, request: Request) -> Response {
    if !numbers.readers.admit(&request) {
        return StatusCode::NOT_FOUND.into_response();
    }
    numbers
        .metrics
        .answer(&numbers.sources, request.headers())
        .await
}

async fn numbers_alone(State(numbers): State<Numbers>, request: Request) -> Response {
    let admitted = |token: &Arc<str>| metrics::bears(request.headers(), token);
    if !numbers.token.as_ref().is_none_or(admitted) {
        return StatusCode::UNAUTHORIZED.into_response();
    }
    numbers
        .metrics
        .answer(&numbers.sources, request.headers())
        .await
}

/// Serves a router on a listener as a vital part, with health routes, numbers and the listener's
/// layers.
pub(crate) async fn listen(
    parts: &Parts,
    role: RoleName,
    listener: TcpListener,
    router: Router,
    health: Health,
    life: &Lifecycle,
) -> anyhow::Result<()> {
    let settings = &parts.config.metrics;
    let token = token(settings)?;
    let numbers_of = Numbers {
        metrics: health.metrics.clone(),
        sources: sources(&parts.config, parts, &health),
        readers: match (&settings.listen, &token) {
            (Some(_), _) => Readers::Nobody,
            (None, Some(token)) => Readers::Token(Arc::clone(token)),
            (None, None) => Readers::Near,
        },
        token,
    };
    if let Some(listen) = &settings.listen {
        let address = metrics_address(listen, role)?;
        let alone = TcpListener::bind(&address).await;
        let alone =
            alone.with_context(|| format!("cannot listen on {address} (metrics.listen)"))?;
        let router = Router::new()
            .route("/metrics", get(numbers_alone))
            .with_state(numbers_of.clone());
        serve_on(parts, "metrics", alone, router, life);
    }
    let counted = health.metrics.clone();
    let own = Router::new()
        .route("/metrics", get(numbers))
        .with_state(numbers_of);
    let router = health.around(router).merge(own);
    let router = layers::wrap(router, parts.listener());
    // Outside of everything, so that refusals of the layers are counted too.
    let router = router.layer(middleware::from_fn_with_state(counted, metrics::count));
    let (config, stop) = (parts.listener(), life.stop.clone());
    life.vital("listener", async move {
        Ok(serve::serve(listener, router, &config, stop).await?)
    });
    Ok(())
}

fn serve_on(
    parts: &Parts,
    name: &'static str,
    listener: TcpListener,
    router: Router,
    life: &Lifecycle,
) {
    let (config, stop) = (parts.listener(), life.stop.clone());
    let router = layers::wrap(router, config.clone());
    life.vital(name, async move {
        Ok(serve::serve(listener, router, &config, stop).await?)
    });
}

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
use std::{
    fs,
    net::{IpAddr, Ipv4Addr, SocketAddr},
    sync::Arc,
};
use tokio::net::TcpListener;
use virga_core::paths::RoleName;
use virga_http::{
    layers::{self, ListenerConfig},
    serve,
};

use crate::{
    config::{Config, HttpConfig, MetricsConfig, TlsMode},
    health::Health,
    lifecycle::Lifecycle,
    metrics::{self, Metrics, Readers, Sources},
    parts::RoleParts,
};

/// The port of https.
pub(crate) const HTTPS: u16 = 443;

/// Binds a role's port.
pub(crate) async fn bind(parts: &RoleParts, role: RoleName) -> anyhow::Result<TcpListener> {
    let address = address(&parts.config.http, role);
    TcpListener::bind(&address).await.with_context(|| {
        format!("cannot listen on {address}; choose another with http.listen or --listen")
    })
}

/// Where a role listens. A setting without a port is for all roles of a machine, which share the
/// settings: each takes its own port there.
pub(crate) fn address(http: &HttpConfig, role: RoleName) -> String {
    let port = match http.tls {
        TlsMode::Files | TlsMode::Auto if role == RoleName::Web => HTTPS,
        _ => role.default_port(),
    };
    address_with(http.listen.as_deref(), role, port)
}

fn address_with(listen: Option<&str>, role: RoleName, port: u16) -> String {
    let host = match listen {
        Some(listen) => match without_port(listen) {
            Some(host) => host,
            None => return listen.to_owned(),
        },
        // The pages are for everybody; who else is reached is the operator's decision.
        None if role == RoleName::Web => Ipv4Addr::UNSPECIFIED.into(),
        None => Ipv4Addr::LOCALHOST.into(),
    };
    SocketAddr::new(host, port).to_string()
}

/// An IP address alone, with or without the brackets of IPv6.
fn without_port(listen: &str) -> Option<IpAddr> {
    let inner = listen.strip_prefix('[').and_then(|it| it.strip_suffix(']'));
    inner.unwrap_or(listen).parse().ok()
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

fn sources(config: &Config, parts: &RoleParts, health: &Health) -> Sources {
    Sources {
        db: health.db.clone(),
        store: health.store.clone(),
        folders: vec![
            ("data", config.data.dir.clone()),
            ("scratch", parts.scratch()),
        ],
        certificate: health.certificate.clone(),
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
    let admitted = |token: &Arc<str>| metrics::has_token(request.headers(), token);
    if !numbers.token.as_ref().is_none_or(admitted) {
        return StatusCode::UNAUTHORIZED.into_response();
    }
    numbers
        .metrics
        .answer(&numbers.sources, request.headers())
        .await
}

/// Where a role answers: the socket, and what it is encrypted with.
#[derive(Debug)]
pub(crate) struct Port {
    pub(crate) listener: TcpListener,
    pub(crate) tls: Option<Arc<rustls::ServerConfig>>,
}

/// Serves a router on a listener as a vital part, with health routes, numbers and the listener's
/// layers.
pub(crate) async fn listen(
    parts: &RoleParts,
    role: RoleName,
    port: Port,
    router: Router,
    health: Health,
    life: &Lifecycle,
) -> anyhow::Result<()> {
    let Port { listener, tls } = port;
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
    let config = ListenerConfig {
        https_only: tls.is_some(),
        ..parts.listener()
    };
    let router = layers::wrap(router, config.clone());
    // Outside of everything, so that refusals of the layers are counted too.
    let router = router.layer(middleware::from_fn_with_state(counted, metrics::count));
    let stop = life.stop.clone();
    life.vital("listener", async move {
        Ok(serve::serve(listener, tls, router, &config, stop).await?)
    });
    Ok(())
}

/// Serves a router without TLS, as a vital part.
pub(crate) fn serve_on(
    parts: &RoleParts,
    name: &'static str,
    listener: TcpListener,
    router: Router,
    life: &Lifecycle,
) {
    let (config, stop) = (parts.listener(), life.stop.clone());
    let router = layers::wrap(router, config.clone());
    life.vital(name, async move {
        Ok(serve::serve(listener, None, router, &config, stop).await?)
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    /// One file of settings serves all roles of a machine: an address alone must not give them one port.
    #[test]
    fn an_address_without_a_port_gives_each_role_its_own() {
        for (listen, role, expected) in [
            (None, RoleName::Web, "0.0.0.0:8080"),
            (None, RoleName::Api, "127.0.0.1:9000"),
            (Some("10.0.0.2"), RoleName::Web, "10.0.0.2:8080"),
            (Some("10.0.0.2"), RoleName::Api, "10.0.0.2:9000"),
            (Some("0.0.0.0"), RoleName::Stream, "0.0.0.0:9001"),
            (Some("::"), RoleName::Dispatcher, "[::]:9002"),
            (Some("[::1]"), RoleName::Api, "[::1]:9000"),
            (Some("[::1]:80"), RoleName::Api, "[::1]:80"),
            (Some("10.0.0.2:81"), RoleName::Api, "10.0.0.2:81"),
            (Some("localhost:81"), RoleName::Api, "localhost:81"),
        ] {
            let mut http = HttpConfig {
                listen: listen.map(str::to_owned),
                ..HttpConfig::default()
            };
            assert_eq!(address(&http, role), expected, "{listen:?} {role:?}");
            http.tls = TlsMode::Auto;
            let https = expected.replace(":8080", ":443");
            assert_eq!(address(&http, role), https, "{listen:?} {role:?}");
        }
    }
}

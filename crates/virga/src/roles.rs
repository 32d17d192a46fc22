//! One function a role: puts its parts together and hands back its router. `serve` merges them all.

use anyhow::Context;
use axum::Router;
use futures_util::FutureExt;
use http_body_util::BodyExt;
use std::{convert::Infallible, net::Ipv4Addr, sync::Arc};
use tokio::net::TcpListener;
use tower::{ServiceExt, service_fn, util::BoxCloneSyncService};
use virga_api::{ApiParts, ApiState};
use virga_app::App;
use virga_client::{ApiClient, Caller, InProcess, TransportError};
use virga_core::{
    keys::Voucher,
    paths::{self, RoleName},
};
use virga_dispatcher::{Dispatcher, Launcher};
use virga_http::{layers, serve};
use virga_stream::{MediaOrigins, StreamParts, StreamState};
use virga_web::WebState;

use crate::{health::Health, lifecycle::Lifecycle, parts::Parts};

/// The control plane over a database.
pub(crate) async fn api(parts: &Parts, app: App, life: &Lifecycle) -> anyhow::Result<Router> {
    let state = ApiState::start(ApiParts {
        app,
        keys: parts.keys.clone(),
        delivery: parts.delivery.clone(),
        cache: parts.cache.clone(),
        config: parts.live.api.clone(),
        tracker: life.tracker.clone(),
        stop: life.stop.clone(),
    })
    .await?;
    Ok(virga_api::router(state))
}

/// The data plane; follows the feed of changes through `api`.
pub(crate) fn stream(parts: &Parts, api: ApiClient, life: &Lifecycle) -> Router {
    let state = StreamState::new(
        &parts.config.stream,
        StreamParts {
            keep_free: parts.live.keep_free.clone(),
            store: Arc::clone(&parts.objects.store),
            sessions: Arc::clone(&parts.objects.sessions),
            keys: Arc::new(parts.keys.clone()),
            clock: Arc::clone(&parts.clock),
            delivery: parts.delivery.clone(),
            origins: MediaOrigins::new(
                parts.config.http.media_cors,
                &parts.config.web.embed_ancestors,
            ),
            api: api.clone(),
        },
    );
    let follow = state.presentations().clone().follow(api, life.stop.clone());
    life.vital("changes", async move {
        follow.await;
        Ok(())
    });
    virga_stream::router(state)
}

/// Pages over `api`.
pub(crate) fn web(parts: &Parts, api: ApiClient) -> Router {
    virga_web::router(WebState::new(
        api,
        parts.origin.clone(),
        Arc::clone(&parts.clock),
        Arc::clone(&parts.entropy),
        parts.config.web.clone(),
    ))
}

/// Starts ffmpeg by re-executing this program.
pub(crate) fn launcher() -> anyhow::Result<Launcher> {
    Ok(Launcher {
        program: std::env::current_exe().context("cannot find my own program file")?,
        arguments: vec!["launch-ffmpeg".into()],
    })
}

/// Adds to `/readyz` whether the workers of this process can encode; the log says which layers of
/// the sandbox hold.
pub(crate) async fn with_sandbox(parts: &Parts, health: Health) -> anyhow::Result<Health> {
    let (config, launcher) = (parts.config.dispatcher.clone(), launcher()?);
    let look = move || virga_dispatcher::can_encode(&config, &launcher);
    let confined = tokio::task::spawn_blocking(look).await?;
    Ok(health.with(
        "a sandbox for ffmpeg (nothing is encoded: see virga doctor)",
        move || std::future::ready(confined).boxed(),
    ))
}

/// Workers, as a vital part of the process.
pub(crate) fn dispatcher(parts: &Parts, app: App, life: &Lifecycle) -> anyhow::Result<()> {
    let host = rustix::system::uname()
        .nodename()
        .to_string_lossy()
        .into_owned();
    let dispatcher = Dispatcher {
        app,
        config: Arc::new(parts.config.dispatcher.clone()),
        scratch: parts.scratch(),
        launcher: launcher()?,
        worker: format!("{host}/{}", std::process::id()),
    };
    let stop = life.stop.clone();
    life.vital("dispatcher", async move {
        virga_dispatcher::run(dispatcher, stop).await;
        Ok(())
    });
    Ok(())
}

/// The API's router as a service of this process.
pub(crate) fn in_process(router: Router) -> ApiClient {
    let service: InProcess =
        BoxCloneSyncService::new(service_fn(move |request: http::Request<_>| {
            let router = router.clone();
            async move {
                let answer = router.oneshot(request.map(axum::body::Body::new)).await?;
                Ok::<_, Infallible>(
                    answer.map(|body| body.map_err(TransportError::new).boxed_unsync()),
                )
            }
        }));
    ApiClient::in_process(service)
}

/// The API over the network, for roles on their own.
pub(crate) fn remote_api(parts: &Parts) -> anyhow::Result<ApiClient> {
    let text = &parts.config.services.api;
    let base = text
        .parse()
        .with_context(|| format!("services.api {text:?} is no URL"))?;
    let client = reqwest::Client::builder()
        .connect_timeout(std::time::Duration::from_secs(2))
        .redirect(reqwest::redirect::Policy::none())
        .no_proxy()
        .build()?;
    Ok(ApiClient::over_http(
        &base,
        client,
        parts.keys.clone(),
        Arc::clone(&parts.clock),
    ))
}

/// Whether the API answers now.
pub(crate) async fn answers(api: ApiClient) -> bool {
    let me = Caller {
        token: None,
        voucher: Voucher {
            address: Ipv4Addr::LOCALHOST.into(),
            request_id: "readiness".to_owned(),
        },
    };
    api.as_caller(me).site().await.is_ok()
}

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

/// Serves a router on a listener as a vital part, with health routes and the listener's layers.
pub(crate) fn listen(
    parts: &Parts,
    listener: TcpListener,
    router: Router,
    health: Health,
    life: &Lifecycle,
) {
    let config = parts.listener();
    let router = layers::wrap(health.around(router), config.clone());
    let stop = life.stop.clone();
    life.vital("listener", async move {
        Ok(serve::serve(listener, router, &config, stop).await?)
    });
}

/// The public origin in one process: each path to its role, by the table in `virga_core::paths`.
pub(crate) fn merged(web: Router, api: Router, stream: Router) -> Router {
    let service = service_fn(move |request: axum::extract::Request| {
        let router = match paths::role_of(request.uri().path()) {
            Some(RoleName::Api) => api.clone(),
            Some(RoleName::Stream) => stream.clone(),
            _ => web.clone(),
        };
        router.oneshot(request)
    });
    Router::new().fallback_service(service)
}

//! One function a role: puts its parts together and hands back its router. `serve` merges them all.

use anyhow::Context;
use axum::Router;
use futures_util::FutureExt;
use http_body_util::BodyExt;
use std::{
    convert::Infallible,
    net::Ipv4Addr,
    path::{Path, PathBuf},
    sync::Arc,
};
use tower::{ServiceExt, service_fn, util::BoxCloneSyncService};
use virga_api::{ApiParts, ApiState};
use virga_app::App;
use virga_client::{ApiClient, Caller, InProcess, TransportError};
use virga_core::{
    keys::Voucher,
    paths::{self, RoleName},
};
use virga_dispatcher::{Dispatcher, DispatcherConfig, EncoderMemory, Launcher};
use virga_stream::{MediaOrigins, StreamParts, StreamState};
use virga_web::WebState;

use crate::{health::Health, lifecycle::Lifecycle, parts::RoleParts};

/// The control plane over a database.
pub(crate) async fn api(parts: &RoleParts, app: App, life: &Lifecycle) -> anyhow::Result<Router> {
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
pub(crate) fn stream(parts: &RoleParts, api: ApiClient, life: &Lifecycle) -> Router {
    let state = StreamState::new(
        &parts.config.stream,
        StreamParts {
            keep_free: parts.live.keep_free.clone(),
            store: parts.objects.for_viewers(),
            sessions: Arc::clone(&parts.objects.sessions),
            keys: Arc::new(parts.keys.clone()),
            clock: Arc::clone(&parts.clock),
            delivery: parts.delivery.clone(),
            egress: parts.live.egress.clone(),
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
    let turns = state.clone().give_turns(life.stop.clone());
    life.vital("turns", async move {
        turns.await;
        Ok(())
    });
    let close = state.clone().close_files(life.stop.clone());
    life.vital("files", async move {
        close.await;
        Ok(())
    });
    virga_stream::router(state)
}

/// Pages over `api`.
pub(crate) fn web(parts: &RoleParts, api: ApiClient) -> Router {
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

/// Those of ffmpeg's programs that are not on this machine.
fn missing_programs(config: &DispatcherConfig) -> Vec<PathBuf> {
    let search = std::env::var_os("PATH").unwrap_or_default();
    let found = |program: &Path| {
        // A name with a folder in it is no name to search for.
        let mut folders = std::env::split_paths(&search);
        program.is_file() || folders.any(|folder| folder.join(program).is_file())
    };
    [&config.ffmpeg, &config.ffprobe]
        .into_iter()
        .filter(|program| !found(program))
        .cloned()
        .collect()
}

/// Adds to `/readyz` whether the workers of this process can encode; the log says which layers of
/// the sandbox hold, and names a missing ffmpeg.
pub(crate) async fn with_sandbox(parts: &RoleParts, health: Health) -> anyhow::Result<Health> {
    let settings = parts.config.dispatcher.clone();
    for program in missing_programs(&settings) {
        let program = program.display();
        tracing::error!(%program, "not found: no video can be processed until ffmpeg is installed");
    }
    let health = health.with(
        "ffmpeg (no video can be processed: install it)",
        move || std::future::ready(missing_programs(&settings).is_empty()).boxed(),
    );
    let (config, launcher) = (parts.config.dispatcher.clone(), launcher()?);
    let look = move || virga_dispatcher::can_encode(&config, &launcher);
    let confined = tokio::task::spawn_blocking(look).await?;
    Ok(health.with(
        "a sandbox for ffmpeg (nothing is encoded: see virga doctor)",
        move || std::future::ready(confined).boxed(),
    ))
}

/// Workers, as a vital part of the process.
pub(crate) fn dispatcher(parts: &RoleParts, app: App, life: &Lifecycle) -> anyhow::Result<()> {
    let host = rustix::system::uname()
        .nodename()
        .to_string_lossy()
        .into_owned();
    let dispatcher = Dispatcher {
        app,
        config: Arc::new(parts.config.dispatcher.clone()),
        scratch: parts.scratch(),
        launcher: launcher()?,
        memory: EncoderMemory::of_machine(),
        scrub: parts.config.storage.scrub_rate(parts.config.objects.kind),
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
pub(crate) fn remote_api(parts: &RoleParts) -> anyhow::Result<ApiClient> {
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

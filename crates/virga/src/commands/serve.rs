//! `serve` and the four roles.

use axum::Router;
use futures_util::FutureExt;
use std::{net::SocketAddr, process::ExitCode, sync::Arc, time::Duration};
use virga_app::{App, SetupLink};
use virga_core::paths::RoleName;
use virga_db::Db;

use super::say;
use crate::{
    config::Loaded,
    health::Health,
    lifecycle::Lifecycle,
    listeners,
    parts::{Ask, Parts, open_database},
    redis,
    reload::Reload,
    roles,
    start::{Later, once_answered},
    telemetry,
};

/// What the database gets to close its connections.
const CLOSING: Duration = Duration::from_secs(5);

/// The whole site in one process on one port.
pub(crate) async fn all(loaded: Loaded) -> anyhow::Result<ExitCode> {
    let Loaded { flags, config, .. } = loaded;
    let log = telemetry::start(&config.log)?;
    let db = open_database(&config, Ask::Later).await?;
    let database = db.clone();
    let parts = Parts::open(config).await?;
    let (life, app) = (parts.lifecycle(), parts.app(db.clone()));
    redis::start(&parts.cache, &app.wake, &life);
    let listener = listeners::bind(&parts, RoleName::Web).await?;
    let address = listener.local_addr()?;
    let api = Later::default();
    let client = roles::in_process(api.router());
    let stream = roles::stream(&parts, client.clone(), &life);
    let router = roles::merged(roles::web(&parts, client), api.router(), stream);
    let health = roles::with_sandbox(&parts, health(Some(&db), &parts, &life)).await?;
    listeners::listen(
        &parts,
        RoleName::Web,
        listener,
        router,
        health.clone(),
        &life,
    )
    .await?;
    Reload::follow(flags, log, &parts, &health, &life);
    let ended = life.clone().run();
    life.clone().vital("start", async move {
        let work = || set_up_api(&parts, &app, &life);
        if let Some((router, link)) = once_answered(&db, &life, work).await? {
            api.set(router);
            roles::dispatcher(&parts, app, &life)?;
            health.set_started();
            greet(&parts, link.as_ref(), address);
        }
        life.stop.cancelled().await;
        Ok(())
    });
    closed(ended, database).await
}

/// Waits for the end of the process's parts, then closes the database, so that nothing is left in its
/// log for the next start.
async fn closed(
    ended: impl Future<Output = anyhow::Result<ExitCode>>,
    db: Db,
) -> anyhow::Result<ExitCode> {
    let code = ended.await?;
    if tokio::time::timeout(CLOSING, db.close()).await.is_err() {
        tracing::warn!("the database was still in use when the process ended");
    }
    Ok(code)
}

/// The control plane, and the link to its first administrator where it has none yet.
async fn set_up_api(
    parts: &Parts,
    app: &App,
    life: &Lifecycle,
) -> anyhow::Result<(Router, Option<SetupLink>)> {
    let router = roles::api(parts, app.clone(), life).await?;
    Ok((router, app.offer_setup().await?))
}

fn health(db: Option<&Db>, parts: &Parts, life: &Lifecycle) -> Health {
    let store = Arc::clone(&parts.objects.store);
    let health = Health::new(db.cloned(), Some(store), life.draining.clone());
    // Who works with rows is who works with Redis.
    if db.is_some() && parts.cache.is_set() {
        health.with_cache(&parts.cache)
    } else {
        health
    }
}

/// Pages only.
pub(crate) async fn web(loaded: Loaded) -> anyhow::Result<ExitCode> {
    let Loaded { flags, config, .. } = loaded;
    let log = telemetry::start(&config.log)?;
    let parts = Parts::open(config).await?;
    let life = parts.lifecycle();
    let listener = listeners::bind(&parts, RoleName::Web).await?;
    let api = roles::remote_api(&parts)?;
    let router = roles::web(&parts, api.clone());
    listening(RoleName::Web, listener.local_addr()?);
    let health = Health::new(None, None, life.draining.clone())
        .with("api", move || roles::answers(api.clone()).boxed());
    listeners::listen(
        &parts,
        RoleName::Web,
        listener,
        router,
        health.clone(),
        &life,
    )
    .await?;
    Reload::follow(flags, log, &parts, &health, &life);
    health.set_started();
    life.run().await
}

/// Control plane only.
pub(crate) async fn api(loaded: Loaded) -> anyhow::Result<ExitCode> {
    let Loaded { flags, config, .. } = loaded;
    let log = telemetry::start(&config.log)?;
    let db = open_database(&config, Ask::Later).await?;
    let database = db.clone();
    let parts = Parts::open(config).await?;
    let (life, app) = (parts.lifecycle(), parts.app(db.clone()));
    redis::start(&parts.cache, &app.wake, &life);
    let listener = listeners::bind(&parts, RoleName::Api).await?;
    listening(RoleName::Api, listener.local_addr()?);
    let api = Later::default();
    let health = health(Some(&db), &parts, &life);
    listeners::listen(
        &parts,
        RoleName::Api,
        listener,
        api.router(),
        health.clone(),
        &life,
    )
    .await?;
    Reload::follow(flags, log, &parts, &health, &life);
    let ended = life.clone().run();
    life.clone().vital("start", async move {
        let work = || set_up_api(&parts, &app, &life);
        if let Some((router, link)) = once_answered(&db, &life, work).await? {
            api.set(router);
            health.set_started();
            if let Some(link) = link {
                say(format!(
                    "First administrator: open {} on the site, within an hour.",
                    link.path()
                ));
            }
        }
        life.stop.cancelled().await;
        Ok(())
    });
    closed(ended, database).await
}

/// Data plane only.
pub(crate) async fn stream(loaded: Loaded) -> anyhow::Result<ExitCode> {
    let Loaded { flags, config, .. } = loaded;
    let log = telemetry::start(&config.log)?;
    let parts = Parts::open(config).await?;
    let life = parts.lifecycle();
    let listener = listeners::bind(&parts, RoleName::Stream).await?;
    let api = roles::remote_api(&parts)?;
    let router = roles::stream(&parts, api.clone(), &life);
    listening(RoleName::Stream, listener.local_addr()?);
    let health = health(None, &parts, &life)
        .needing_objects()
        .with("api", move || roles::answers(api.clone()).boxed());
    listeners::listen(
        &parts,
        RoleName::Stream,
        listener,
        router,
        health.clone(),
        &life,
    )
    .await?;
    Reload::follow(flags, log, &parts, &health, &life);
    health.set_started();
    life.run().await
}

/// Workers only.
pub(crate) async fn dispatcher(loaded: Loaded) -> anyhow::Result<ExitCode> {
    let Loaded { flags, config, .. } = loaded;
    let log = telemetry::start(&config.log)?;
    let db = open_database(&config, Ask::Later).await?;
    let database = db.clone();
    let parts = Parts::open(config).await?;
    let (life, app) = (parts.lifecycle(), parts.app(db.clone()));
    redis::start(&parts.cache, &app.wake, &life);
    let listener = listeners::bind(&parts, RoleName::Dispatcher).await?;
    listening(RoleName::Dispatcher, listener.local_addr()?);
    let health = roles::with_sandbox(&parts, health(Some(&db), &parts, &life)).await?;
    listeners::listen(
        &parts,
        RoleName::Dispatcher,
        listener,
        Router::new(),
        health.clone(),
        &life,
    )
    .await?;
    Reload::follow(flags, log, &parts, &health, &life);
    let ended = life.clone().run();
    life.clone().vital("start", async move {
        if once_answered(&db, &life, || async { Ok(()) })
            .await?
            .is_some()
        {
            roles::dispatcher(&parts, app, &life)?;
            health.set_started();
        }
        life.stop.cancelled().await;
        Ok(())
    });
    closed(ended, database).await
}

fn listening(role: RoleName, address: SocketAddr) {
    say(format!("virga {} listens on {address}", role.as_str()));
}

fn greet(parts: &Parts, link: Option<&SetupLink>, address: SocketAddr) {
    let site = match &parts.config.http.public_url {
        Some(url) => url.trim_end_matches('/').to_owned(),
        None if address.ip().is_unspecified() => format!("http://localhost:{}", address.port()),
        None => format!("http://{address}"),
    };
    say(format!("Virga is ready: {site}"));
    if address.ip().is_unspecified() && parts.origin.0.is_none() {
        say("  (from another computer: this machine's name or address in place of localhost)");
    }
    if !parts.origin.is_https() {
        say(
            "  (plain http: fine at home; on the internet put https in front and set http.public_url)",
        );
    }
    if let Some(link) = link {
        say(format!(
            "First administrator: open {site}{} within an hour. The link works once.",
            link.path()
        ));
    }
}

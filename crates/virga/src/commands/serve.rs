//! `serve` and the four roles.

use futures_util::FutureExt;
use std::{net::SocketAddr, process::ExitCode, sync::Arc};
use virga_app::App;
use virga_core::paths::RoleName;

use super::say;
use crate::{
    config::Config,
    health::Health,
    lifecycle::Lifecycle,
    parts::{Parts, migrated_database},
    roles, telemetry,
};

/// The whole site in one process on one port.
pub(crate) async fn all(config: Config) -> anyhow::Result<ExitCode> {
    telemetry::start(&config.log)?;
    let db = migrated_database(&config).await?;
    let parts = Parts::open(config).await?;
    let (life, app) = (Lifecycle::default(), parts.app(db.clone()));
    let listener = roles::bind(&parts, RoleName::Web).await?;
    let address = listener.local_addr()?;
    let api = roles::api(&parts, app.clone(), &life).await?;
    let client = roles::in_process(api.clone());
    let stream = roles::stream(&parts, client.clone(), &life);
    let router = roles::merged(roles::web(&parts, client), api, stream);
    roles::dispatcher(&parts, app.clone(), &life)?;
    let health = Health::new(
        Some(db),
        Some(Arc::clone(&parts.objects.store)),
        life.stop.clone(),
    );
    roles::listen(&parts, listener, router, health, &life);
    greet(&parts, &app, address).await?;
    life.run().await
}

/// Pages only.
pub(crate) async fn web(config: Config) -> anyhow::Result<ExitCode> {
    telemetry::start(&config.log)?;
    let parts = Parts::open(config).await?;
    let life = Lifecycle::default();
    let listener = roles::bind(&parts, RoleName::Web).await?;
    let api = roles::remote_api(&parts)?;
    let router = roles::web(&parts, api.clone());
    listening(RoleName::Web, listener.local_addr()?);
    let health = Health::new(None, None, life.stop.clone())
        .with("api", move || roles::answers(api.clone()).boxed());
    roles::listen(&parts, listener, router, health, &life);
    life.run().await
}

/// Control plane only.
pub(crate) async fn api(config: Config) -> anyhow::Result<ExitCode> {
    telemetry::start(&config.log)?;
    let db = migrated_database(&config).await?;
    let parts = Parts::open(config).await?;
    let (life, app) = (Lifecycle::default(), parts.app(db.clone()));
    let listener = roles::bind(&parts, RoleName::Api).await?;
    let address = listener.local_addr()?;
    let router = roles::api(&parts, app.clone(), &life).await?;
    listening(RoleName::Api, address);
    let health = Health::new(
        Some(db),
        Some(Arc::clone(&parts.objects.store)),
        life.stop.clone(),
    );
    roles::listen(&parts, listener, router, health, &life);
    if let Some(link) = app.offer_setup().await? {
        say(format!(
            "First administrator: open {} on the site, within an hour.",
            link.path()
        ));
    }
    life.run().await
}

/// Data plane only.
pub(crate) async fn stream(config: Config) -> anyhow::Result<ExitCode> {
    telemetry::start(&config.log)?;
    let parts = Parts::open(config).await?;
    let life = Lifecycle::default();
    let listener = roles::bind(&parts, RoleName::Stream).await?;
    let api = roles::remote_api(&parts)?;
    let router = roles::stream(&parts, api.clone(), &life);
    listening(RoleName::Stream, listener.local_addr()?);
    let health = Health::new(
        None,
        Some(Arc::clone(&parts.objects.store)),
        life.stop.clone(),
    )
    .with("api", move || roles::answers(api.clone()).boxed());
    roles::listen(&parts, listener, router, health, &life);
    life.run().await
}

/// Workers only.
pub(crate) async fn dispatcher(config: Config) -> anyhow::Result<ExitCode> {
    telemetry::start(&config.log)?;
    let db = migrated_database(&config).await?;
    let parts = Parts::open(config).await?;
    let life = Lifecycle::default();
    let listener = roles::bind(&parts, RoleName::Dispatcher).await?;
    listening(RoleName::Dispatcher, listener.local_addr()?);
    roles::dispatcher(&parts, parts.app(db.clone()), &life)?;
    let health = Health::new(
        Some(db),
        Some(Arc::clone(&parts.objects.store)),
        life.stop.clone(),
    );
    roles::listen(&parts, listener, axum::Router::new(), health, &life);
    life.run().await
}

fn listening(role: RoleName, address: SocketAddr) {
    say(format!("virga {} listens on {address}", role.as_str()));
}

async fn greet(parts: &Parts, app: &App, address: SocketAddr) -> anyhow::Result<()> {
    let site = match &parts.config.http.public_url {
        Some(url) => url.trim_end_matches('/').to_owned(),
        None if address.ip().is_unspecified() => format!("http://localhost:{}", address.port()),
        None => format!("http://{address}"),
    };
    say(format!("Virga is ready: {site}"));
    if !parts.origin.is_https() {
        say(
            "  (plain http: fine at home; on the internet put https in front and set http.public_url)",
        );
    }
    if let Some(link) = app.offer_setup().await? {
        say(format!(
            "First administrator: open {site}{} within an hour. The link works once.",
            link.path()
        ));
    }
    Ok(())
}

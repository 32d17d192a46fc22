//! `serve` and the four roles.

use axum::Router;
use futures_util::FutureExt;
use std::{net::SocketAddr, process::ExitCode, sync::Arc, time::Duration};
use virga_app::{App, SetupLink};
use virga_client::ApiClient;
use virga_core::paths::RoleName;
use virga_db::Db;

use super::say;
use crate::{
    config::Loaded,
    health::Health,
    lifecycle::Lifecycle,
    listeners::{self, Port},
    parts::{Ask, RoleParts, open_database},
    redis,
    reload::Reload,
    roles,
    start::{Later, once_answered},
    telemetry,
    tls::Https,
};

/// What the database gets to close its connections.
const CLOSING: Duration = Duration::from_secs(5);

/// Runs one role, or the whole site in one process on one port.
pub(crate) async fn run(loaded: Loaded, only: Option<RoleName>) -> anyhow::Result<ExitCode> {
    let Loaded { flags, config, .. } = loaded;
    let log = telemetry::start(&config.log)?;
    let db = match only {
        Some(RoleName::Web | RoleName::Stream) => None,
        _ => Some(open_database(&config, Ask::Later).await?),
    };
    let parts = RoleParts::open(config).await?;
    let life = parts.lifecycle();
    let app = db.clone().map(|db| App {
        tasks: life.tracker.clone(),
        ..parts.app(db)
    });
    if let Some(app) = &app {
        redis::start(&parts.cache, &app.wake, &life);
    }
    let role = only.unwrap_or(RoleName::Web);
    let https = Https::open(&parts, only)?;
    let listener = listeners::bind(&parts, role).await?;
    let address = listener.local_addr()?;
    let api = Later::default();
    let health = health(only, db.as_ref(), &parts, &life).await?;
    let (router, health) = match only {
        None => {
            let client = roles::in_process(api.router());
            let stream = roles::stream(&parts, client.clone(), &life);
            let web = roles::web(&parts, client);
            (roles::merged(web, api.router(), stream), health)
        }
        Some(RoleName::Api) => (api.router(), health),
        Some(RoleName::Dispatcher) => (Router::new(), health),
        Some(RoleName::Web) => {
            let remote = roles::remote_api(&parts)?;
            (roles::web(&parts, remote.clone()), with_api(health, remote))
        }
        Some(RoleName::Stream) => {
            let remote = roles::remote_api(&parts)?;
            let router = roles::stream(&parts, remote.clone(), &life);
            (router, with_api(health, remote))
        }
    };
    if only.is_some() {
        say(format!("virga {} listens on {address}", role.as_str()));
    }
    let health = match &https {
        Some(https) => health.with_certificate(https.certificate()),
        None => health,
    };
    let tls = https.as_ref().map(Https::settings);
    let port = Port { listener, tls };
    listeners::listen(&parts, role, port, router, health.clone(), &life).await?;
    if let Some(https) = https {
        https.start(&parts, health.clone(), &life).await?;
    }
    Reload::follow(flags, log, &parts, &health, &life);
    let Some((db, app)) = db.zip(app) else {
        health.set_started();
        return life.run().await;
    };
    let ended = life.clone().run();
    let later = Start {
        only,
        parts,
        app,
        api,
        health,
        address,
    };
    life.clone().vital("start", later.run(life));
    closed(ended, db).await
}

/// What is set up once the database answers.
struct Start {
    only: Option<RoleName>,
    parts: RoleParts,
    app: App,
    api: Later,
    health: Health,
    address: SocketAddr,
}

impl Start {
    async fn run(self, life: Lifecycle) -> anyhow::Result<()> {
        let has = |role| self.only.is_none_or(|only| only == role);
        let work = || async {
            let router = if has(RoleName::Api) {
                Some(roles::api(&self.parts, self.app.clone(), &life).await?)
            } else {
                None
            };
            let link = match &router {
                Some(_) => self.app.offer_setup().await?,
                None => None,
            };
            anyhow::Ok((router, link))
        };
        if let Some((router, link)) = once_answered(&self.app.db, &life, work).await? {
            if let Some(router) = router {
                self.api.set(router);
            }
            if has(RoleName::Dispatcher) {
                roles::dispatcher(&self.parts, self.app.clone(), &life)?;
            }
            self.health.set_started();
            self.greet(link.as_ref());
        }
        life.stop.cancelled().await;
        Ok(())
    }

    fn greet(&self, link: Option<&SetupLink>) {
        let link = link.map(SetupLink::path);
        match (self.only, link) {
            (None, link) => greet(&self.parts, link.as_deref(), self.address),
            (Some(_), Some(path)) => say(format!(
                "First administrator: open {path} on the site, within an hour."
            )),
            (Some(_), None) => {}
        }
    }
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

/// What `/readyz` looks at.
async fn health(
    only: Option<RoleName>,
    db: Option<&Db>,
    parts: &RoleParts,
    life: &Lifecycle,
) -> anyhow::Result<Health> {
    let store = (only != Some(RoleName::Web)).then(|| Arc::clone(&parts.objects.store));
    let mut health = Health::new(db.cloned(), store, life.draining.clone());
    // Who works with rows is who works with Redis.
    if db.is_some() && parts.cache.is_set() {
        health = health.with_cache(&parts.cache);
    }
    match only {
        None | Some(RoleName::Dispatcher) => roles::with_sandbox(parts, health).await,
        Some(RoleName::Stream) => Ok(health.needing_objects()),
        Some(RoleName::Web | RoleName::Api) => Ok(health),
    }
}

fn with_api(health: Health, api: ApiClient) -> Health {
    health.with("api", move || roles::answers(api.clone()).boxed())
}

fn greet(parts: &RoleParts, link: Option<&str>, address: SocketAddr) {
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
        say("  (plain http: fine at home; on the internet set http.public_url and http.tls)");
    }
    if let Some(link) = link {
        say(format!(
            "First administrator: open {site}{link} within an hour. The link works once."
        ));
    }
}

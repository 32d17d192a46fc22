//! The parts that roles are composed of: database, store, keys, clock.

use anyhow::{Context, anyhow, bail, ensure};
use http::Uri;
use rustix::fs::Mode;
use std::{fs, os::unix::fs::PermissionsExt, path::PathBuf, sync::Arc, time::Duration};
use tokio_util::task::TaskTracker;
use virga_api::ApiConfig;
use virga_app::{App, Notifiers, Policy};
use virga_cache::Cache;
use virga_core::{OsEntropy, Reloadable, SharedClock, SharedEntropy, SystemClock, keys::KeyRing};
use virga_db::Db;
use virga_delivery::Delivery;
use virga_http::{Vouching, layers::ListenerConfig, origin::SiteOrigin};
use virga_stream::EgressLimits;

use crate::{
    config::{Config, StoreKind},
    delivery, keys,
    lifecycle::Lifecycle,
    objects::{self, Objects},
    redis,
};

/// Everything that does not depend on the role.
#[derive(Clone, Debug)]
pub(crate) struct RoleParts {
    pub(crate) config: Arc<Config>,
    pub(crate) keys: KeyRing,
    pub(crate) objects: Objects,
    pub(crate) delivery: Delivery,
    pub(crate) cache: Cache,
    pub(crate) clock: SharedClock,
    pub(crate) entropy: SharedEntropy,
    pub(crate) origin: SiteOrigin,
    pub(crate) live: LiveParts,
}

/// Settings that change under running parts.
#[derive(Clone, Debug)]
pub(crate) struct LiveParts {
    pub(crate) policy: Reloadable<Policy>,
    pub(crate) api: Reloadable<ApiConfig>,
    pub(crate) keep_free: Reloadable<u64>,
    pub(crate) egress: Reloadable<EgressLimits>,
}

impl LiveParts {
    fn new(config: &Config, origin: &SiteOrigin) -> Self {
        Self {
            policy: Reloadable::new(policy(config)),
            api: Reloadable::new(api_config(config, origin)),
            keep_free: Reloadable::new(config.storage.keep_free),
            egress: Reloadable::new(egress(config)),
        }
    }

    /// Takes them from these settings.
    pub(crate) fn set(&self, config: &Config, origin: &SiteOrigin) {
        self.policy.set(policy(config));
        self.api.set(api_config(config, origin));
        self.keep_free.set(config.storage.keep_free);
        self.egress.set(egress(config));
    }
}

/// Less than this a second nobody means: who writes 100 thinks of megabits.
const LEAST_EGRESS: u64 = 10_000;

/// What is wrong with `limits.egress` and its like.
pub(crate) fn check_egress(config: &Config) -> anyhow::Result<()> {
    let limits = &config.limits;
    for (name, set) in [
        ("egress", limits.egress),
        ("egress_per_viewer", limits.egress_per_viewer),
        ("egress_per_film", limits.egress_per_film),
    ] {
        if (1..LEAST_EGRESS).contains(&set) {
            return Err(anyhow!(
                "limits.{name} = {set} is too little: it is bytes a second, and 100 Mbit/s are 12_500_000"
            ));
        }
    }
    Ok(())
}

fn egress(config: &Config) -> EgressLimits {
    let limits = &config.limits;
    EgressLimits {
        total: limits.egress,
        per_viewer: limits.egress_per_viewer,
        per_film: limits.egress_per_film,
    }
}

fn policy(config: &Config) -> Policy {
    Policy {
        upload_max: config.limits.upload_max,
        quota_per_user: config.limits.quota_per_user,
        encoder_time_per_user: Duration::from_secs(
            config.limits.encoder_minutes_per_day.saturating_mul(60),
        ),
        keep_free: config.storage.keep_free,
        undo_window: Duration::from_secs(config.videos.undo_seconds),
    }
}

fn api_config(config: &Config, origin: &SiteOrigin) -> ApiConfig {
    ApiConfig {
        accounts: config.accounts.clone(),
        limits: config.limits.clone(),
        https: origin.is_https(),
    }
}

/// Makes everything that this process creates private to its user, the data folder first.
fn data_folder(config: &Config) -> anyhow::Result<()> {
    rustix::process::umask(Mode::RWXG | Mode::RWXO);
    let dir = &config.data.dir;
    fs::create_dir_all(dir)
        .with_context(|| format!("cannot make the data folder {}", dir.display()))
}

/// What is wrong with the data folder's mode: one that was made by an older release or by hand may
/// let every user of the machine read private videos and the site's keys.
pub(crate) fn open_to_others(config: &Config) -> Option<String> {
    let dir = &config.data.dir;
    let mode = fs::metadata(dir).ok()?.permissions().mode();
    (mode & 0o007 != 0).then(|| {
        format!(
            "every user of this machine can read {} (mode {:03o}). Run `chmod 700 {}`",
            dir.display(),
            mode & 0o777,
            dir.display()
        )
    })
}

impl RoleParts {
    /// Opens keys and store, making the data folder where missing.
    pub(crate) async fn open(config: Config) -> anyhow::Result<Self> {
        data_folder(&config)?;
        if let Some(warning) = open_to_others(&config) {
            tracing::warn!("{warning}");
        }
        let entropy: SharedEntropy = Arc::new(OsEntropy);
        let keys = keys::load(&keys::file(&config), &*entropy)?;
        let objects = objects::open(&config).await?;
        let origin = SiteOrigin(public_url(&config)?);
        check_egress(&config)?;
        let clock: SharedClock = Arc::new(SystemClock);
        let delivery = delivery::open(&config.delivery, &objects, &origin, Arc::clone(&clock))?;
        let cache = redis::open(&config.redis)?;
        Ok(Self {
            live: LiveParts::new(&config, &origin),
            cache,
            keys,
            objects,
            delivery,
            clock,
            entropy,
            origin,
            config: Arc::new(config),
        })
    }

    /// Use cases over a database that is up to date.
    pub(crate) fn app(&self, db: Db) -> App {
        App {
            db,
            store: Arc::clone(&self.objects.store),
            sessions: Arc::clone(&self.objects.sessions),
            clock: Arc::clone(&self.clock),
            entropy: Arc::clone(&self.entropy),
            policy: self.live.policy.clone(),
            wake: Arc::new(Notifiers::default()),
            outbox: None,
            tasks: TaskTracker::new(),
        }
    }

    /// The process's start and stop.
    pub(crate) fn lifecycle(&self) -> Lifecycle {
        Lifecycle::new(Duration::from_secs(self.config.http.drain_seconds))
    }

    /// The limits and rules of a listener.
    pub(crate) fn listener(&self) -> ListenerConfig {
        ListenerConfig {
            origin: self.origin.clone(),
            trusted_proxies: self.config.http.trusted_proxies.clone(),
            max_in_flight: self.config.http.max_in_flight,
            max_connections: self.config.http.max_connections,
            access: self.config.log.access,
            https_only: false,
            vouching: Some(Vouching {
                keys: self.keys.clone(),
                clock: Arc::clone(&self.clock),
            }),
        }
    }

    /// Where workers unpack.
    pub(crate) fn scratch(&self) -> PathBuf {
        let data = &self.config.data;
        data.scratch
            .clone()
            .unwrap_or_else(|| data.dir.join("scratch"))
    }
}

pub(crate) fn public_url(config: &Config) -> anyhow::Result<Option<Uri>> {
    let Some(text) = &config.http.public_url else {
        return Ok(None);
    };
    let uri: Uri = text
        .parse()
        .with_context(|| format!("http.public_url {text:?} is no URL"))?;
    let fine = matches!(uri.scheme_str(), Some("http" | "https"))
        && uri.authority().is_some()
        && matches!(uri.path(), "" | "/");
    if !fine {
        return Err(anyhow!(
            "http.public_url {text:?} must be http:// or https:// and a host, without a path"
        ));
    }
    Ok(Some(uri))
}

/// When a database server is asked for the first time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ask {
    /// Now: a command cannot do without.
    Now,
    /// With the first query: a role waits for it.
    Later,
}

/// Opens the database as it is.
pub(crate) async fn open_database(config: &Config, ask: Ask) -> anyhow::Result<Db> {
    check_replica_url(config).context("database.replica_url")?;
    let opened = if let Some(url) = &config.database.url {
        let file = config.database.password_file.as_ref();
        let password = file.map(|file| {
            let content = fs::read_to_string(file).with_context(|| {
                format!("cannot read database.password_file {}", file.display())
            })?;
            anyhow::Ok(content.lines().next().unwrap_or_default().to_owned())
        });
        let password = password.transpose()?;
        let db = match ask {
            Ask::Now => Db::connect(url, password.clone()).await,
            Ask::Later => Db::connect_later(url, password.clone()).await,
        };
        match (db, &config.database.replica_url) {
            (Ok(db), Some(replica)) => db.with_replica(replica, password).await,
            (db, _) => db,
        }
    } else {
        data_folder(config)?;
        Db::open_sqlite(&sqlite_file(config)).await
    };
    opened.context("cannot open the database")
}

/// Whether the address of the database is one. Asks nobody.
pub(crate) fn check_database_url(config: &Config) -> anyhow::Result<()> {
    let Some(text) = &config.database.url else {
        return Ok(());
    };
    // The address may hold a password and is not quoted.
    let scheme = text.split_once("://").map(|(scheme, _)| scheme);
    ensure!(
        matches!(scheme, Some("postgres" | "postgresql" | "mysql")),
        "it does not begin with postgres:// or mysql://"
    );
    Ok(())
}

/// Refuses a replica of nothing, or of another kind of database.
pub(crate) fn check_replica_url(config: &Config) -> anyhow::Result<()> {
    let Some(replica) = &config.database.replica_url else {
        return Ok(());
    };
    let kind = |url: &str| match url.split_once("://") {
        Some(("postgres" | "postgresql", _)) => Some(true),
        Some(("mysql", _)) => Some(false),
        _ => None,
    };
    let primary = config.database.url.as_deref();
    let primary = primary.context("there is no database.url that it could be a replica of")?;
    ensure!(
        kind(replica).is_some() && kind(replica) == kind(primary),
        "it is not the same kind of address as database.url"
    );
    Ok(())
}

/// Where SQLite keeps the rows.
fn sqlite_file(config: &Config) -> PathBuf {
    config.data.dir.join("virga.sqlite")
}

/// Says what to do where the settings lead to a folder without a site.
pub(crate) fn must_exist(config: &Config) -> anyhow::Result<()> {
    if config.database.url.is_some() || sqlite_file(config).exists() {
        return Ok(());
    }
    let dir = std::path::absolute(&config.data.dir)?;
    bail!(
        "there is no site in {}. Name its data folder with --data or its settings with --config; \
         `virga serve` and `virga migrate` make a new one",
        dir.display()
    )
}

/// Opens the database of a site that is there and up to date. Makes nothing.
pub(crate) async fn existing_database(config: &Config) -> anyhow::Result<Db> {
    must_exist(config)?;
    let db = open_database(config, Ask::Now).await?;
    let pending = db.pending_migrations().await?;
    ensure!(
        pending == 0,
        "the tables of the database are not up to date ({pending} changes are missing). Run \
         `virga migrate`, or start the site with this version"
    );
    Ok(db)
}

/// Brings the database up to date, of several processes one at a time, and makes the folder of the
/// objects where the data folder holds them, and the keys, which several machines need before any
/// of them starts.
pub(crate) async fn make_site(config: &Config) -> anyhow::Result<()> {
    let db = open_database(config, Ask::Now).await?;
    db.migrate()
        .await
        .context("cannot bring the database up to date")?;
    db.close().await;
    if config.objects.kind == StoreKind::Disk {
        objects::open(config).await?;
    }
    keys::make(&keys::file(config), &OsEntropy)
}

//! The site under torture, on what it runs, and what can be done to it.

use sea_orm::{ConnectOptions, ConnectionTrait, Database, DatabaseConnection, Statement};
use serde_json::Value;
use std::{
    path::{Path, PathBuf},
    time::{Duration, Instant},
};
use virga_testkit::{
    Balancer, BucketServer, Cluster, FaultyLine, Fronts, ROLES, RedisServer, Role, Site, SqlServer,
};

use crate::options::On;

/// A part of the file, as people would like it; a bucket has its own least.
pub(crate) const PART: usize = 100_000;

/// The servers that a cluster stands on.
#[derive(Debug)]
pub(crate) struct Below {
    /// The lines to them, which can be cut, slowed and silenced.
    pub(crate) lines: Vec<(&'static str, FaultyLine)>,
    pub(crate) redis: RedisServer,
    _bucket: BucketServer,
    database: SqlServer,
}

/// The site.
#[derive(Debug)]
pub(crate) struct Stage {
    /// Where people ask.
    pub(crate) url: String,
    /// Its machines.
    pub(crate) machines: Vec<Site>,
    /// What runs on each.
    pub(crate) roles: Vec<Role>,
    /// The servers below it, where it has any.
    pub(crate) below: Option<Below>,
    balancer: Option<Balancer>,
}

/// A role that is not ready after so long will not be.
const PATIENCE: Duration = Duration::from_secs(90);

/// Films of a few seconds are encoded in spans.
const SPANS: (&str, &str) = ("VIRGA_DISPATCHER__SPAN_SECONDS", "2");

impl Stage {
    /// Starts it all.
    pub(crate) async fn start(program: &str, on: On) -> Self {
        match on {
            On::One => {
                let mut site = Site::of(program).set(SPANS.0, SPANS.1).build();
                site.start(Role::Serve);
                let url = site.url();
                Self::of(url, vec![site], vec![Role::Serve])
            }
            On::Roles => {
                let fronts = Fronts::new();
                let mut site = fronts.site(program);
                site.set(SPANS.0, SPANS.1);
                for role in ROLES {
                    site.start(role);
                }
                let balancer = fronts.balance("haproxy", &mut site, &[]);
                let mut stage = Self::of(balancer.url.clone(), vec![site], ROLES.to_vec());
                stage.balancer = Some(balancer);
                stage
            }
            On::Cluster => {
                let mut cluster = Cluster::start(program).await;
                for machine in &mut cluster.machines {
                    // From a role's next start on.
                    machine.set(SPANS.0, SPANS.1);
                }
                let url = cluster.balancer.url.clone();
                let mut stage = Self::of(url, cluster.machines.into(), ROLES.to_vec());
                stage.balancer = Some(cluster.balancer);
                stage.below = Some(Below {
                    lines: vec![
                        ("database", cluster.database_line),
                        ("redis", cluster.redis_line),
                        ("bucket", cluster.bucket_line),
                    ],
                    redis: cluster.redis,
                    _bucket: cluster.bucket,
                    database: cluster.database,
                });
                stage
            }
        }
    }

    fn of(url: String, machines: Vec<Site>, roles: Vec<Role>) -> Self {
        Self {
            url,
            machines,
            roles,
            below: None,
            balancer: None,
        }
    }

    /// Reads the rows of the site.
    pub(crate) async fn rows(&self) -> anyhow::Result<Rows> {
        let url = match &self.below {
            Some(below) => format!("mysql://root@127.0.0.1:{}/site", below.database.port()),
            None => format!("sqlite://{}/virga.sqlite?mode=ro", self.data().display()),
        };
        let mut options = ConnectOptions::new(url);
        options
            .max_connections(1)
            .acquire_timeout(Duration::from_secs(30))
            .sqlx_logging(false);
        Ok(Rows(Database::connect(options).await?))
    }

    /// The data folder, which all machines share.
    pub(crate) fn data(&self) -> &Path {
        self.machines[0].data()
    }

    /// The objects of a site on a disk.
    pub(crate) fn objects(&self) -> Option<PathBuf> {
        self.below.is_none().then(|| self.data().join("objects"))
    }

    /// Waits until everything runs; what does not.
    pub(crate) fn wait_ready(&mut self) -> Vec<String> {
        let roles = self.roles.clone();
        let mut wrong = Vec::new();
        for (n, machine) in self.machines.iter_mut().enumerate() {
            for role in &roles {
                let until = Instant::now() + PATIENCE;
                while !machine.is_ready(*role) {
                    if machine.has_ended(*role).is_some() {
                        machine.launch(*role);
                    }
                    if Instant::now() > until {
                        wrong.push(format!("{} {}: not ready", role.command(), n + 1));
                        break;
                    }
                    std::thread::sleep(Duration::from_millis(50));
                }
            }
        }
        wrong
    }

    /// Ends everything and leaves the folders for somebody to look at, with what the site said; theirs.
    pub(crate) fn keep(mut self) -> Vec<PathBuf> {
        let roles = self.roles.clone();
        for machine in &mut self.machines {
            for role in &roles {
                machine.kill(*role);
            }
        }
        drop(self.balancer.take());
        let log = self.data().join("torture.log");
        let _ = std::fs::write(&log, self.machines[0].output());
        let mut kept = vec![self.data().to_owned(), log];
        kept.extend(self.below.iter().map(|it| it.database.folder().to_owned()));
        // The servers end with this process; their folders and the site's stay.
        std::mem::forget(self);
        kept
    }
}

/// The rows of a site, read beside it.
#[derive(Debug)]
pub(crate) struct Rows(DatabaseConnection);

impl Rows {
    /// The rows of a query, whose columns are read as pairs of a name and what it is: the same words for
    /// each engine.
    pub(crate) async fn ask(&self, columns: &[&str], rest: &str) -> anyhow::Result<Vec<Value>> {
        let columns: Vec<String> = columns.iter().map(|it| format!("'{it}', {it}")).collect();
        let sql = format!(
            "SELECT CAST(JSON_OBJECT({}) AS CHAR) {rest}",
            columns.join(", ")
        );
        let query = Statement::from_string(self.0.get_database_backend(), sql);
        let rows = self.0.query_all_raw(query).await?;
        let mut told = Vec::new();
        for row in rows {
            let text: String = row.try_get_by_index(0)?;
            told.push(serde_json::from_str(&text)?);
        }
        Ok(told)
    }

    /// A number.
    pub(crate) async fn count(&self, what: &str, rest: &str) -> anyhow::Result<u64> {
        let rows = self.ask(&[what], rest).await?;
        Ok(rows.first().and_then(|row| row[what].as_u64()).unwrap_or(0))
    }
}

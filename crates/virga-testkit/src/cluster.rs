//! A whole cluster on one machine: HAProxy before two of each role, on MariaDB, Redis
//! and SeaweedFS.

use crate::{
    Balancer, BucketServer, FaultyLine, Fronts, Person, RedisServer, Role, Site, Sql, SqlServer,
};

/// The four roles, in no order that matters.
pub const ROLES: [Role; 4] = [Role::Api, Role::Web, Role::Stream, Role::Dispatcher];

/// It ends, servers included, when this is dropped.
#[derive(Debug)]
pub struct Cluster {
    /// Before the site.
    pub balancer: Balancer,
    /// Two of each role.
    pub machines: [Site; 2],
    /// From the roles to the database.
    pub database_line: FaultyLine,
    /// From the roles to Redis.
    pub redis_line: FaultyLine,
    /// From the roles to the bucket.
    pub bucket_line: FaultyLine,
    /// Copies, shared limits, wake-ups.
    pub redis: RedisServer,
    /// The bucket.
    pub bucket: BucketServer,
    /// The database.
    pub database: SqlServer,
}

impl Cluster {
    /// Starts everything and waits until it is ready.
    ///
    /// # Panics
    /// Where a server is not installed or does not start; with what it said.
    pub async fn start(program: &str) -> Self {
        Self::start_with(program, &[]).await
    }

    /// The same, with settings by their environment names.
    ///
    /// # Panics
    /// As [`Self::start`].
    pub async fn start_with(program: &str, settings: &[(&str, &str)]) -> Self {
        let database = SqlServer::start(Sql::MariaDb).await;
        let bucket = BucketServer::start().await;
        bucket.bucket("site").await;
        let redis = RedisServer::start();
        let redis_line = FaultyLine::to(redis.port()).await;
        let database_line = FaultyLine::to(database.port()).await;
        let bucket_line = FaultyLine::to(bucket.port()).await;
        let fronts = Fronts::new();
        let mut first = fronts.site(program);
        let url = database.database("site").await;
        let through = format!(":{}/", database_line.port());
        let url = url.replace(&format!(":{}/", database.port()), &through);
        first.set("VIRGA_DATABASE__URL", &url);
        first.set("VIRGA_REDIS__URL", &redis.url_by(redis_line.port()));
        first.set("VIRGA_REDIS__PASSWORD_FILE", &redis.password_file());
        let (access, secret) = bucket.key_files();
        let (access, secret) = (access.display().to_string(), secret.display().to_string());
        for (key, value) in [
            ("KIND", "s3"),
            (
                "ENDPOINT",
                &format!("http://127.0.0.1:{}", bucket_line.port()),
            ),
            ("REGION", bucket.region()),
            ("BUCKET", "site"),
            ("ACCESS_KEY_FILE", &access),
            ("SECRET_KEY_FILE", &secret),
        ] {
            first.set(&format!("VIRGA_OBJECTS__{key}"), value);
        }
        for (name, value) in settings {
            first.set(name, value);
        }
        let mut second = first.replica();
        for role in ROLES {
            first.start(role);
            second.start(role);
        }
        let balancer = fronts.balance("haproxy", &mut first, &[&second]);
        let stranger = Person::new(&balancer.url);
        stranger.wait_until_answered("/").await;
        first.set_up_by(&stranger).await;
        Self {
            balancer,
            machines: [first, second],
            database_line,
            redis_line,
            bucket_line,
            redis,
            bucket,
            database,
        }
    }
}

//! Redis or Valkey, which the site can do without: copies of rows, limits that replicas share, and
//! wake-ups. Nothing here fails or waits long: an answer that does not come within [`PATIENCE`]
//! counts as unknown. Requests never connect; a background task does.

mod limits;
mod line;

use prometheus_client::metrics::counter::Counter;
use redis::{
    Client, Cmd, FromRedisValue, IntoConnectionInfo, RedisResult, aio::MultiplexedConnection,
};
use std::{sync::Arc, time::Duration};
use tokio_util::sync::CancellationToken;

use line::Line;

/// What a request waits for an answer at most; after one that did not come none waits, until Redis
/// answers again.
pub const PATIENCE: Duration = Duration::from_millis(200);

/// The channel of the wake-ups.
const CHANNEL: &str = "virga:wake";

/// A line to Redis, or none. Cheap to clone.
#[derive(Clone, Debug, Default)]
pub struct Cache(Option<Arc<Line>>);

/// The address is none of Redis.
#[derive(Debug, thiserror::Error)]
#[error("this is no address of Redis; one is `redis://HOST:6379`, or `rediss://` with TLS")]
pub struct InvalidAddress;

impl Cache {
    /// No Redis: everything is unknown, at once.
    pub fn none() -> Self {
        Self::default()
    }

    /// For this address, `redis://…`, with this password in place of the address's own. Connects
    /// only once [`Self::keep`] runs.
    pub fn new(url: &str, password: Option<&str>) -> Result<Self, InvalidAddress> {
        let client = || {
            let info = url.into_connection_info()?;
            let mut settings = info.redis_settings().clone();
            if let Some(password) = password {
                settings = settings.set_password(password);
            }
            Client::open(info.set_redis_settings(settings))
        };
        // The error quotes the address, which may hold a password.
        let client = client().map_err(|_: redis::RedisError| InvalidAddress)?;
        Ok(Self(Some(Arc::new(Line::new(client)))))
    }

    /// Whether there is one by the configuration.
    pub fn is_set(&self) -> bool {
        self.0.is_some()
    }

    /// Whether it answers now.
    pub fn answers(&self) -> bool {
        self.0.as_ref().is_some_and(|line| line.open().is_some())
    }

    /// Calls that brought no answer.
    pub fn errors(&self) -> Counter {
        self.0
            .as_ref()
            .map(|line| line.errors.clone())
            .unwrap_or_default()
    }

    /// Keeps the connection open until `stop`, and passes on each word that another process publishes.
    pub async fn keep(self, heard: impl Fn(&str) + Send + Sync, stop: CancellationToken) {
        if let Some(line) = self.0 {
            stop.run_until_cancelled(line.keep(heard)).await;
        }
    }

    /// Tells every process of the site a word.
    pub async fn publish(&self, word: &str) {
        let _heard: Option<()> = self
            .query(redis::cmd("PUBLISH").arg(CHANNEL).arg(word))
            .await;
    }

    /// What is kept under a key.
    pub async fn get(&self, key: &str) -> Option<String> {
        let found: Option<Option<String>> = self.query(redis::cmd("GET").arg(key)).await;
        found.flatten()
    }

    /// Keeps something for a while.
    pub async fn put(&self, key: &str, value: &str, life: Duration) {
        let mut command = redis::cmd("SET");
        command.arg(key).arg(value).arg("PX").arg(millis(life));
        let _kept: Option<()> = self.query(&command).await;
    }

    async fn query<T: FromRedisValue>(&self, command: &Cmd) -> Option<T> {
        let query =
            |mut line: MultiplexedConnection| async move { command.query_async(&mut line).await };
        self.with(query).await
    }

    /// Does something with the line, where it is open.
    async fn with<T, F>(&self, work: impl FnOnce(MultiplexedConnection) -> F) -> Option<T>
    where
        F: Future<Output = RedisResult<T>>,
    {
        let line = self.0.as_ref()?;
        let open = line.open()?;
        line.judge(tokio::time::timeout(PATIENCE, work(open)).await)
    }
}

fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

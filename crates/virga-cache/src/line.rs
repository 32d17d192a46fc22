//! The connection. A background task opens and tests it; a request uses it if it is open.

use futures_util::{FutureExt, StreamExt};
use prometheus_client::metrics::counter::Counter;
use redis::{AsyncConnectionConfig, Client, RedisError, RedisResult, aio::MultiplexedConnection};
use std::{
    fmt,
    sync::{PoisonError, RwLock},
    time::Duration,
};
use tokio::{
    sync::Notify,
    time::{error::Elapsed, interval, sleep, timeout},
};

use crate::{CHANNEL, PATIENCE};

/// How long Redis is left alone after it did not answer, and how often an idle line is tried.
const PAUSE: Duration = Duration::from_secs(1);
/// What connecting may take: nobody waits for it.
const CONNECT: Duration = Duration::from_secs(1);

/// One process's line to Redis.
pub(crate) struct Line {
    client: Client,
    open: RwLock<Option<MultiplexedConnection>>,
    broken: Notify,
    pub(crate) errors: Counter,
}

impl fmt::Debug for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Line")
    }
}

impl Line {
    pub(crate) fn new(client: Client) -> Self {
        Self {
            client,
            open: RwLock::default(),
            broken: Notify::new(),
            errors: Counter::default(),
        }
    }

    /// The connection, where Redis answered last time.
    pub(crate) fn open(&self) -> Option<MultiplexedConnection> {
        let open = self.open.read().unwrap_or_else(PoisonError::into_inner);
        open.clone()
    }

    fn set(&self, connection: Option<MultiplexedConnection>) {
        *self.open.write().unwrap_or_else(PoisonError::into_inner) = connection;
    }

    /// Takes an answer, or counts that there is none. After silence or a broken connection the line
    /// is closed, so that nobody else waits; a refusal (no memory left, a wrong type) is an answer.
    pub(crate) fn judge<T>(&self, asked: Result<RedisResult<T>, Elapsed>) -> Option<T> {
        let refused = match asked {
            Ok(Ok(answer)) => return Some(answer),
            Ok(Err(error)) => {
                tracing::debug!(%error, "Redis refused");
                error.code().is_some()
            }
            Err(Elapsed { .. }) => false,
        };
        self.errors.inc();
        if !refused {
            self.set(None);
            self.broken.notify_one();
        }
        None
    }

    /// Keeps the connection open and forwards the messages of the channel.
    pub(crate) async fn keep(&self, heard: impl Fn(&str) + Send + Sync) {
        let mut told = None;
        loop {
            let ended = self.once(&heard, &mut told).await;
            self.set(None);
            if told != Some(false) {
                tracing::warn!(error = %ended, "Redis does not answer: continuing without it");
                told = Some(false);
            }
            sleep(PAUSE).await;
        }
    }

    /// One connection from its beginning to its end.
    async fn once(&self, heard: impl Fn(&str) + Send + Sync, told: &mut Option<bool>) -> Ended {
        let (connection, mut channel) = match timeout(CONNECT, self.connect()).await {
            Ok(Ok(opened)) => opened,
            Ok(Err(error)) => return Ended::Said(error),
            Err(Elapsed { .. }) => return Ended::Silent,
        };
        // Who connects at leisure may be too slow to be asked by requests.
        if !answers(connection.clone()).await {
            return Ended::Silent;
        }
        // What broke the line before has no say in this one.
        let _ = self.broken.notified().now_or_never();
        self.set(Some(connection.clone()));
        tracing::info!("Redis answers");
        *told = Some(true);
        let mut words = std::pin::pin!(channel.on_message());
        let mut tick = interval(PAUSE);
        loop {
            tokio::select! {
                word = words.next() => match word {
                    Some(word) => heard(&word.get_payload::<String>().unwrap_or_default()),
                    None => return Ended::Closed,
                },
                () = self.broken.notified() => return Ended::Silent,
                _ = tick.tick() => {
                    if !answers(connection.clone()).await {
                        self.errors.inc();
                        return Ended::Silent;
                    }
                }
            }
        }
    }

    async fn connect(&self) -> RedisResult<(MultiplexedConnection, redis::aio::PubSub)> {
        let config = AsyncConnectionConfig::new()
            .set_connection_timeout(Some(CONNECT))
            .set_response_timeout(Some(CONNECT));
        let client = &self.client;
        let connection = client.get_multiplexed_async_connection_with_config(&config);
        let connection = connection.await?;
        let mut channel = client.get_async_pubsub().await?;
        channel.subscribe(CHANNEL).await?;
        Ok((connection, channel))
    }
}

async fn answers(mut connection: MultiplexedConnection) -> bool {
    let ping = redis::cmd("PING");
    let asked: Result<RedisResult<()>, _> =
        timeout(PATIENCE, ping.query_async(&mut connection)).await;
    // A refusal is an answer too.
    asked.is_ok_and(|answer| answer.map_or_else(|error| error.code().is_some(), |()| true))
}

/// Why a line ended.
enum Ended {
    Said(RedisError),
    Closed,
    Silent,
}

impl fmt::Display for Ended {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Said(error) => error.fmt(f),
            Self::Closed => f.write_str("the connection was closed"),
            Self::Silent => f.write_str("no answer in time"),
        }
    }
}

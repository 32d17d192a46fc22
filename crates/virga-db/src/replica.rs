//! A replica of the database, for reads that decide nothing. It is used while it holds what the
//! primary held [`BOUND`] ago; otherwise, and when it fails, the primary answers.

use sea_orm::{Database, DatabaseConnection};
use std::{
    collections::VecDeque,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};
use virga_core::Timestamp;

use crate::{Db, Result, settings};

/// How far a replica that is read may be behind.
const BOUND: Duration = Duration::from_secs(5);
/// How often the row that shows it is written, by one process of the site.
const BEAT: Duration = Duration::from_secs(1);

#[derive(Debug)]
pub(crate) struct Replica {
    connection: DatabaseConnection,
    follows: AtomicBool,
    /// Values of the row, and when the primary was first seen to hold them.
    beats: Mutex<VecDeque<(String, Instant)>>,
}

impl Replica {
    /// Notes what the primary holds; whether what the replica holds is recent enough.
    fn compare(&self, primary: &str, replica: Option<&str>) -> bool {
        let mut beats = self.beats.lock().unwrap_or_else(PoisonError::into_inner);
        if beats.back().is_none_or(|(beat, _)| beat != primary) {
            beats.push_back((primary.to_owned(), Instant::now()));
        }
        while beats.front().is_some_and(|(_, at)| at.elapsed() > BOUND) && beats.len() > 1 {
            beats.pop_front();
        }
        beats
            .iter()
            .any(|(beat, at)| replica == Some(beat.as_str()) && at.elapsed() <= BOUND)
    }
}

impl Db {
    /// Adds a replica, `postgres://…` or `mysql://…` as the primary, with this password. It is asked
    /// nothing before [`Db::check_replica`].
    ///
    /// # Errors
    /// A wrong address.
    pub async fn with_replica(mut self, url: &str, password: Option<String>) -> Result<Self> {
        let mut options = crate::connect::server(url, password);
        options.connect_lazy(true);
        let connection = Database::connect(options).await?;
        self.replica = Some(Arc::new(Replica {
            connection,
            follows: AtomicBool::new(false),
            beats: Mutex::default(),
        }));
        Ok(self)
    }

    /// For queries whose answer may be some seconds old: lists, search, counts. Never for what
    /// decides a write or what somebody may see. Where the replica fails, the primary is asked.
    ///
    /// # Errors
    /// As the query on the primary.
    pub async fn read_lagging<T, F>(&self, query: impl Fn(DatabaseConnection) -> F) -> Result<T>
    where
        F: Future<Output = Result<T>>,
    {
        let used = self.replica.as_ref();
        let used = used.filter(|replica| replica.follows.load(Ordering::Relaxed));
        if let Some(replica) = used {
            match query(replica.connection.clone()).await {
                Ok(found) => return Ok(found),
                Err(error) => {
                    replica.follows.store(false, Ordering::Relaxed);
                    tracing::warn!(%error, "the replica failed; the primary answers");
                }
            }
        }
        query(self.read().clone()).await
    }

    /// Whether there is a replica to be checked.
    pub fn has_replica(&self) -> bool {
        self.replica.is_some()
    }

    /// Looks how far the replica is behind, and decides whether it is read. Call it every second.
    /// Answers that.
    ///
    /// # Errors
    /// Where the primary or the replica does not answer; then the replica is not read.
    pub async fn check_replica(&self, now: Timestamp) -> Result<bool> {
        let Some(replica) = &self.replica else {
            return Ok(false);
        };
        let looked = self.look(replica, now).await;
        let follows = matches!(looked, Ok(true));
        replica.follows.store(follows, Ordering::Relaxed);
        looked
    }

    async fn look(&self, replica: &Replica, now: Timestamp) -> Result<bool> {
        let held = settings::get(self.read(), settings::REPLICA_BEAT).await?;
        let age = held.as_deref().and_then(|held| held.parse().ok());
        // A clock that is ahead of this one is no reason to wait.
        let fresh = |at: i64| now.since(Timestamp(at)) < BEAT && at <= now.0;
        let due = !age.is_some_and(fresh);
        let held = if due {
            let beat = now.0.to_string();
            settings::set(self.write(), settings::REPLICA_BEAT, &beat).await?;
            beat
        } else {
            held.unwrap_or_default()
        };
        let there = settings::get(&replica.connection, settings::REPLICA_BEAT).await;
        Ok(replica.compare(&held, there?.as_deref()))
    }
}

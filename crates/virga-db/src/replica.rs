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
    beats: Mutex<VecDeque<(i64, Instant)>>,
}

impl Replica {
    /// Records what the primary holds. Answers whether the replica holds a value that is as new as
    /// one that the primary held within [`BOUND`]. Other processes write the row too, so the
    /// replica may hold a value that this process never saw on the primary.
    fn compare(&self, primary: i64, replica: Option<i64>) -> bool {
        let mut beats = self.beats.lock().unwrap_or_else(PoisonError::into_inner);
        if beats.back().is_none_or(|(beat, _)| *beat != primary) {
            beats.push_back((primary, Instant::now()));
        }
        while beats.front().is_some_and(|(_, at)| at.elapsed() > BOUND) {
            beats.pop_front();
        }
        beats.iter().any(|(beat, _)| replica >= Some(*beat))
    }
}

impl Db {
    /// Adds a replica, `postgres://…` or `mysql://…` as the primary, with this password. It is asked
    /// nothing before [`Db::check_replica`].
    ///
    /// # Errors
    /// A wrong address.
    pub async fn with_replica(mut self, url: &str, password: Option<String>) -> Result<Self> {
        let mut options = crate::connect::options::server(url, password);
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
        // A clock that is ahead of this one is no reason to wait.
        let fresh = |at: &i64| now.since(Timestamp(*at)) < BEAT && *at <= now.0;
        let held = if let Some(held) = beat(self.read()).await?.filter(fresh) {
            held
        } else {
            let text = now.0.to_string();
            settings::set(self.write(), settings::REPLICA_BEAT, &text).await?;
            now.0
        };
        Ok(replica.compare(held, beat(&replica.connection).await?))
    }
}

async fn beat(c: &DatabaseConnection) -> Result<Option<i64>> {
    let text = settings::get(c, settings::REPLICA_BEAT).await?;
    Ok(text.and_then(|text| text.parse().ok()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_that_only_the_replica_showed_counts_as_new() {
        let replica = Replica {
            connection: DatabaseConnection::default(),
            follows: AtomicBool::new(false),
            beats: Mutex::default(),
        };
        assert!(!replica.compare(10, None));
        assert!(!replica.compare(10, Some(9)));
        assert!(replica.compare(10, Some(10)));
        // Another process wrote 20, then 30, between two looks.
        assert!(replica.compare(30, Some(20)));
    }
}

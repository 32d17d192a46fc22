//! How far tracks are that play while they are made. Each piece has a numbered table that never changes; the
//! newest one is found by looking for the next numbers, so no replica and no writer can go back.

use std::{sync::Arc, time::Duration};

use moka::future::Cache;
use virga_core::{Failure, KeyPrefix, MediaKey, presentation::GrowingTable};
use virga_objects::{ObjectError, SharedStore};

use crate::error::StreamError;

/// For so long the newest table is not looked for again: many players ask, each once in some seconds.
const FRESH: Duration = Duration::from_millis(500);
/// Tracks that are known.
const HELD: u64 = 1024;
/// A table of a day of film with its pieces.
const LIMIT: u64 = 16 * 1024 * 1024;
/// A player asks for no segment further ahead of what it was told than this.
pub(crate) const AHEAD: usize = 8;

/// The newest table that was found.
#[derive(Clone, Debug)]
struct Newest {
    n: u32,
    table: Arc<GrowingTable>,
}

/// Growing tracks by the prefix of their objects.
#[derive(Clone, Debug)]
pub(crate) struct Growing {
    store: SharedStore,
    fresh: Cache<KeyPrefix, Arc<GrowingTable>>,
    newest: Cache<KeyPrefix, Newest>,
}

impl Growing {
    pub(crate) fn new(store: SharedStore) -> Self {
        let held = Cache::builder().max_capacity(HELD);
        Self {
            store,
            fresh: held.time_to_live(FRESH).build(),
            newest: Cache::new(HELD),
        }
    }

    /// What stands of a track.
    pub(crate) async fn get(&self, track: &KeyPrefix) -> Result<Arc<GrowingTable>, StreamError> {
        let look = async {
            let newest = self.look(track).await?;
            let table = Arc::clone(&newest.table);
            self.newest.insert(track.clone(), newest).await;
            Ok::<_, StreamError>(table)
        };
        let found = self.fresh.try_get_with(track.clone(), look).await;
        found.map_err(|fault| StreamError::shared(&fault))
    }

    /// The same for one who asks for segment `n`, which may stand since the last look.
    pub(crate) async fn with_segment(
        &self,
        track: &KeyPrefix,
        n: usize,
    ) -> Result<Arc<GrowingTable>, StreamError> {
        let found = self.get(track).await?;
        let known = found.table.segments();
        if n < known || n >= known + AHEAD {
            return Ok(found);
        }
        self.fresh.invalidate(track).await;
        self.get(track).await
    }

    /// Looks for the newest table from the last known one on, in growing steps and then in halves.
    async fn look(&self, track: &KeyPrefix) -> Result<Newest, StreamError> {
        let known = self.newest.get(track).await;
        let mut n = known.as_ref().map_or(0, |newest| newest.n);
        let mut step = 1;
        while self.stands(track, n + step).await? {
            n += step;
            step *= 2;
        }
        while step > 1 {
            step /= 2;
            if self.stands(track, n + step).await? {
                n += step;
            }
        }
        if let Some(newest) = known.filter(|newest| newest.n == n) {
            return Ok(newest);
        }
        let json = self.store.read_all(&key(track, n)?, LIMIT).await?;
        let table = serde_json::from_slice(&json).map_err(Failure::internal)?;
        let table = Arc::new(table);
        Ok(Newest { n, table })
    }

    async fn stands(&self, track: &KeyPrefix, n: u32) -> Result<bool, StreamError> {
        match self.store.stat(&key(track, n)?).await {
            Ok(_) => Ok(true),
            Err(ObjectError::NotFound(_)) => Ok(false),
            Err(error) => Err(error.into()),
        }
    }
}

fn key(track: &KeyPrefix, n: u32) -> Result<MediaKey, Failure> {
    MediaKey::growing_table(track, n).map_err(Failure::internal)
}

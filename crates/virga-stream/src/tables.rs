//! Track tables in memory: immutable objects, so kept as long as there is room.

use std::sync::Arc;
use virga_core::MediaKey;

use moka::future::Cache;
use virga_core::presentation::{Presentation, PresentedTrack};
use virga_media::TrackTable;
use virga_objects::SharedStore;

use crate::error::StreamError;

/// A table of a day of film has 22,000 segments and 0.5 MiB of JSON.
const LIMIT: u64 = 16 * 1024 * 1024;

/// Tables by key.
#[derive(Clone, Debug)]
pub(crate) struct Tables {
    store: SharedStore,
    held: Cache<MediaKey, Arc<TrackTable>>,
}

impl Tables {
    pub(crate) fn new(store: SharedStore, room: u64) -> Self {
        let weight = |_: &MediaKey, table: &Arc<TrackTable>| {
            let bytes = 512 + table.init.len() + table.lengths.len() * 12;
            u32::try_from(bytes).unwrap_or(u32::MAX)
        };
        Self {
            store,
            held: Cache::builder().max_capacity(room).weigher(weight).build(),
        }
    }

    /// The table of a track.
    pub(crate) async fn get(&self, track: &PresentedTrack) -> Result<Arc<TrackTable>, StreamError> {
        let read = async {
            let json = self.store.read_all(&track.table, LIMIT).await?;
            Ok::<_, StreamError>(Arc::new(TrackTable::from_json(&json)?))
        };
        self.held
            .try_get_with(track.table.clone(), read)
            .await
            .map_err(|fault| StreamError::shared(&fault))
    }
}

/// The track of this name.
pub(crate) fn find<'a>(presentation: &'a Presentation, name: &str) -> Option<&'a PresentedTrack> {
    presentation.known().find(|track| track.name == name)
}

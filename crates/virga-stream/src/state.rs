//! The parts that every request of the data plane shares.

use std::sync::Arc;

use virga_client::ApiClient;
use virga_core::{SharedClock, keys::KeyRing};
use virga_objects::{SharedSessions, SharedStore};

use crate::{Presentations, StreamConfig, segments::Segments, tables::Tables};

/// The data plane's parts. Cheap to clone.
#[derive(Clone, Debug)]
pub struct StreamState {
    pub(crate) store: SharedStore,
    pub(crate) sessions: SharedSessions,
    pub(crate) keys: Arc<KeyRing>,
    pub(crate) clock: SharedClock,
    pub(crate) presentations: Presentations,
    pub(crate) tables: Tables,
    pub(crate) segments: Segments,
    pub(crate) keep_free: u64,
    pub(crate) cdn_max_age: u32,
    pub(crate) api: ApiClient,
}

impl StreamState {
    /// Puts the parts together. `keep_free` are the bytes of the store (`storage.keep_free`) that
    /// parts leave free.
    pub fn new(
        config: &StreamConfig,
        keep_free: u64,
        store: SharedStore,
        sessions: SharedSessions,
        keys: Arc<KeyRing>,
        clock: SharedClock,
        api: ApiClient,
    ) -> Self {
        Self {
            presentations: Presentations::new(Arc::clone(&store), Arc::clone(&clock)),
            tables: Tables::new(Arc::clone(&store), config.table_bytes),
            segments: Segments::new(Arc::clone(&store), config.cache_bytes),
            store,
            sessions,
            keys,
            clock,
            keep_free,
            cdn_max_age: config.cdn_max_age,
            api,
        }
    }

    /// What is published; `follow` it to hear of changes.
    pub fn presentations(&self) -> &Presentations {
        &self.presentations
    }
}

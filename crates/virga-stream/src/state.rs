//! The parts that every request of the data plane shares.

use std::{ops::Deref, sync::Arc};

use tokio_util::sync::CancellationToken;
use virga_client::ApiClient;
use virga_core::{Reloadable, SharedClock, keys::KeyRing};
use virga_delivery::Delivery;
use virga_objects::{SharedSessions, SharedStore};

use crate::{
    EgressLimits, MediaOrigins, Presentations, StreamConfig, arrivals::Arrivals, clips::Clips,
    egress::Egress, files::Files, growing::Growing, segments::Segments, tables::Tables,
};

/// The data plane's parts. Cheap to clone: every request does it several times.
#[derive(Clone, Debug)]
pub struct StreamState(Arc<StreamShared>);

/// What the handlers share.
#[derive(Debug)]
pub struct StreamShared {
    pub(crate) store: SharedStore,
    pub(crate) sessions: SharedSessions,
    pub(crate) keys: Arc<KeyRing>,
    pub(crate) clock: SharedClock,
    pub(crate) presentations: Presentations,
    pub(crate) tables: Tables,
    pub(crate) segments: Segments,
    pub(crate) files: Files,
    pub(crate) clips: Clips,
    pub(crate) egress: Egress,
    pub(crate) keep_free: Reloadable<u64>,
    pub(crate) cdn_max_age: u32,
    pub(crate) delivery: Delivery,
    pub(crate) origins: MediaOrigins,
    pub(crate) api: ApiClient,
}

impl Deref for StreamState {
    type Target = StreamShared;

    fn deref(&self) -> &StreamShared {
        &self.0
    }
}

/// What it is put together from.
#[derive(Debug)]
pub struct StreamParts {
    /// Bytes of the store (`storage.keep_free`) that parts leave free.
    pub keep_free: Reloadable<u64>,
    /// How fast media may leave.
    pub egress: Reloadable<EgressLimits>,
    /// Objects.
    pub store: SharedStore,
    /// Upload sessions.
    pub sessions: SharedSessions,
    /// Checks grants and part tickets.
    pub keys: Arc<KeyRing>,
    /// The time.
    pub clock: SharedClock,
    /// Where bytes may pass this role by.
    pub delivery: Delivery,
    /// Other sites that may read public media.
    pub origins: MediaOrigins,
    /// Names what forms sent.
    pub api: ApiClient,
}

impl StreamState {
    /// Puts the parts together.
    pub fn new(config: &StreamConfig, parts: StreamParts) -> Self {
        let (store, clock) = (&parts.store, &parts.clock);
        let files = Files::new(Arc::clone(store));
        Self(Arc::new(StreamShared {
            presentations: Presentations::new(Arc::clone(store), Arc::clone(clock)),
            tables: Tables::new(
                Arc::clone(store),
                Growing::new(Arc::clone(store)),
                Arrivals::new(Arc::clone(&parts.sessions)),
                config.table_bytes,
            ),
            segments: Segments::new(
                Arc::clone(store),
                Arc::clone(&parts.sessions),
                files.clone(),
                config.cache_bytes,
            ),
            files,
            clips: Clips::new(Arc::clone(store)),
            store: parts.store,
            sessions: parts.sessions,
            keys: parts.keys,
            clock: parts.clock,
            egress: Egress::new(parts.egress),
            keep_free: parts.keep_free,
            cdn_max_age: config.cdn_max_age,
            delivery: parts.delivery,
            origins: parts.origins,
            api: parts.api,
        }))
    }

    /// Closes files of objects that may be gone, until `stop`; run it on a task of its own.
    pub async fn close_files(self, stop: CancellationToken) {
        stop.run_until_cancelled(self.files.close_old()).await;
    }

    /// Gives those who wait for `limits.egress` their turns, until `stop`; run it on a task of its own.
    pub async fn give_turns(self, stop: CancellationToken) {
        self.egress.run(stop).await;
    }

    /// What is published; `follow` it to hear of changes.
    pub fn presentations(&self) -> &Presentations {
        &self.presentations
    }
}

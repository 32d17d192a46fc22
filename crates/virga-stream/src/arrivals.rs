//! How far uploads are that are watched while they arrive: bytes that stand in order. Asked of the store, by any
//! replica, and remembered for a moment.

use std::time::Duration;

use moka::future::Cache;
use virga_core::UploadId;
use virga_objects::{ObjectError, SharedSessions};

use crate::error::StreamError;

/// For so long a session is not asked again: many players ask, each once in some seconds.
const FRESH: Duration = Duration::from_millis(500);
/// Uploads that are known.
const HELD: u64 = 1024;

/// Bytes in order, by upload.
#[derive(Clone, Debug)]
pub(crate) struct Arrivals {
    sessions: SharedSessions,
    fresh: Cache<UploadId, u64>,
    known: Cache<UploadId, u64>,
}

impl Arrivals {
    pub(crate) fn new(sessions: SharedSessions) -> Self {
        Self {
            sessions,
            fresh: Cache::builder()
                .max_capacity(HELD)
                .time_to_live(FRESH)
                .build(),
            known: Cache::new(HELD),
        }
    }

    /// How many bytes stand from the first on; all, once the session is over: then the file is an object, or
    /// the video is withdrawn.
    pub(crate) async fn held(&self, upload: UploadId) -> Result<u64, StreamError> {
        let look = async {
            let known = self.known.get(&upload).await.unwrap_or(0);
            let held = match self.sessions.in_order(upload, known).await {
                Err(ObjectError::NoSession(_)) => u64::MAX,
                held => held?,
            };
            if held != u64::MAX {
                self.known.insert(upload, held).await;
            }
            Ok::<_, StreamError>(held)
        };
        let found = self.fresh.try_get_with(upload, look).await;
        found.map_err(|fault| StreamError::shared(&fault))
    }

    /// The same, looked at now.
    pub(crate) async fn held_now(&self, upload: UploadId) -> Result<u64, StreamError> {
        self.fresh.invalidate(&upload).await;
        self.held(upload).await
    }
}

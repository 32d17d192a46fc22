//! Uploads whose parts are refused although their addresses hold: their owner was blocked.

use moka::sync::Cache;
use std::time::Duration;
use virga_core::{UploadId, wire::UploadChange};

/// Longer than any address of a part lives.
const REMEMBERED: Duration = Duration::from_secs(3600);
const MOST: u64 = 100_000;

/// What the feed of changes said of uploads. Cheap to clone.
#[derive(Clone, Debug)]
pub(crate) struct RefusedUploads(Cache<UploadId, ()>);

impl Default for RefusedUploads {
    fn default() -> Self {
        let cache = Cache::builder().max_capacity(MOST);
        Self(cache.time_to_live(REMEMBERED).build())
    }
}

impl RefusedUploads {
    /// Takes in what the feed brought.
    pub(crate) fn apply(&self, changes: &[UploadChange]) {
        for change in changes {
            if change.open {
                self.0.invalidate(&change.upload);
            } else {
                self.0.insert(change.upload, ());
            }
        }
    }

    pub(crate) fn contains(&self, upload: UploadId) -> bool {
        self.0.contains_key(&upload)
    }
}

//! The section `[stream]`.

use serde::{Deserialize, Serialize};

/// Memory and caching of the data plane.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct StreamConfig {
    /// Bytes of hot segments kept in memory; 0 for none.
    pub cache_bytes: u64,
    /// Bytes of track tables kept in memory.
    pub table_bytes: u64,
    /// Seconds that a shared cache (CDN) may keep a public segment.
    pub cdn_max_age: u32,
}

impl Default for StreamConfig {
    fn default() -> Self {
        Self {
            cache_bytes: 32 * 1024 * 1024,
            table_bytes: 8 * 1024 * 1024,
            cdn_max_age: 3600,
        }
    }
}

//! The `[web]` section of the configuration.

use serde::{Deserialize, Serialize};

/// What an operator may change about the pages.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct WebConfig {
    /// Videos on one page of a list, 1 to 100.
    pub page_size: u32,
    /// How long the site's name and settings are kept before they are asked for again, seconds.
    pub site_seconds: u64,
}

impl Default for WebConfig {
    fn default() -> Self {
        Self {
            page_size: 24,
            site_seconds: 2,
        }
    }
}

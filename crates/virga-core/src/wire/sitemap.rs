//! What search engines may list.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::{Timestamp, VideoId};

/// Entries of one page of the sitemap.
pub const SITEMAP_PAGE: u64 = 10_000;

/// `GET /sitemap?page=N`: public videos that play, the oldest first.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Sitemap {
    /// Pages in all, at least 1.
    pub pages: u64,
    /// The videos of this page.
    pub videos: Vec<SitemapVideo>,
}

/// A video of the sitemap.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct SitemapVideo {
    /// Id.
    pub id: VideoId,
    /// First became playable.
    pub published_at: Timestamp,
}

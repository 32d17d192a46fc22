//! The addresses of the site: which role answers which path, and how those of media and of bytes that
//! come and go are built and read. `virga serve` and the load balancer's configuration both read the
//! table; there is no other copy.

mod media;
mod ticket;

pub use media::{CLIP_MAX_MILLIS, GRANTED, MediaFile, MediaPath, TrackFile};
pub use ticket::{FormTicket, PartTicket, SourceTicket, Ticket};

use crate::video::word_enum;
use serde::{Deserialize, Serialize};

word_enum! {
    /// A role with a public or private port, by its word in commands and the balancer's services.
    RoleName {
        /// Pages.
        Web = "web",
        /// Control plane.
        Api = "api",
        /// Data plane.
        Stream = "stream",
        /// Workers.
        Dispatcher = "dispatcher",
    }
}

/// Path prefixes of the public origin, first match wins; all else is `Web`.
pub const PUBLIC: &[(&str, RoleName)] = &[
    ("/api/", RoleName::Api),
    (MEDIA, RoleName::Stream),
    (UP, RoleName::Stream),
    (HOOKS, RoleName::Api),
];

/// What a bucket's service tells the site: `/hooks/oss`.
pub const HOOKS: &str = "/hooks/";

/// Playlists, segments and pictures: what caches and the balancer's hash are for.
pub const MEDIA: &str = "/media/";

/// Parts and forms that bring files.
pub const UP: &str = "/up/";

/// Never routed from outside.
pub const INTERNAL: &str = "/internal/";

/// Prefix of the API.
pub const API: &str = "/api/v1";

/// Where browsers listen, for as long as a page is open.
pub const EVENTS: &str = "/api/v1/events";

/// The role that answers a path of the public origin; `None` for what is never routed from outside.
pub fn role_of(path: &str) -> Option<RoleName> {
    if path.starts_with(INTERNAL) {
        return None;
    }
    let found = PUBLIC.iter().find(|(prefix, _)| path.starts_with(prefix));
    Some(found.map_or(RoleName::Web, |(_, role)| *role))
}

impl RoleName {
    /// The port when nothing else is said.
    pub fn default_port(self) -> u16 {
        match self {
            Self::Web => 8080,
            Self::Api => 9000,
            Self::Stream => 9001,
            Self::Dispatcher => 9002,
        }
    }
}

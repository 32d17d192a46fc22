//! Handlers, one file a noun.

pub(crate) mod accounts;
pub(crate) mod admin;
pub(crate) mod comments;
pub(crate) mod hooks;
pub(crate) mod internal;
pub(crate) mod playback;
pub(crate) mod sessions;
pub(crate) mod sitemap;
pub(crate) mod uploads;
pub(crate) mod videos;

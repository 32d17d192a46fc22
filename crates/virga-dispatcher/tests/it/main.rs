//! Dispatchers at work on a real database, a store in a folder, and clips made by ffmpeg.

#![expect(
    clippy::unwrap_used,
    reason = "a test stops at the first thing that is wrong"
)]

mod encoding;
mod instant;
mod leases;
mod purging;
mod refusals;
mod site;
mod sync;

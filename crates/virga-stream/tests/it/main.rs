//! The data plane at its edge: its router over a real store, with real clips.

#![expect(
    clippy::unwrap_used,
    reason = "a test stops at the first thing that is wrong"
)]

mod blocks;
mod clip;
mod clips;
mod freshness;
mod future;
mod growing;
mod parts;
mod playback;
mod players;
mod site;
mod sounds;
mod storyboard;
mod texts;
mod visibility;

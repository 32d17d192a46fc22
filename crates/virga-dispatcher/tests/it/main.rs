//! Dispatchers at work on a real database, a store in a folder, and clips made by ffmpeg.

#![expect(
    clippy::unwrap_used,
    reason = "a test stops at the first thing that is wrong"
)]
#![expect(
    clippy::future_not_send,
    reason = "conditions borrow the site and are awaited in place"
)]

mod allowance;
mod copied;
mod cut_off;
mod encoding;
mod fragmented;
mod fragments;
mod future;
mod growing;
mod inputs;
mod instant;
mod integrity;
mod junk;
mod kept_sound;
mod launching;
mod leases;
mod lengths;
mod loudness;
mod memory;
mod outbox;
mod own_picture;
mod per_title;
mod publishing;
mod purging;
mod refusals;
mod site;
mod sizes;
mod sound_only;
mod sounds;
mod spans;
mod stalling;
mod standing;
mod storyboard;
mod streams;
mod sweeping;
mod sync;
mod texts;
mod variants;

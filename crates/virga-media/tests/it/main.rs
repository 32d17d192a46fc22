//! The crate at its edge: real files made by ffmpeg, packaged, and decoded again.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod clips;
mod codings;
mod fallback;
mod fragment_walk;
mod fragments;
mod growing;
mod hostile;
mod instant;
mod ladder;
mod matroska;
mod matroska_hostile;
mod packaging;
mod playlists;
mod remade;
mod sniffing;
mod spans;
mod tables;
mod walked;

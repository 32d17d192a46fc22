//! The data plane: upload parts in, playlists, segments and pictures out. Reads objects only.
//!
//! What may be seen is decided from the published presentation of a video and the grant in the
//! path; how fresh a presentation must be follows from the feed of changes (`Presentations`).

mod address;
mod answer;
mod away;
mod body;
mod config;
mod cors;
mod fault;
mod follow;
mod form;
mod media;
mod parts;
mod presentations;
mod refused;
mod router;
mod segments;
mod state;
mod tables;

pub use config::StreamConfig;
pub use cors::{MediaCors, MediaOrigins};
pub use presentations::Presentations;
pub use router::router;
pub use state::{StreamParts, StreamState};

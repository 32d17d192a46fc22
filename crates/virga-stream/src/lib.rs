//! The data plane: upload parts in, playlists, segments and pictures out. Reads objects only.
//!
//! What may be seen is decided from the published presentation of a video and the grant in the
//! path; how fresh a presentation must be follows from the feed of changes (`Presentations`).

mod arrivals;
mod body;
mod caller;
mod clips;
mod config;
mod cors;
mod dash;
mod egress;
mod error;
mod files;
mod follow;
mod form_upload;
mod growing;
mod media;
mod named_sounds;
mod named_texts;
mod offload;
mod parts;
mod presentations;
mod refused;
mod router;
mod segments;
mod source;
mod state;
mod storyboard;
mod tables;
mod texts;

pub use config::StreamConfig;
pub use cors::{MediaCors, MediaOrigins};
pub use egress::EgressLimits;
pub use presentations::Presentations;
pub use router::router;
pub use state::{StreamParts, StreamState};

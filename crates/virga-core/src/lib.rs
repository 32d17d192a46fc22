//! The words of the domain, shared by every role: ids, object keys, states, permissions,
//! grants, wire types.
//!
//! Pure: no async runtime, no HTTP framework, no SQL, no object store. What is said here once is
//! said nowhere else.

mod clock;
mod code;
pub mod counts;
pub mod digest;
mod entropy;
pub mod fail;
mod failure;
mod id;
pub mod job;
pub mod keys;
mod media_key;
pub mod name;
pub mod paths;
pub mod permission;
pub mod presentation;
pub mod reason;
mod reloadable;
pub mod text;
mod texts;
pub mod upload;
pub mod video;
pub mod wire;

pub use clock::{Clock, FakeClock, SharedClock, SystemClock, Timestamp};
pub use code::{Code, Kind, Retry};
pub use entropy::{Entropy, OsEntropy, SharedEntropy};
pub use failure::{Failure, Result, with_causes};
pub use id::{CommentId, InvalidId, UploadId, UserId, VideoId};
pub use media_key::{
    CacheLifetime, InvalidKey, KeyPrefix, MediaKey, ObjectClass, PosterPart, StoryboardIndex,
};
pub use reloadable::Reloadable;
pub use texts::{FilmText, FilmTexts, TextKind};

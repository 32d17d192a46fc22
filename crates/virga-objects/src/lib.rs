//! Objects: the media store and multipart sessions.
//!
//! An object appears whole or not at all, and once a call has answered it survives a power cut.
//! [`MediaStore`] and [`MultipartSessions`] say what every kind of store must do, [`DirectAccess`] what
//! one does that browsers reach by themselves. [`DiskStore`] keeps objects in a local folder;
//! `virga-bucket` keeps them in a bucket. One conformance suite (`tests/it`) takes both.

mod direct;
mod disk;
mod error;
mod guard;
mod multipart;
mod store;

pub use direct::{
    Callback, CorsRule, DirectAccess, PostForm, SharedDirect, SignedRequest, Validity,
};
pub use disk::{DiskOptions, DiskStore};
pub use error::{ObjectError, Result};
pub use guard::GuardedStore;
pub use multipart::{
    HeldParts, Incoming, MultipartSessions, SharedSessions, UploadPlan, UploadSession,
};
pub use store::{
    ByteStream, FreeSpace, Listed, LocalObject, MediaStore, ObjectListing, ObjectStat,
    ObjectWriter, Piece, READ_LIMIT, SharedStore,
};

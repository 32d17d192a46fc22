//! Objects: the media store and multipart sessions.
//!
//! An object appears whole or not at all, and once a call has answered it survives a power cut.
//! [`MediaStore`] and [`MultipartSessions`] say what every kind of store must do; [`DiskStore`] does
//! it in a local folder, [`BucketStore`] in a bucket. One conformance suite (`tests/it`) takes both.

mod bucket;
mod cdn;
mod delivery;
mod direct;
mod disk;
mod error;
pub use virga_core::fail;
mod guard;
mod multipart;
mod store;

pub use bucket::{
    Addressing, BucketOptions, BucketStore, Credentials, Dialect, InvalidBucket, KodoForms,
    Outcome, Probe, ProbeOptions,
};
pub use cdn::{Cdn, CdnSigning};
pub use delivery::{Delivery, DeliveryMode, DeliveryOptions, InvalidDelivery, UploadWay, Way};
pub use direct::{CorsRule, DirectAccess, PostForm, Report, SharedDirect, SignedRequest, Validity};
pub use disk::{DiskOptions, DiskStore};
pub use error::{ObjectError, Result};
pub use guard::GuardedStore;
pub use multipart::{HeldParts, Incoming, MultipartSessions, Session, SharedSessions};
pub use store::{
    ByteStream, FreeSpace, Listed, Listing, MediaStore, ObjectStat, ObjectWriter, Piece,
    READ_LIMIT, SharedStore,
};

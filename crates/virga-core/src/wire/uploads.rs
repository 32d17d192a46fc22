//! Uploads and parts.

use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use utoipa::ToSchema;

use super::integer;
use crate::{Timestamp, UploadId, UserId, VideoId, upload::UploadState};

/// `POST /uploads`.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct NewUpload {
    /// The draft that it fills.
    pub video_id: VideoId,
    /// Shown to its owner, never used as a path.
    pub file_name: String,
    /// Bytes; at least 1, at most `upload_max` of `GET /site`.
    #[schema(minimum = 1)]
    #[serde(deserialize_with = "integer::one")]
    pub size: u64,
    /// As the browser says; the content decides.
    #[serde(default)]
    pub content_type: String,
    /// Opaque, 1 to 128 characters: how the client knows the same file again.
    #[schema(min_length = 1, max_length = 128)]
    pub fingerprint: String,
    /// Bytes that the client would like a part to have: smaller ones lose less on a slow line. The
    /// answer's `part_size` holds.
    #[serde(
        default,
        deserialize_with = "super::integer::maybe",
        skip_serializing_if = "Option::is_none"
    )]
    #[schema(minimum = 1, maximum = 5_368_709_120_i64)]
    pub part_size: Option<u64>,
}

/// An open upload.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Upload {
    /// Id.
    pub id: UploadId,
    /// The video that it fills.
    pub video_id: VideoId,
    /// As given.
    pub file_name: String,
    /// Bytes.
    pub size: u64,
    /// As given.
    pub fingerprint: String,
    /// Where it stands.
    pub state: UploadState,
    /// Bytes that the store holds in whole parts.
    pub held: u64,
    /// How parts are sent.
    pub mode: UploadMode,
    /// Bytes of every part but the last.
    pub part_size: u64,
    /// Left alone, it ends then.
    pub expires_at: Timestamp,
}

/// `POST /uploads/form`.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct FormAsk {
    /// The draft that the file fills.
    pub video_id: VideoId,
}

/// Where a plain form sends one whole file, once: `multipart/form-data` with the one field `file`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct FormOffer {
    /// Signed address.
    pub url: String,
    /// The most bytes.
    pub max: u64,
    /// The address ends then.
    pub expires_at: Timestamp,
}

/// Between roles: a form's file is written and about to be named.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct FormFile {
    /// The id it was written under.
    pub upload: UploadId,
    /// The draft that it fills.
    pub video: VideoId,
    /// The draft's owner, as signed.
    pub user: UserId,
    /// As the browser calls it.
    pub file_name: String,
    /// Bytes written.
    pub size: u64,
    /// As the browser says.
    pub content_type: String,
}

/// How parts are sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum UploadMode {
    /// `PUT` each part to a signed address.
    Multipart,
}

/// `POST /uploads/{id}/parts/sign`.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct PartNumbers {
    /// From 1; 1 to 100 in one request.
    #[schema(min_items = 1, max_items = 100)]
    #[serde(deserialize_with = "integer::many")]
    pub numbers: Vec<u32>,
    /// Addresses of the site itself, for a browser that cannot reach the bucket's.
    #[serde(default)]
    pub proxied: bool,
}

/// Where and how to send one part.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct SignedPart {
    /// From 1.
    pub number: u32,
    /// Absolute path, or full URL of a bucket.
    pub url: String,
    /// `PUT` with the part as the body, or `POST` with a form.
    pub method: String,
    /// To send as they are.
    pub headers: BTreeMap<String, String>,
    /// With `POST`: the form's fields (`multipart/form-data`), in this order, before `file`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub fields: Vec<FormField>,
    /// Ends then.
    pub expires_at: Timestamp,
}

/// One field of a form.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct FormField {
    /// Its name.
    pub name: String,
    /// Its text.
    pub value: String,
}

/// A part that the store holds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct HeldPart {
    /// From 1.
    pub number: u32,
    /// Bytes.
    pub size: u64,
    /// SHA-256 of its bytes, hexadecimal, where the store knows it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sha256: Option<String>,
}

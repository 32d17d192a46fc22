//! Comments.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::{CommentId, Timestamp};

/// `POST` and `PATCH` of a comment.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct NewComment {
    /// 1 to 4,000 characters.
    #[schema(
        min_length = 1,
        max_length = 4000,
        pattern = "[^\\s\\u0000-\\u001f\\u007f-\\u009f\\u00ad\\u034f\\u061c\\u115f\\u1160\\u17b4\\u17b5\\u180b-\\u180f\\u4000b-\\u4000f\\u202a-\\u202e\\u2060-\\u206f\\u2800\\u3164\\ufe00-\\ufe0f\\ufeff\\uffa0\\ufff9-\\ufffb\u{e0000}-\u{e0fff}]"
    )]
    pub text: String,
}

/// A comment.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Comment {
    /// Id.
    pub id: CommentId,
    /// Name of its author.
    pub author: String,
    /// Text.
    pub text: String,
    /// Written.
    #[schema(value_type = String, format = DateTime)]
    pub created_at: Timestamp,
    /// Last edited.
    #[schema(value_type = Option<String>, format = DateTime)]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub edited_at: Option<Timestamp>,
    /// Whether the asking viewer wrote it.
    pub editable: bool,
    /// Whether the asking viewer may delete it.
    pub deletable: bool,
}

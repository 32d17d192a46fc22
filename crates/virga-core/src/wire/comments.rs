//! Comments.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::{CommentId, Timestamp};

/// `POST` and `PATCH` of a comment.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct NewComment {
    /// 1 to 4,000 characters.
    #[schema(min_length = 1, max_length = 4000)]
    pub text: String,
}

/// A comment.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Comment {
    /// Id.
    pub id: CommentId,
    /// Name of its author.
    pub author: String,
    /// Whether its author is an administrator.
    #[serde(default)]
    pub by_admin: bool,
    /// Text.
    pub text: String,
    /// Written.
    pub created_at: Timestamp,
    /// Last edited.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub edited_at: Option<Timestamp>,
    /// Whether the asking viewer wrote it.
    pub editable: bool,
    /// Whether the asking viewer may delete it.
    pub deletable: bool,
}

//! Uploads. `open_video` is the video while open and null after: one open upload a video.

use sea_orm::entity::prelude::*;

/// A row of `uploads`.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "uploads")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: String,
    pub video_id: String,
    pub user_id: String,
    pub file_name: String,
    pub size: i64,
    pub content_type: String,
    pub fingerprint: String,
    pub state: String,
    pub open_video: Option<String>,
    pub part_size: i64,
    pub object_key: String,
    pub created_at: i64,
    pub expires_at: i64,
    pub lease_until: i64,
    pub error: Option<String>,
}

super::plain!();

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
    #[sea_orm(column_type = "Text")]
    pub file_name: String,
    pub size: i64,
    #[sea_orm(column_type = "Text")]
    pub content_type: String,
    pub fingerprint: String,
    pub state: String,
    #[sea_orm(unique)]
    pub open_video: Option<String>,
    pub part_size: i64,
    pub object_key: String,
    pub created_at: i64,
    pub expires_at: i64,
    pub lease_until: i64,
    #[sea_orm(column_type = "Text", nullable)]
    pub error: Option<String>,
}

/// None: joins are written where they are needed.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

//! Videos.

use sea_orm::entity::prelude::*;

/// A row of `videos`.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "videos")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: String,
    pub owner_id: String,
    pub title: String,
    pub search: String,
    pub description: String,
    pub visibility: String,
    pub publish_as: Option<String>,
    pub state: String,
    pub failure: Option<String>,
    pub failure_code: Option<String>,
    pub created_at: i64,
    pub published_at: Option<i64>,
    pub deleted_at: Option<i64>,
    pub purge_at: Option<i64>,
    pub epoch: i64,
    pub presentation_version: i64,
    pub published_version: i64,
    pub publish_lease: i64,
    pub views: i64,
    pub comments: i64,
    pub source_key: Option<String>,
    pub source_size: i64,
    pub made_bytes: Option<i64>,
    pub duration: Option<i64>,
    pub width: Option<i32>,
    pub height: Option<i32>,
    pub poster_key: Option<String>,
    pub fallback_key: Option<String>,
    pub storyboard_key: Option<String>,
    #[sea_orm(column_type = "Text")]
    pub texts: Option<String>,
    #[sea_orm(column_type = "Text")]
    pub sounds: Option<String>,
    pub note: Option<String>,
    pub announced: Option<i64>,
    pub loudness: Option<i32>,
}

super::plain!();

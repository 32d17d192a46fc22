//! Pieces of growing tracks. `segments` is JSON: duration in ticks and length in bytes of each segment.

use sea_orm::entity::prelude::*;

/// A row of `pieces`.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "pieces")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub video_id: String,
    #[sea_orm(primary_key, auto_increment = false)]
    pub track: String,
    #[sea_orm(primary_key, auto_increment = false)]
    pub n: i32,
    pub fence: i64,
    pub object_key: String,
    pub segments: String,
}

super::plain!();

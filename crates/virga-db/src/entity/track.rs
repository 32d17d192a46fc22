//! What plays of a video: one row a track.

use sea_orm::entity::prelude::*;

/// A row of `tracks`.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "tracks")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub video_id: String,
    #[sea_orm(primary_key, auto_increment = false)]
    pub name: String,
    pub kind: String,
    pub position: i32,
    pub height: i32,
    pub table_key: String,
    pub object_key: Option<String>,
    pub samples_key: Option<String>,
    pub source_key: Option<String>,
    pub role: Option<String>,
    pub rung: Option<String>,
    pub language: Option<String>,
    pub body: Option<String>,
}

super::plain!();

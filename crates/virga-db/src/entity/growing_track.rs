//! Tracks that a job makes while they play. `head` is JSON of the job that makes it; this crate does not
//! read it.

use sea_orm::entity::prelude::*;

/// A row of `growing_tracks`.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "growing_tracks")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub video_id: String,
    #[sea_orm(primary_key, auto_increment = false)]
    pub name: String,
    pub job_id: i64,
    pub kind: String,
    pub rung: Option<String>,
    pub position: i32,
    pub height: i32,
    pub head: String,
    pub expected_at: Option<i64>,
    pub published_at: Option<i64>,
    pub ended_at: Option<i64>,
}

super::plain!();

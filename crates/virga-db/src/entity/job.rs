//! Jobs. `open_key` is `Job::dedup_key` while the job is open and null after: one open job a key.

use sea_orm::entity::prelude::*;

/// A row of `jobs`.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "jobs")]
pub struct Model {
    #[sea_orm(primary_key)]
    pub id: i64,
    pub kind: String,
    pub video_id: String,
    pub open_key: Option<String>,
    pub payload: String,
    pub state: String,
    pub priority: i32,
    pub attempts: i32,
    pub run_at: i64,
    pub lease_until: i64,
    pub fence: i64,
    pub worker: String,
    pub progress: i32,
    pub error: Option<String>,
    pub error_code: Option<String>,
    pub created_at: i64,
    pub updated_at: i64,
    pub spent_ms: Option<i64>,
    pub parent: Option<i64>,
    pub follow_up: Option<String>,
    pub encoder_log: Option<String>,
}

super::plain!();

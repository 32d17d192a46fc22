//! Where someone stopped watching.

use sea_orm::entity::prelude::*;

/// A row of `positions`.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "positions")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub user_id: String,
    #[sea_orm(primary_key, auto_increment = false)]
    pub video_id: String,
    /// Milliseconds from the start.
    pub millis: i64,
    pub updated_at: i64,
}

super::plain!();

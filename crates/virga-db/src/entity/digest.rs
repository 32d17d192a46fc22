//! Digests of objects, by their key. `parts` is JSON: length and SHA-256 of each part in order.

use sea_orm::entity::prelude::*;

/// A row of `digests`.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "digests")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub object_key: String,
    pub video_id: String,
    pub parts: String,
    pub verified: i16,
    pub checked_at: i64,
    pub damage: Option<String>,
}

super::plain!();

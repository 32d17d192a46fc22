//! Signed-in sessions, by the hash of their token.

use sea_orm::entity::prelude::*;

/// A row of `sessions`.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "sessions")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub token_hash: String,
    pub user_id: String,
    pub created_at: i64,
    pub seen_at: i64,
    pub expires_at: i64,
    /// Null in rows of an older program.
    pub device: Option<String>,
    pub network: Option<String>,
}

super::plain!();

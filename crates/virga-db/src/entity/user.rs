//! Accounts.

use sea_orm::entity::prelude::*;

/// A row of `users`.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "users")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: String,
    pub name: String,
    pub name_folded: String,
    pub password_hash: String,
    pub role: String,
    pub created_at: i64,
    pub blocked_at: Option<i64>,
    pub upload_visibility: Option<String>,
    pub publish_at_once: Option<i32>,
    pub name_skeleton: Option<String>,
}

super::plain!();

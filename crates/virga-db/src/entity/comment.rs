//! Comments.

use sea_orm::entity::prelude::*;

/// A row of `comments`.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "comments")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: String,
    pub video_id: String,
    pub author_id: String,
    pub text: String,
    pub created_at: i64,
    pub edited_at: Option<i64>,
}

super::plain!();

//! Which migrations a database has.

use sea_orm::entity::prelude::*;

/// A row of `seaql_migrations`, so named by the first releases.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "seaql_migrations")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub version: String,
    pub applied_at: i64,
}

super::plain!();

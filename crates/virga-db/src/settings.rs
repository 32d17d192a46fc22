//! Settings made in pages, and the one-time setup token.

use sea_orm::{
    ActiveValue::Set,
    ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter,
    sea_query::{Expr, OnConflict},
};

use crate::{Result, dialect::insert_new, entity::setting};

/// The site's name.
pub const SITE_NAME: &str = "site.name";
/// Who may register.
pub const REGISTRATION: &str = "accounts.registration";
/// SHA-256 of the one-time token and when it ends: `hash expiry-micros`.
pub const SETUP_TOKEN: &str = "setup.token";

/// Who sweeps, and until when: `micros worker`.
pub const SWEEPER: &str = "sweeper.lease";

/// When a process last tried to write, microseconds.
pub(crate) const WRITE_CHECK: &str = "health.write-check";
/// Written every second where there is a replica, to see how far it is behind: microseconds.
pub(crate) const REPLICA_BEAT: &str = "replica.beat";

/// A setting's value.
pub async fn get(c: &impl ConnectionTrait, name: &str) -> Result<Option<String>> {
    Ok(setting::Entity::find_by_id(name)
        .one(c)
        .await?
        .map(|row| row.value))
}

/// Sets or replaces a setting.
pub async fn set(c: &impl ConnectionTrait, name: &str, value: &str) -> Result<()> {
    let model = setting::ActiveModel {
        name: Set(name.to_owned()),
        value: Set(value.to_owned()),
    };
    let replace = OnConflict::column(setting::Column::Name)
        .update_column(setting::Column::Value)
        .to_owned();
    setting::Entity::insert(model)
        .on_conflict(replace)
        .exec_without_returning(c)
        .await?;
    Ok(())
}

/// Sets a setting if it still has the value `seen`, or is still missing. Answers whether it did; of two
/// that try at once, one succeeds.
pub async fn swap(
    c: &impl ConnectionTrait,
    name: &str,
    seen: Option<&str>,
    value: &str,
) -> Result<bool> {
    let Some(seen) = seen else {
        let model = setting::ActiveModel {
            name: Set(name.to_owned()),
            value: Set(value.to_owned()),
        };
        return insert_new(c, model, [setting::Column::Name]).await;
    };
    let changed = setting::Entity::update_many()
        .col_expr(setting::Column::Value, Expr::value(value))
        .filter(setting::Column::Name.eq(name))
        .filter(setting::Column::Value.eq(seen))
        .exec(c)
        .await?;
    Ok(changed.rows_affected == 1)
}

/// Removes a setting with exactly this value; returns whether it did. If two try, one succeeds.
pub async fn take(c: &impl ConnectionTrait, name: &str, value: &str) -> Result<bool> {
    let removed = setting::Entity::delete_many()
        .filter(setting::Column::Name.eq(name))
        .filter(setting::Column::Value.eq(value))
        .exec(c)
        .await?;
    Ok(removed.rows_affected == 1)
}

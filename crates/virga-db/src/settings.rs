//! Settings made in pages, and the one-time setup token.

use sea_orm::{
    ActiveValue::Set, ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter, sea_query::OnConflict,
};

use crate::{
    Result,
    dialect::insert_new,
    entity::setting::{self, Column as C},
    query::{Change as _, Remove as _},
};

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

fn row(name: &str, value: &str) -> setting::ActiveModel {
    setting::ActiveModel {
        name: Set(name.to_owned()),
        value: Set(value.to_owned()),
    }
}

/// Sets or replaces a setting.
pub async fn set(c: &impl ConnectionTrait, name: &str, value: &str) -> Result<()> {
    let replace = OnConflict::column(C::Name)
        .update_column(C::Value)
        .to_owned();
    setting::Entity::insert(row(name, value))
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
        return insert_new(c, row(name, value), [C::Name]).await;
    };
    setting::Entity::update_many()
        .value(C::Value, value)
        .filter(C::Name.eq(name))
        .filter(C::Value.eq(seen))
        .changed_one(c)
        .await
}

/// Removes a setting with exactly this value; returns whether it did. If two try, one succeeds.
pub async fn take(c: &impl ConnectionTrait, name: &str, value: &str) -> Result<bool> {
    let removed = setting::Entity::delete_many()
        .filter(C::Name.eq(name))
        .filter(C::Value.eq(value))
        .removed(c);
    Ok(removed.await? == 1)
}

//! What the bytes of each object should be, and what the last look at them found.

use sea_orm::{
    ActiveValue::Set, ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter, QueryOrder,
    QuerySelect, sea_query::OnConflict,
};
use virga_core::{MediaKey, Timestamp, VideoId, digest::Digest};

use crate::{
    DbError, Result,
    entity::digest,
    query::{Change as _, Read as _},
    rows::{id, short},
};

use digest::Column as C;

/// A digest with what is known of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DigestRow {
    /// The object.
    pub key: MediaKey,
    /// Its video.
    pub video: VideoId,
    /// Of its bytes.
    pub digest: Digest,
    /// Whether it was taken of the bytes as they were written, not of a first look at them later.
    pub verified: bool,
    /// The object was last read then.
    pub checked_at: Timestamp,
    /// What that found wrong.
    pub damage: Option<String>,
}

impl TryFrom<digest::Model> for DigestRow {
    type Error = DbError;

    fn try_from(row: digest::Model) -> Result<Self> {
        let unreadable = |_| DbError::Corrupt {
            table: "digests",
            column: "parts",
            value: row.parts.clone(),
        };
        Ok(Self {
            digest: serde_json::from_str(&row.parts).map_err(unreadable)?,
            video: id("digests", "video_id", &row.video_id)?,
            key: id("digests", "object_key", &row.object_key)?,
            verified: row.verified != 0,
            checked_at: Timestamp(row.checked_at),
            damage: row.damage,
        })
    }
}

/// Notes an object's digest, in place of one that was noted before.
pub async fn put(c: &impl ConnectionTrait, row: &DigestRow) -> Result<()> {
    let model = digest::ActiveModel {
        object_key: Set(row.key.to_string()),
        video_id: Set(row.video.to_string()),
        parts: Set(serde_json::to_string(&row.digest).unwrap_or_default()),
        verified: Set(i16::from(row.verified)),
        checked_at: Set(row.checked_at.0),
        damage: Set(row.damage.clone()),
    };
    let replace = OnConflict::column(C::ObjectKey)
        .update_columns([C::VideoId, C::Parts, C::Verified, C::CheckedAt, C::Damage])
        .to_owned();
    digest::Entity::insert(model)
        .on_conflict(replace)
        .exec_without_returning(c)
        .await?;
    Ok(())
}

/// An object's digest.
pub async fn find(c: &impl ConnectionTrait, key: &MediaKey) -> Result<Option<DigestRow>> {
    digest::Entity::find_by_id(key.as_str()).row(c).await
}

/// Notes what a look at the object found.
pub async fn note_check(
    c: &impl ConnectionTrait,
    key: &MediaKey,
    at: Timestamp,
    damage: Option<&str>,
) -> Result<()> {
    digest::Entity::update_many()
        .value(C::CheckedAt, at.0)
        .value(C::Damage, damage.map(short))
        .filter(C::ObjectKey.eq(key.as_str()))
        .run(c)
        .await
}

/// Objects that the last look found damaged.
pub async fn damaged(c: &impl ConnectionTrait, limit: u64) -> Result<Vec<DigestRow>> {
    digest::Entity::find()
        .filter(C::Damage.is_not_null())
        .order_by_asc(C::ObjectKey)
        .limit(limit)
        .rows(c)
        .await
}

/// Forgets an object that is gone.
pub async fn remove(c: &impl ConnectionTrait, key: &MediaKey) -> Result<()> {
    digest::Entity::delete_by_id(key.as_str()).exec(c).await?;
    Ok(())
}

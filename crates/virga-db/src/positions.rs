//! Where each account stopped watching, so that playback resumes there on any device.

use sea_orm::{
    ActiveValue::Set, ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter, sea_query::OnConflict,
};
use std::time::Duration;
use virga_core::{Timestamp, UserId, VideoId};

use crate::{
    Result,
    entity::position::{ActiveModel, Column as C, Entity},
    query::Remove as _,
    rows::signed,
};

/// Where someone was.
pub async fn find(
    c: &impl ConnectionTrait,
    user: UserId,
    video: VideoId,
) -> Result<Option<Duration>> {
    let row = Entity::find_by_id((user.to_string(), video.to_string()))
        .one(c)
        .await?;
    Ok(row.map(|row| Duration::from_millis(row.millis.unsigned_abs())))
}

/// Notes where someone is.
pub async fn put(
    c: &impl ConnectionTrait,
    user: UserId,
    video: VideoId,
    at: Duration,
    now: Timestamp,
) -> Result<()> {
    let row = ActiveModel {
        user_id: Set(user.to_string()),
        video_id: Set(video.to_string()),
        millis: Set(signed(u64::try_from(at.as_millis()).unwrap_or(u64::MAX))),
        updated_at: Set(now.0),
    };
    let known = OnConflict::columns([C::UserId, C::VideoId])
        .update_columns([C::Millis, C::UpdatedAt])
        .to_owned();
    Entity::insert(row)
        .on_conflict(known)
        .exec_without_returning(c)
        .await?;
    Ok(())
}

/// Forgets what was noted before `before`.
pub async fn sweep(c: &impl ConnectionTrait, before: Timestamp) -> Result<u64> {
    Entity::delete_many()
        .filter(C::UpdatedAt.lt(before.0))
        .removed(c)
        .await
}

//! What an account uses of the site: bytes stored, and time of the encoder.

use sea_orm::{
    ColumnTrait, ConnectionTrait, EntityTrait, ExprTrait, QueryFilter, QuerySelect,
    sea_query::{Expr, JoinType},
};
use std::time::Duration;
use virga_core::{Timestamp, UserId, VideoId};

use crate::{
    Result,
    digests::DigestRow,
    entity::{digest, job, video},
    query::{Change as _, Read as _},
    rows::signed,
    videos,
};

/// A video's source and all that was made of it.
pub(crate) const STORED: &str = "source_size + COALESCE(made_bytes, 0)";

/// Bytes of an account's sources and of all that was made of them.
pub async fn stored_bytes(c: &impl ConnectionTrait, owner: UserId) -> Result<u64> {
    video::Entity::find()
        .filter(video::Column::OwnerId.eq(owner.to_string()))
        .sum(c, STORED)
        .await
}

/// Counts the bytes of what was made of a video, by the digests of its objects.
pub async fn count_made(c: &impl ConnectionTrait, id: VideoId) -> Result<()> {
    let Some(row) = video::Entity::find_by_id(id.to_string()).one(c).await? else {
        return Ok(());
    };
    let source = row.source_key.unwrap_or_default();
    let made: Vec<DigestRow> = digest::Entity::find()
        .filter(digest::Column::VideoId.eq(id.to_string()))
        .filter(digest::Column::ObjectKey.ne(source))
        .rows(c)
        .await?;
    let bytes = made.iter().map(|row| row.digest.size()).sum();
    videos::update(id)
        .value(video::Column::MadeBytes, signed(bytes))
        .run(c)
        .await
}

/// Videos with a source of which nobody has counted yet what was made.
pub async fn uncounted(c: &impl ConnectionTrait, limit: u64) -> Result<Vec<VideoId>> {
    let uncounted = video::Entity::find()
        .filter(video::Column::MadeBytes.is_null())
        .filter(video::Column::SourceKey.is_not_null());
    videos::ids(c, uncounted.limit(limit)).await
}

/// Adds to the time that a job took.
pub async fn spend(c: &impl ConnectionTrait, job: i64, time: Duration) -> Result<()> {
    let millis = i64::try_from(time.as_millis()).unwrap_or(i64::MAX);
    job::Entity::update_many()
        .col_expr(
            job::Column::SpentMs,
            Expr::col(job::Column::SpentMs).if_null(0).add(millis),
        )
        .filter(job::Column::Id.eq(job))
        .run(c)
        .await
}

/// The total time of an account's jobs that ended, or sent their last heartbeat, after `since`.
pub async fn encoder_time(
    c: &impl ConnectionTrait,
    owner: UserId,
    since: Timestamp,
) -> Result<Duration> {
    let spent = job::Entity::find()
        .join(
            JoinType::InnerJoin,
            job::Entity::belongs_to(video::Entity)
                .from(job::Column::VideoId)
                .to(video::Column::Id)
                .into(),
        )
        .filter(video::Column::OwnerId.eq(owner.to_string()))
        .filter(job::Column::UpdatedAt.gt(since.0))
        .sum(c, "spent_ms");
    Ok(Duration::from_millis(spent.await?))
}

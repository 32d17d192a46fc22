//! What an account uses of the site: bytes stored, and time of the encoder.

use sea_orm::{
    ColumnTrait, ConnectionTrait, EntityTrait, ExprTrait, QueryFilter, QuerySelect,
    sea_query::{Expr, JoinType},
};
use std::time::Duration;
use virga_core::{Timestamp, UserId, VideoId};

use crate::{
    Result,
    dialect::sum_of,
    entity::{digest, job, video},
    rows::{id, unsigned},
};

/// A video's source and all that was made of it.
pub(crate) const STORED: &str = "source_size + COALESCE(made_bytes, 0)";

/// Bytes of an account's sources and of all that was made of them.
pub async fn stored_bytes(c: &impl ConnectionTrait, owner: UserId) -> Result<u64> {
    let sum: Option<i64> = video::Entity::find()
        .select_only()
        .column_as(sum_of(c, STORED), "sum")
        .filter(video::Column::OwnerId.eq(owner.to_string()))
        .into_tuple()
        .one(c)
        .await?;
    Ok(unsigned(sum.unwrap_or(0)))
}

/// Counts the bytes of what was made of a video, by the digests of its objects.
pub async fn count_made(c: &impl ConnectionTrait, id: VideoId) -> Result<()> {
    let Some(row) = video::Entity::find_by_id(id.to_string()).one(c).await? else {
        return Ok(());
    };
    let source = row.source_key.unwrap_or_default();
    let digests = digest::Entity::find()
        .filter(digest::Column::VideoId.eq(id.to_string()))
        .filter(digest::Column::ObjectKey.ne(source))
        .all(c)
        .await?;
    let mut bytes = 0_u64;
    for digest in digests {
        bytes += crate::digests::DigestRow::try_from(digest)?.digest.size();
    }
    video::Entity::update_many()
        .col_expr(
            video::Column::MadeBytes,
            Expr::value(i64::try_from(bytes).unwrap_or(i64::MAX)),
        )
        .filter(video::Column::Id.eq(id.to_string()))
        .exec(c)
        .await?;
    Ok(())
}

/// Videos with a source of which nobody has counted yet what was made.
pub async fn uncounted(c: &impl ConnectionTrait, limit: u64) -> Result<Vec<VideoId>> {
    let rows: Vec<String> = video::Entity::find()
        .select_only()
        .column(video::Column::Id)
        .filter(video::Column::MadeBytes.is_null())
        .filter(video::Column::SourceKey.is_not_null())
        .limit(limit)
        .into_tuple()
        .all(c)
        .await?;
    rows.iter().map(|row| id("videos", "id", row)).collect()
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
        .exec(c)
        .await?;
    Ok(())
}

/// The total time of an account's jobs that ended, or sent their last heartbeat, after `since`.
pub async fn encoder_time(
    c: &impl ConnectionTrait,
    owner: UserId,
    since: Timestamp,
) -> Result<Duration> {
    let sum: Option<i64> = job::Entity::find()
        .select_only()
        .column_as(sum_of(c, "spent_ms"), "sum")
        .join(
            JoinType::InnerJoin,
            job::Entity::belongs_to(video::Entity)
                .from(job::Column::VideoId)
                .to(video::Column::Id)
                .into(),
        )
        .filter(video::Column::OwnerId.eq(owner.to_string()))
        .filter(job::Column::UpdatedAt.gt(since.0))
        .into_tuple()
        .one(c)
        .await?;
    Ok(Duration::from_millis(unsigned(sum.unwrap_or(0))))
}

//! What is published of a video: the right to write its presentation object, and which version the
//! object carries.

use sea_orm::{
    ColumnTrait, ConnectionTrait, EntityTrait, ExprTrait, QueryFilter, QuerySelect, sea_query::Expr,
};
use virga_core::{Timestamp, VideoId};

use crate::{
    Result,
    entity::video::{self, Column as C},
};

/// Takes the right to write the presentation object until `lease`, while the object is behind its rows:
/// another process may have written it since the caller looked.
pub async fn lease_publish(
    c: &impl ConnectionTrait,
    id: VideoId,
    now: Timestamp,
    lease: Timestamp,
) -> Result<bool> {
    let changed = video::Entity::update_many()
        .col_expr(C::PublishLease, Expr::value(lease.0))
        .filter(C::Id.eq(id.to_string()))
        .filter(C::PublishLease.lte(now.0))
        .filter(Expr::col(C::PublishedVersion).lt(Expr::col(C::PresentationVersion)))
        .exec(c)
        .await?;
    Ok(changed.rows_affected == 1)
}

/// Gives the right to write the presentation object back.
pub async fn release_publish(c: &impl ConnectionTrait, id: VideoId) -> Result<()> {
    video::Entity::update_many()
        .col_expr(C::PublishLease, Expr::value(0))
        .filter(C::Id.eq(id.to_string()))
        .exec(c)
        .await?;
    Ok(())
}

/// Records that the object in the store has `version` and gives the lease back. `false`: the rows
/// changed in the meantime, so write again.
pub async fn note_published(c: &impl ConnectionTrait, id: VideoId, version: i64) -> Result<bool> {
    let changed = video::Entity::update_many()
        .col_expr(C::PublishedVersion, Expr::value(version))
        .col_expr(C::PublishLease, Expr::value(0))
        .filter(C::Id.eq(id.to_string()))
        .filter(C::PresentationVersion.eq(version))
        .exec(c)
        .await?;
    Ok(changed.rows_affected == 1)
}

/// Makes the published object count as out of date.
pub async fn unpublish(c: &impl ConnectionTrait, id: VideoId) -> Result<()> {
    video::Entity::update_many()
        .col_expr(C::PublishedVersion, Expr::value(0))
        .filter(C::Id.eq(id.to_string()))
        .exec(c)
        .await?;
    Ok(())
}

/// Videos whose published object is older than their rows; the database computes `behind` itself.
pub async fn unpublished(c: &impl ConnectionTrait, limit: u64) -> Result<Vec<VideoId>> {
    let rows = video::Entity::find()
        .filter(Expr::col("behind").eq(1))
        .limit(limit)
        .all(c)
        .await?;
    rows.into_iter()
        .map(|row| crate::rows::id("videos", "id", &row.id))
        .collect()
}

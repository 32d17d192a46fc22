//! What is published of a video: the right to write its presentation object, and which version the
//! object carries.

use sea_orm::{
    ColumnTrait, ConnectionTrait, EntityTrait, ExprTrait, QueryFilter, QuerySelect, sea_query::Expr,
};
use virga_core::{Timestamp, VideoId};

use crate::{
    Result,
    entity::video::{self, Column as C},
    query::Change as _,
};

use super::{ids, update};

/// Takes the right to write the presentation object until `lease`, while the object is behind its rows:
/// another process may have written it since the caller looked.
pub async fn lease_publish(
    c: &impl ConnectionTrait,
    id: VideoId,
    now: Timestamp,
    lease: Timestamp,
) -> Result<bool> {
    update(id)
        .value(C::PublishLease, lease.0)
        .filter(C::PublishLease.lte(now.0))
        .filter(Expr::col(C::PublishedVersion).lt(Expr::col(C::PresentationVersion)))
        .changed_one(c)
        .await
}

/// Gives the right to write the presentation object back.
pub async fn release_publish(c: &impl ConnectionTrait, id: VideoId) -> Result<()> {
    update(id).value(C::PublishLease, 0).run(c).await
}

/// Records that the object in the store has `version` and gives the lease back. `false`: the rows
/// changed in the meantime, so write again.
pub async fn note_published(c: &impl ConnectionTrait, id: VideoId, version: i64) -> Result<bool> {
    update(id)
        .value(C::PublishedVersion, version)
        .value(C::PublishLease, 0)
        .filter(C::PresentationVersion.eq(version))
        .changed_one(c)
        .await
}

/// Makes the published object count as out of date.
pub async fn unpublish(c: &impl ConnectionTrait, id: VideoId) -> Result<()> {
    update(id).value(C::PublishedVersion, 0).run(c).await
}

/// Videos whose published object is older than their rows; the database computes `behind` itself.
pub async fn unpublished(c: &impl ConnectionTrait, limit: u64) -> Result<Vec<VideoId>> {
    let behind = video::Entity::find().filter(Expr::col("behind").eq(1));
    ids(c, behind.limit(limit)).await
}

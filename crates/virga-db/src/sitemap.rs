//! Every public video that plays, as a list for search engines.

use sea_orm::{
    ConnectionTrait, EntityTrait, PaginatorTrait, QueryFilter, QueryOrder, QuerySelect, Select,
};
use virga_core::{Timestamp, VideoId};

use crate::{
    Result,
    entity::video::{self, Column as C},
    rows::id,
    videos::listed,
};

fn public() -> Select<video::Entity> {
    video::Entity::find().filter(listed())
}

/// How many there are.
pub async fn count(c: &impl ConnectionTrait) -> Result<u64> {
    Ok(public().count(c).await?)
}

/// A stretch of them, the oldest first so that what was listed once keeps its place.
pub async fn stretch(
    c: &impl ConnectionTrait,
    from: u64,
    limit: u64,
) -> Result<Vec<(VideoId, Timestamp)>> {
    let rows: Vec<(String, Option<i64>, i64)> = public()
        .select_only()
        .columns([C::Id, C::PublishedAt, C::CreatedAt])
        .order_by_asc(C::PublishedAt)
        .order_by_asc(C::Id)
        .offset(from)
        .limit(limit)
        .into_tuple()
        .all(c)
        .await?;
    rows.into_iter()
        .map(|(video, published, created)| {
            let at = Timestamp(published.unwrap_or(created));
            Ok((id("videos", "id", &video)?, at))
        })
        .collect()
}

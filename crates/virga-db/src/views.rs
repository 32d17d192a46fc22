//! Views, once a viewer and hour, written in batches.

use sea_orm::{
    ActiveValue::Set, ColumnTrait, ConnectionTrait, EntityTrait, ExprTrait, QueryFilter,
    sea_query::Expr,
};
use std::collections::BTreeMap;
use virga_core::{Timestamp, VideoId};

use crate::{
    Result,
    dialect::insert_new,
    entity::{video, view_mark},
    query::Remove as _,
    rows::signed,
};

const HOUR: i64 = 3_600_000_000;

/// Someone watched. `viewer` is an opaque key of account or address.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ViewMark {
    /// What.
    pub video: VideoId,
    /// Who.
    pub viewer: String,
    /// When.
    pub at: Timestamp,
}

/// Counts the marks that are new in their hour. Run it in a transaction. Every writer touches marks
/// and videos in the same order, so that batches wait for each other but never in a cycle.
pub async fn record(tx: &impl ConnectionTrait, marks: &[ViewMark]) -> Result<()> {
    let mut counted: BTreeMap<String, u64> = BTreeMap::new();
    let mut marks: Vec<&ViewMark> = marks.iter().collect();
    marks.sort_unstable_by_key(|mark| (mark.video.to_string(), &mark.viewer, mark.at));
    for mark in marks {
        let model = view_mark::ActiveModel {
            video_id: Set(mark.video.to_string()),
            viewer: Set(mark.viewer.clone()),
            hour: Set(mark.at.0.div_euclid(HOUR)),
        };
        let key = [
            view_mark::Column::VideoId,
            view_mark::Column::Viewer,
            view_mark::Column::Hour,
        ];
        if insert_new(tx, model, key).await? {
            *counted.entry(mark.video.to_string()).or_default() += 1;
        }
    }
    for (id, count) in counted {
        video::Entity::update_many()
            .col_expr(
                video::Column::Views,
                Expr::col(video::Column::Views).add(signed(count)),
            )
            .filter(video::Column::Id.eq(id))
            .exec(tx)
            .await?;
    }
    Ok(())
}

/// Forgets marks of hours that are over.
pub async fn sweep(c: &impl ConnectionTrait, now: Timestamp) -> Result<u64> {
    let over = view_mark::Column::Hour.lt(now.0.div_euclid(HOUR) - 1);
    view_mark::Entity::delete_many()
        .filter(over)
        .removed(c)
        .await
}

//! Comments, newest first, paged by time and id.

use sea_orm::{
    ActiveValue::Set, ColumnTrait, ConnectionTrait, EntityTrait, ExprTrait, QueryFilter,
    QueryOrder, QuerySelect, sea_query::Expr,
};
use virga_core::{CommentId, Timestamp, UserId, VideoId};

use crate::{
    Result, Tx,
    entity::{comment, video},
    query::{Change as _, Read as _, add},
    rows::id,
    videos,
};

/// A comment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CommentRow {
    /// Id.
    pub id: CommentId,
    /// Under which video.
    pub video: VideoId,
    /// Who wrote it.
    pub author: UserId,
    /// Text.
    pub text: String,
    /// Written.
    pub created_at: Timestamp,
    /// Last edited.
    pub edited_at: Option<Timestamp>,
}

impl TryFrom<comment::Model> for CommentRow {
    type Error = crate::DbError;

    fn try_from(row: comment::Model) -> Result<Self> {
        Ok(Self {
            id: id("comments", "id", &row.id)?,
            video: id("comments", "video_id", &row.video_id)?,
            author: id("comments", "author_id", &row.author_id)?,
            text: row.text,
            created_at: Timestamp(row.created_at),
            edited_at: row.edited_at.map(Timestamp),
        })
    }
}

/// Adds one and counts it, or `false`: the video is gone. The video's row is taken first, so that
/// the purge, which has it, leaves no comment behind.
pub async fn insert(tx: &Tx, row: &CommentRow) -> Result<bool> {
    if !count(tx, row.video, 1).await? {
        return Ok(false);
    }
    let model = comment::ActiveModel {
        id: Set(row.id.to_string()),
        video_id: Set(row.video.to_string()),
        author_id: Set(row.author.to_string()),
        text: Set(row.text.clone()),
        created_at: Set(row.created_at.0),
        edited_at: Set(None),
    };
    add(tx, model).await?;
    Ok(true)
}

async fn count(tx: &Tx, video: VideoId, by: i64) -> Result<bool> {
    let counted = Expr::col(video::Column::Comments).add(by);
    videos::update(video)
        .col_expr(video::Column::Comments, counted)
        .changed_one(tx)
        .await
}

/// By id, under its video.
pub async fn find(
    c: &impl ConnectionTrait,
    video: VideoId,
    comment: CommentId,
) -> Result<Option<CommentRow>> {
    comment::Entity::find_by_id(comment.to_string())
        .filter(comment::Column::VideoId.eq(video.to_string()))
        .row(c)
        .await
}

/// A page, newest first, after the entry with this time and id.
pub async fn page(
    c: &impl ConnectionTrait,
    video: VideoId,
    after: Option<&(i64, String)>,
    limit: u64,
) -> Result<Vec<CommentRow>> {
    let mut query = comment::Entity::find().filter(comment::Column::VideoId.eq(video.to_string()));
    if let Some((at, id)) = after {
        let (time, key) = (comment::Column::CreatedAt, comment::Column::Id);
        query = query.filter(videos::beyond(time, key, *at, id));
    }
    query
        .order_by_desc(comment::Column::CreatedAt)
        .order_by_desc(comment::Column::Id)
        .limit(limit)
        .rows(c)
        .await
}

/// New text.
pub async fn edit(
    c: &impl ConnectionTrait,
    comment: CommentId,
    text: &str,
    now: Timestamp,
) -> Result<()> {
    comment::Entity::update_many()
        .value(comment::Column::Text, text)
        .value(comment::Column::EditedAt, now.0)
        .filter(comment::Column::Id.eq(comment.to_string()))
        .run(c)
        .await
}

/// Removes one and counts it off.
pub async fn delete(tx: &Tx, video: VideoId, comment: CommentId) -> Result<()> {
    videos::lock(tx, video).await?;
    let removed = comment::Entity::delete_by_id(comment.to_string())
        .exec(tx)
        .await?;
    if removed.rows_affected == 1 {
        count(tx, video, -1).await?;
    }
    Ok(())
}

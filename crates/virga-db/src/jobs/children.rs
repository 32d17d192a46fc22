//! Work that a job leaves to others: its children. The parent waits; the last child to end closes it and
//! enqueues what follows; a child that fails for good fails it. Children are counted by their rows.
//!
//! The caller holds the video's lock: of two that end at the same moment, the second sees the first.

use sea_orm::{
    ColumnTrait, ConnectionTrait, EntityTrait, ExprTrait, PaginatorTrait, QueryFilter, QueryOrder,
    QuerySelect, sea_query::Expr,
};
use serde::{Deserialize, Serialize};
use virga_core::{
    Timestamp, VideoId,
    job::{Job, JobKind},
    reason::Reason,
};

use crate::{DbError, JobRow, Result, entity::job, rows::short};

use super::{C, CLOSED, New};

/// What follows a parent, as its row: who ends the last child need not know its kind.
#[derive(Debug, Serialize, Deserialize)]
struct FollowUp {
    kind: String,
    payload: String,
    open_key: String,
    priority: i32,
}

impl FollowUp {
    fn of(job: &Job, video: VideoId) -> Self {
        Self {
            kind: job.kind().as_str().to_owned(),
            payload: job.payload(),
            open_key: job.dedup_key(video),
            priority: job.kind().priority(),
        }
    }
}

/// Leaves the rest of a leased job to these children; `then` is enqueued when all are done. `false`: the
/// worker lost the job, and nothing was written.
pub async fn split(
    tx: &impl ConnectionTrait,
    parent: &JobRow,
    children: &[Job],
    then: &Job,
    now: Timestamp,
) -> Result<bool> {
    let follow_up = serde_json::to_string(&FollowUp::of(then, parent.video)).unwrap_or_default();
    let changed = job::Entity::update_many()
        .col_expr(C::State, Expr::value("waiting"))
        .col_expr(C::FollowUp, Expr::value(follow_up))
        .col_expr(C::UpdatedAt, Expr::value(now.0))
        .filter(C::Id.eq(parent.id))
        .filter(C::Fence.eq(parent.fence))
        .filter(C::State.eq("leased"))
        .exec(tx)
        .await?;
    if changed.rows_affected != 1 {
        return Ok(false);
    }
    for child in children {
        let own = FollowUp::of(child, parent.video);
        let new = New {
            kind: own.kind,
            payload: own.payload,
            // Of each run of the parent: an older one's children hold none of these up.
            open_key: format!("{}.{}/{}", parent.id, parent.fence, own.open_key),
            priority: own.priority,
            video: parent.video.to_string(),
            parent: Some(parent.id),
            run_at: now,
        };
        new.insert(tx, now).await?;
    }
    child_done(tx, parent.id, now).await?;
    Ok(true)
}

/// The children of a job, in the order in which they were given.
pub async fn children(c: &impl ConnectionTrait, parent: i64) -> Result<Vec<JobRow>> {
    let rows = job::Entity::find()
        .filter(C::Parent.eq(parent))
        .order_by_asc(C::Id)
        .all(c)
        .await?;
    JobRow::read_known(rows)
}

/// A child is done: if it was the last, so is its parent, and what follows is enqueued.
pub(super) async fn child_done(
    tx: &impl ConnectionTrait,
    parent: i64,
    now: Timestamp,
) -> Result<()> {
    let mut next = Some(parent);
    while let Some(id) = next {
        let waiting = job::Entity::find_by_id(id).filter(C::State.eq("waiting"));
        let Some(row) = waiting.lock_exclusive().one(tx).await? else {
            return Ok(());
        };
        if open_children(id).count(tx).await? > 0 {
            return Ok(());
        }
        job::Entity::update_many()
            .col_expr(C::State, Expr::value("done"))
            .col_expr(C::OpenKey, Expr::value(None::<String>))
            .col_expr(C::Progress, Expr::value(1000))
            .col_expr(C::UpdatedAt, Expr::value(now.0))
            .filter(C::Id.eq(id))
            .exec(tx)
            .await?;
        let Some(text) = &row.follow_up else {
            next = row.parent;
            continue;
        };
        let follow: FollowUp = serde_json::from_str(text).map_err(|_| DbError::Corrupt {
            table: "jobs",
            column: "follow_up",
            value: text.clone(),
        })?;
        let new = New {
            kind: follow.kind,
            payload: follow.payload,
            open_key: follow.open_key,
            priority: follow.priority,
            video: row.video_id,
            // It ends in its parent's place.
            parent: row.parent,
            run_at: now,
        };
        return new.insert(tx, now).await;
    }
    Ok(())
}

/// A child failed for good: so do its parent, that one's parent, and the rest of their children. Answers
/// the parents' kinds.
pub(super) async fn child_failed(
    tx: &impl ConnectionTrait,
    parent: i64,
    why: &Reason,
    now: Timestamp,
) -> Result<Vec<JobKind>> {
    let mut kinds = Vec::new();
    let mut next = Some(parent);
    while let Some(id) = next {
        let Some(row) = job::Entity::find_by_id(id).one(tx).await? else {
            break;
        };
        let mut open = vec![id];
        while let Some(id) = open.pop() {
            let below = open_children(id).all(tx).await?;
            open.extend(below.iter().map(|row| row.id));
            fence(tx, id, why, now).await?;
        }
        kinds.extend(JobKind::parse(&row.kind));
        next = row.parent;
    }
    Ok(kinds)
}

fn open_children(parent: i64) -> sea_orm::Select<job::Entity> {
    job::Entity::find()
        .filter(C::Parent.eq(parent))
        .filter(C::State.is_not_in(CLOSED))
}

/// Closes an open job as failed; whoever runs it loses its lease at once.
async fn fence(tx: &impl ConnectionTrait, id: i64, why: &Reason, now: Timestamp) -> Result<()> {
    job::Entity::update_many()
        .col_expr(C::State, Expr::value("failed"))
        .col_expr(C::OpenKey, Expr::value(None::<String>))
        .col_expr(C::Fence, Expr::col(C::Fence).add(1))
        .col_expr(C::Error, Expr::value(short(&why.text)))
        .col_expr(C::ErrorCode, Expr::value(why.code.as_str()))
        .col_expr(C::UpdatedAt, Expr::value(now.0))
        .filter(C::Id.eq(id))
        .filter(C::State.is_not_in(CLOSED))
        .exec(tx)
        .await?;
    Ok(())
}

//! Work that a job leaves to others: its children. The parent waits; the last child to end closes it and
//! enqueues what follows; a child that fails for good fails it. Children are counted by their rows.
//!
//! The caller holds the video's lock: of two that end at the same moment, the second sees the first.

use sea_orm::{
    ColumnTrait, ConnectionTrait, EntityTrait, ExprTrait, PaginatorTrait, QueryFilter, QueryOrder,
    QuerySelect, sea_query::Expr,
};
use virga_core::{
    Timestamp,
    job::{Job, JobKind},
    reason::Reason,
};

use crate::{DbError, JobRow, Result, entity::job, query::Change as _, rows::short};

use super::{C, CLOSED, NewJob, update};

/// Leaves the rest of a leased job to these children; `then` is enqueued when all are done. `false`: the
/// worker lost the job, and nothing was written.
pub async fn split(
    tx: &impl ConnectionTrait,
    parent: &JobRow,
    children: &[Job],
    then: &Job,
    now: Timestamp,
) -> Result<bool> {
    let follow_up = serde_json::to_string(&NewJob::of(then, parent.video)).unwrap_or_default();
    let mine = update(parent.id, parent.fence)
        .value(C::State, "waiting")
        .value(C::FollowUp, follow_up)
        .value(C::UpdatedAt, now.0)
        .filter(C::State.eq("leased"))
        .changed_one(tx);
    if !mine.await? {
        return Ok(false);
    }
    let video = parent.video.to_string();
    for child in children {
        let mut own = NewJob::of(child, parent.video);
        // Of each run of the parent: an older one's children hold none of these up.
        own.open_key = format!("{}.{}/{}", parent.id, parent.fence, own.open_key);
        own.insert(tx, video.clone(), Some(parent.id), now, now)
            .await?;
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
            .value(C::State, "done")
            .value(C::OpenKey, None::<String>)
            .value(C::Progress, 1000)
            .value(C::UpdatedAt, now.0)
            .filter(C::Id.eq(id))
            .exec(tx)
            .await?;
        let Some(text) = &row.follow_up else {
            next = row.parent;
            continue;
        };
        let follow: NewJob = serde_json::from_str(text).map_err(|_| DbError::Corrupt {
            table: "jobs",
            column: "follow_up",
            value: text.clone(),
        })?;
        // It ends in its parent's place.
        return follow.insert(tx, row.video_id, row.parent, now, now).await;
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
        .value(C::State, "failed")
        .value(C::OpenKey, None::<String>)
        .col_expr(C::Fence, Expr::col(C::Fence).add(1))
        .value(C::Error, short(&why.text))
        .value(C::ErrorCode, why.code.as_str())
        .value(C::UpdatedAt, now.0)
        .filter(C::Id.eq(id))
        .filter(C::State.is_not_in(CLOSED))
        .run(tx)
        .await
}

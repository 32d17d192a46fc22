//! Job rows: enqueue in the caller's transaction, claim under a lease, heartbeat, finish by fence.

mod children;
mod claim;
mod pruning;
mod turns;

pub use children::{children, split};
pub use claim::{Claim, Queue, claim, take};
pub use pruning::prune;
pub use turns::{Turns, WINDOW, of_kind, waiting};

use sea_orm::{
    ActiveValue::{NotSet, Set},
    ColumnTrait, ConnectionTrait, EntityTrait, ExprTrait, PaginatorTrait, QueryFilter, QueryOrder,
    sea_query::Expr,
};
use std::collections::HashMap;
use virga_core::{
    Timestamp, VideoId,
    job::{Job, JobKind, LEASE},
    reason::Reason,
};

use crate::{JobRow, Result, dialect::insert_new, entity::job, rows::short};

use job::Column as C;

/// States of jobs that are over. Every other one is open, those of a later release too.
const CLOSED: [&str; 2] = ["done", "failed"];

/// A row to add.
struct New {
    kind: String,
    payload: String,
    open_key: String,
    priority: i32,
    video: String,
    parent: Option<i64>,
    run_at: Timestamp,
}

impl New {
    /// Adds it unless one with its key is open.
    async fn insert(self, tx: &impl ConnectionTrait, now: Timestamp) -> Result<()> {
        let model = job::ActiveModel {
            id: NotSet,
            kind: Set(self.kind),
            video_id: Set(self.video),
            open_key: Set(Some(self.open_key)),
            payload: Set(self.payload),
            state: Set("queued".to_owned()),
            priority: Set(self.priority),
            attempts: Set(0),
            run_at: Set(self.run_at.0),
            lease_until: Set(0),
            fence: Set(0),
            worker: Set(String::new()),
            progress: Set(0),
            error: Set(None),
            error_code: Set(None),
            created_at: Set(now.0),
            updated_at: Set(now.0),
            spent_ms: Set(None),
            parent: Set(self.parent),
            follow_up: Set(None),
        };
        insert_new(tx, model, [C::OpenKey]).await?;
        Ok(())
    }
}

/// Adds a job unless one with its key is open.
pub async fn enqueue(
    tx: &impl ConnectionTrait,
    job: &Job,
    video: VideoId,
    run_at: Timestamp,
    now: Timestamp,
) -> Result<()> {
    let new = New {
        kind: job.kind().as_str().to_owned(),
        payload: job.payload(),
        open_key: job.dedup_key(video),
        priority: job.kind().priority(),
        video: video.to_string(),
        parent: None,
        run_at,
    };
    new.insert(tx, now).await
}

/// Says that the worker lives; `false`: it lost the job and must stop.
pub async fn heartbeat(
    c: &impl ConnectionTrait,
    id: i64,
    fence: i64,
    progress: i32,
    now: Timestamp,
) -> Result<bool> {
    let changed = job::Entity::update_many()
        .col_expr(C::LeaseUntil, Expr::value(now.plus(LEASE).0))
        .col_expr(C::Progress, Expr::value(progress))
        .col_expr(C::UpdatedAt, Expr::value(now.0))
        .filter(C::Id.eq(id))
        .filter(C::Fence.eq(fence))
        .filter(C::State.eq("leased"))
        .exec(c)
        .await?;
    Ok(changed.rows_affected == 1)
}

async fn close(
    c: &impl ConnectionTrait,
    id: i64,
    fence: i64,
    state: &str,
    error: Option<&Reason>,
    now: Timestamp,
) -> Result<bool> {
    let changed = job::Entity::update_many()
        .col_expr(C::State, Expr::value(state))
        .col_expr(C::OpenKey, Expr::value(None::<String>))
        .col_expr(C::Error, Expr::value(error.map(|why| short(&why.text))))
        .col_expr(
            C::ErrorCode,
            Expr::value(error.map(|why| why.code.as_str())),
        )
        .col_expr(
            C::Progress,
            Expr::value(if state == "done" { 1000 } else { 0 }),
        )
        .col_expr(C::UpdatedAt, Expr::value(now.0))
        .filter(C::Id.eq(id))
        .filter(C::Fence.eq(fence))
        .filter(C::State.is_in(["leased", "queued"]))
        .exec(c)
        .await?;
    Ok(changed.rows_affected == 1)
}

/// Its result is in, and with the last child's its parent's. `false`: the worker lost the job, nothing of
/// its result may be kept. The caller holds the video's lock where the job may have a parent.
pub async fn finish(tx: &impl ConnectionTrait, job: &JobRow, now: Timestamp) -> Result<bool> {
    let mine = close(tx, job.id, job.fence, "done", None, now).await?;
    if let Some(parent) = job.parent.filter(|_| mine) {
        children::child_done(tx, parent, now).await?;
    }
    Ok(mine)
}

/// Given up, with the reason, and its parents with it. Answers the kinds of all that failed, its own first;
/// none: the worker lost the job. The caller holds the video's lock where the job may have a parent.
pub async fn fail(
    tx: &impl ConnectionTrait,
    job: &JobRow,
    why: &Reason,
    now: Timestamp,
) -> Result<Vec<JobKind>> {
    if !close(tx, job.id, job.fence, "failed", Some(why), now).await? {
        return Ok(Vec::new());
    }
    let mut kinds = vec![job.kind()];
    if let Some(parent) = job.parent {
        kinds.extend(children::child_failed(tx, parent, why, now).await?);
    }
    Ok(kinds)
}

/// Back into the queue for another try at `run_at`. `counted`: whether this try counts.
pub async fn requeue(
    c: &impl ConnectionTrait,
    job: &JobRow,
    error: Option<&str>,
    run_at: Timestamp,
    counted: bool,
) -> Result<bool> {
    back(c, job, (error, None), run_at, counted).await
}

/// Back into the queue until `run_at`, with a reason that its owner sees; this try does not count.
pub async fn put_off(
    c: &impl ConnectionTrait,
    job: &JobRow,
    why: &Reason,
    run_at: Timestamp,
) -> Result<bool> {
    back(
        c,
        job,
        (Some(&why.text), Some(why.code.as_str())),
        run_at,
        false,
    )
    .await
}

async fn back(
    c: &impl ConnectionTrait,
    job: &JobRow,
    (error, code): (Option<&str>, Option<&str>),
    run_at: Timestamp,
    counted: bool,
) -> Result<bool> {
    let changed = job::Entity::update_many()
        .col_expr(C::State, Expr::value("queued"))
        .col_expr(C::RunAt, Expr::value(run_at.0))
        .col_expr(
            C::Attempts,
            Expr::value(if counted {
                job.attempts
            } else {
                job.attempts - 1
            }),
        )
        .col_expr(C::Error, Expr::value(error.map(short)))
        .col_expr(C::ErrorCode, Expr::value(code))
        .filter(C::Id.eq(job.id))
        .filter(C::Fence.eq(job.fence))
        .filter(C::State.eq("leased"))
        .exec(c)
        .await?;
    Ok(changed.rows_affected == 1)
}

/// Notes what the next try needs to know: the same job with other contents.
pub async fn set_payload(c: &impl ConnectionTrait, row: &JobRow, job: &Job) -> Result<bool> {
    let changed = job::Entity::update_many()
        .col_expr(C::Payload, Expr::value(job.payload()))
        .filter(C::Id.eq(row.id))
        .filter(C::Fence.eq(row.fence))
        .exec(c)
        .await?;
    Ok(changed.rows_affected == 1)
}

/// Closes all open jobs of a video except purge; their workers lose their leases at once.
pub async fn fence_video(tx: &impl ConnectionTrait, video: VideoId, now: Timestamp) -> Result<u64> {
    let changed = job::Entity::update_many()
        .col_expr(C::State, Expr::value("failed"))
        .col_expr(C::OpenKey, Expr::value(None::<String>))
        .col_expr(C::Fence, Expr::col(C::Fence).add(1))
        .col_expr(C::Error, Expr::value("the video was deleted"))
        .col_expr(C::UpdatedAt, Expr::value(now.0))
        .filter(C::VideoId.eq(video.to_string()))
        .filter(C::Kind.ne(JobKind::Purge.as_str()))
        .filter(C::State.is_not_in(CLOSED))
        .exec(tx)
        .await?;
    Ok(changed.rows_affected)
}

/// Takes an open purge back.
pub async fn cancel_purge(tx: &impl ConnectionTrait, video: VideoId) -> Result<()> {
    job::Entity::delete_many()
        .filter(C::VideoId.eq(video.to_string()))
        .filter(C::Kind.eq(JobKind::Purge.as_str()))
        .filter(C::State.eq("queued"))
        .exec(tx)
        .await?;
    Ok(())
}

/// Makes a queued purge due now.
pub async fn hurry_purge(tx: &impl ConnectionTrait, video: VideoId, now: Timestamp) -> Result<()> {
    job::Entity::update_many()
        .col_expr(C::RunAt, Expr::value(now.0))
        .filter(C::VideoId.eq(video.to_string()))
        .filter(C::Kind.eq(JobKind::Purge.as_str()))
        .filter(C::State.eq("queued"))
        .exec(tx)
        .await?;
    Ok(())
}

/// All jobs of a video, oldest first.
pub async fn of_video(c: &impl ConnectionTrait, video: VideoId) -> Result<Vec<JobRow>> {
    let rows = job::Entity::find()
        .filter(C::VideoId.eq(video.to_string()))
        .order_by_asc(C::Id)
        .all(c)
        .await?;
    JobRow::read_known(rows)
}

/// All jobs of several videos, oldest first.
pub async fn of_videos(
    c: &impl ConnectionTrait,
    videos: &[VideoId],
) -> Result<HashMap<VideoId, Vec<JobRow>>> {
    if videos.is_empty() {
        return Ok(HashMap::new());
    }
    let rows = job::Entity::find()
        .filter(C::VideoId.is_in(videos.iter().map(ToString::to_string)))
        .order_by_asc(C::Id)
        .all(c)
        .await?;
    let mut found: HashMap<VideoId, Vec<JobRow>> = HashMap::new();
    for row in JobRow::read_known(rows)? {
        found.entry(row.video).or_default().push(row);
    }
    Ok(found)
}

/// Whether a worker holds this try of a job, of whatever kind.
pub async fn is_held(
    c: &impl ConnectionTrait,
    id: i64,
    fence: i64,
    now: Timestamp,
) -> Result<bool> {
    let count = job::Entity::find_by_id(id)
        .filter(C::Fence.eq(fence))
        .filter(C::LeaseUntil.gt(now.0))
        .filter(C::State.is_not_in(["queued", "done", "failed"]))
        .count(c)
        .await?;
    Ok(count > 0)
}

/// Forgets closed jobs of a video but purge.
pub async fn remove(c: &impl ConnectionTrait, video: VideoId) -> Result<()> {
    job::Entity::delete_many()
        .filter(C::VideoId.eq(video.to_string()))
        .filter(C::Kind.ne(JobKind::Purge.as_str()))
        .exec(c)
        .await?;
    Ok(())
}

/// Leases that ended longer than `grace` ago and were not taken up: nobody works.
pub async fn stuck(c: &impl ConnectionTrait, before: Timestamp) -> Result<Vec<JobRow>> {
    let rows = job::Entity::find()
        .filter(C::State.eq("leased"))
        .filter(C::LeaseUntil.lt(before.0))
        .all(c)
        .await?;
    JobRow::read_known(rows)
}

/// How many jobs are queued or leased.
pub async fn open_count(c: &impl ConnectionTrait) -> Result<u64> {
    Ok(job::Entity::find()
        .filter(C::State.is_in(["queued", "leased"]))
        .count(c)
        .await?)
}

/// Whether work that shapes the video is open, of a later release too.
pub async fn any_open(c: &impl ConnectionTrait, video: VideoId) -> Result<bool> {
    let count = job::Entity::find()
        .filter(C::VideoId.eq(video.to_string()))
        .filter(C::State.is_not_in(CLOSED))
        .filter(C::Kind.ne(JobKind::Purge.as_str()))
        .count(c)
        .await?;
    Ok(count > 0)
}

//! Job rows: enqueue in the caller's transaction, claim under a lease, heartbeat, finish by fence.

mod turns;

use sea_orm::{
    ActiveValue::{NotSet, Set},
    ColumnTrait, Condition, ConnectionTrait, EntityTrait, ExprTrait, PaginatorTrait, QueryFilter,
    QueryOrder, QuerySelect,
    sea_query::{Expr, LockBehavior, LockType},
};
use std::{collections::HashMap, time::Duration};
use virga_core::{
    Timestamp, VideoId,
    job::{JobKind, LEASE},
    reason::Reason,
};

use crate::{Db, JobRow, Result, Tx, dialect::insert_new, entity::job, retried, rows::short};

use job::Column as C;

/// States of jobs that are over. Every other one is open, those of a later release too.
const CLOSED: [&str; 2] = ["done", "failed"];

fn open_key(kind: JobKind, video: VideoId) -> String {
    format!("{kind}/{video}")
}

/// Adds a job unless one of its kind is open for the video.
pub async fn enqueue(
    tx: &impl ConnectionTrait,
    kind: JobKind,
    video: VideoId,
    run_at: Timestamp,
    now: Timestamp,
) -> Result<()> {
    let model = job::ActiveModel {
        id: NotSet,
        kind: Set(kind.as_str().to_owned()),
        video_id: Set(video.to_string()),
        open_key: Set(Some(open_key(kind, video))),
        payload: Set("{}".to_owned()),
        state: Set("queued".to_owned()),
        priority: Set(kind.priority()),
        attempts: Set(0),
        run_at: Set(run_at.0),
        lease_until: Set(0),
        fence: Set(0),
        worker: Set(String::new()),
        progress: Set(0),
        error: Set(None),
        error_code: Set(None),
        created_at: Set(now.0),
        updated_at: Set(now.0),
        spent_ms: Set(None),
    };
    insert_new(tx, model, [C::OpenKey]).await?;
    Ok(())
}

/// What a worker will take.
#[derive(Clone, Copy, Debug)]
pub struct Claim<'a> {
    /// Who asks.
    pub worker: &'a str,
    /// The kinds it has room for.
    pub kinds: &'a [JobKind],
    /// Now.
    pub now: Timestamp,
}

/// Leases the due job whose turn it is. A job whose worker died is due again when its lease ended; one
/// that used up its tries is handed out once more, for its worker to clear up and give it up.
pub async fn claim(db: &Db, claim: Claim<'_>) -> Result<Option<JobRow>> {
    retried(|| take(db, claim)).await
}

/// The longest that a job other than a purge is put off: pauses between tries are shorter.
const LONGEST_PAUSE: Duration = Duration::from_secs(3600);
/// Clocks of machines may differ by this much.
const CLOCK_SKEW: Duration = Duration::from_secs(60);

/// Jobs to take now. A time further ahead than any worker sets comes from a clock that was wrong.
fn due(now: Timestamp) -> Condition {
    let lease_ends = now.plus(LEASE + CLOCK_SKEW);
    let latest = now.plus(LONGEST_PAUSE + CLOCK_SKEW);
    let misdated = C::RunAt
        .gt(latest.0)
        .and(C::Kind.ne(JobKind::Purge.as_str()));
    let run_now = C::RunAt.lte(now.0).or(misdated);
    let ended = C::LeaseUntil.lte(now.0).or(C::LeaseUntil.gt(lease_ends.0));
    Condition::any()
        .add(C::State.eq("queued").and(run_now))
        .add(C::State.eq("leased").and(ended))
}

async fn take(db: &Db, claim: Claim<'_>) -> Result<Option<JobRow>> {
    let tx = db.begin().await?;
    let now = claim.now;
    let due = due(now);
    let candidates = turns::next(&tx, claim, &due).await?;
    for id in candidates {
        // Locked one by one: a server that sorts the due ones would lock them all, and every other
        // worker would find nothing. Whoever is a moment faster has it; look at the next.
        let row = job::Entity::find_by_id(id)
            .filter(due.clone())
            .lock_with_behavior(LockType::Update, LockBehavior::SkipLocked)
            .one(&tx)
            .await?;
        if let Some(row) = row.map(JobRow::read).transpose()?.flatten() {
            let row = lease(&tx, row, claim).await?;
            tx.commit().await?;
            return Ok(Some(row));
        }
    }
    Ok(None)
}

async fn lease(tx: &Tx, mut row: JobRow, claim: Claim<'_>) -> Result<JobRow> {
    row.attempts += 1;
    row.fence += 1;
    row.lease_until = claim.now.plus(LEASE);
    job::Entity::update_many()
        .col_expr(C::State, Expr::value("leased"))
        .col_expr(C::Attempts, Expr::value(row.attempts))
        .col_expr(C::Fence, Expr::value(row.fence))
        .col_expr(C::LeaseUntil, Expr::value(row.lease_until.0))
        .col_expr(C::Worker, Expr::value(claim.worker))
        .col_expr(C::UpdatedAt, Expr::value(claim.now.0))
        .filter(C::Id.eq(row.id))
        .exec(tx)
        .await?;
    Ok(row)
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
        .col_expr(C::ErrorCode, Expr::value(error.map(|why| why.code)))
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

/// Its result is in. `false`: the worker lost the job, nothing of its result may be kept.
pub async fn finish(
    tx: &impl ConnectionTrait,
    id: i64,
    fence: i64,
    now: Timestamp,
) -> Result<bool> {
    close(tx, id, fence, "done", None, now).await
}

/// Given up, with the reason.
pub async fn fail(
    tx: &impl ConnectionTrait,
    id: i64,
    fence: i64,
    error: &Reason,
    now: Timestamp,
) -> Result<bool> {
    close(tx, id, fence, "failed", Some(error), now).await
}

/// Back into the queue for another try at `run_at`. `counted`: whether this try counts.
pub async fn requeue(
    c: &impl ConnectionTrait,
    job: &JobRow,
    error: Option<&str>,
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
        .col_expr(C::ErrorCode, Expr::value(None::<String>))
        .filter(C::Id.eq(job.id))
        .filter(C::Fence.eq(job.fence))
        .filter(C::State.eq("leased"))
        .exec(c)
        .await?;
    Ok(changed.rows_affected == 1)
}

/// Notes why a queued job waits: one of [`virga_core::reason::CODES`].
pub async fn set_code(c: &impl ConnectionTrait, id: i64, fence: i64, code: &str) -> Result<()> {
    job::Entity::update_many()
        .col_expr(C::ErrorCode, Expr::value(code))
        .filter(C::Id.eq(id))
        .filter(C::Fence.eq(fence))
        .filter(C::State.eq("queued"))
        .exec(c)
        .await?;
    Ok(())
}

/// Notes what the next try needs to know, JSON.
pub async fn set_payload(
    c: &impl ConnectionTrait,
    id: i64,
    fence: i64,
    payload: &str,
) -> Result<bool> {
    let changed = job::Entity::update_many()
        .col_expr(C::Payload, Expr::value(payload))
        .filter(C::Id.eq(id))
        .filter(C::Fence.eq(fence))
        .exec(c)
        .await?;
    Ok(changed.rows_affected == 1)
}

/// Closes all open jobs of a video but purge; whoever runs one loses its lease at once.
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

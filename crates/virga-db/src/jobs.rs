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
    QuerySelect, UpdateMany,
    sea_query::Expr,
};
use serde::{Deserialize, Serialize};
use std::{collections::HashMap, time::Duration};
use virga_core::{
    Timestamp, VideoId,
    job::{Job, JobKind, LEASE},
    reason::Reason,
};

use crate::{
    JobRow, Result,
    dialect::insert_new,
    entity::job,
    query::{Change as _, Read as _},
    rows::short,
};

use job::Column as C;

/// The longest that a job other than a purge is put off: pauses between tries are shorter.
const LONGEST_PAUSE: Duration = Duration::from_secs(3600);
/// Clocks of machines may differ by this much.
const CLOCK_SKEW: Duration = Duration::from_secs(60);
/// States of jobs that are over. Every other one is open, those of a later release too.
const CLOSED: [&str; 2] = ["done", "failed"];

/// A job to add. One that follows others is stored in this form: who ends the last of them need not know
/// its kind.
#[derive(Debug, Serialize, Deserialize)]
struct NewJob {
    kind: String,
    payload: String,
    open_key: String,
    priority: i32,
}

impl NewJob {
    fn of(job: &Job, video: VideoId) -> Self {
        Self {
            kind: job.kind().as_str().to_owned(),
            payload: job.payload(),
            open_key: job.dedup_key(video),
            priority: job.kind().priority(),
        }
    }

    /// Adds a row unless one with its key is open.
    async fn insert(
        self,
        tx: &impl ConnectionTrait,
        video: String,
        parent: Option<i64>,
        run_at: Timestamp,
        now: Timestamp,
    ) -> Result<()> {
        let model = job::ActiveModel {
            id: NotSet,
            kind: Set(self.kind),
            video_id: Set(video),
            open_key: Set(Some(self.open_key)),
            payload: Set(self.payload),
            state: Set("queued".to_owned()),
            priority: Set(self.priority),
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
            parent: Set(parent),
            follow_up: Set(None),
            encoder_log: Set(None),
        };
        insert_new(tx, model, [C::OpenKey]).await?;
        Ok(())
    }
}

/// A change of one try of a job, which meets nothing once another one has begun.
fn update(id: i64, fence: i64) -> UpdateMany<job::Entity> {
    let of_job = job::Entity::update_many().filter(C::Id.eq(id));
    of_job.filter(C::Fence.eq(fence))
}

/// Adds a job unless one with its key is open.
pub async fn enqueue(
    tx: &impl ConnectionTrait,
    job: &Job,
    video: VideoId,
    run_at: Timestamp,
    now: Timestamp,
) -> Result<()> {
    let new = NewJob::of(job, video);
    new.insert(tx, video.to_string(), None, run_at, now).await
}

/// Says that the worker lives; `false`: it lost the job and must stop.
pub async fn heartbeat(
    c: &impl ConnectionTrait,
    id: i64,
    fence: i64,
    progress: i32,
    now: Timestamp,
) -> Result<bool> {
    update(id, fence)
        .value(C::LeaseUntil, now.plus(LEASE).0)
        .value(C::Progress, progress)
        .value(C::UpdatedAt, now.0)
        .filter(C::State.eq("leased"))
        .changed_one(c)
        .await
}

/// Whether the worker still has the job, for what it writes in the same transaction: until that ends, nobody
/// else takes it.
pub(crate) async fn still_has(
    tx: &impl ConnectionTrait,
    job: &JobRow,
    now: Timestamp,
) -> Result<bool> {
    update(job.id, job.fence)
        .value(C::UpdatedAt, now.0)
        .filter(C::State.eq("leased"))
        .changed_one(tx)
        .await
}

async fn close(
    c: &impl ConnectionTrait,
    id: i64,
    fence: i64,
    state: &str,
    error: Option<&Reason>,
    now: Timestamp,
) -> Result<bool> {
    update(id, fence)
        .value(C::State, state)
        .value(C::OpenKey, None::<String>)
        .value(C::Error, error.map(|why| short(&why.text)))
        .value(C::ErrorCode, error.map(|why| why.code.as_str()))
        .value(C::Progress, if state == "done" { 1000 } else { 0 })
        .value(C::UpdatedAt, now.0)
        .filter(C::State.is_in(["leased", "queued"]))
        .changed_one(c)
        .await
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
    let reason = (Some(why.text.as_str()), Some(why.code.as_str()));
    back(c, job, reason, run_at, false).await
}

async fn back(
    c: &impl ConnectionTrait,
    job: &JobRow,
    (error, code): (Option<&str>, Option<&str>),
    run_at: Timestamp,
    counted: bool,
) -> Result<bool> {
    update(job.id, job.fence)
        .value(C::State, "queued")
        .value(C::RunAt, run_at.0)
        .value(C::Attempts, job.attempts - i32::from(!counted))
        .value(C::Error, error.map(short))
        .value(C::ErrorCode, code)
        .filter(C::State.eq("leased"))
        .changed_one(c)
        .await
}

/// Notes what the next try needs to know: the same job with other contents.
pub async fn set_payload(c: &impl ConnectionTrait, row: &JobRow, job: &Job) -> Result<bool> {
    update(row.id, row.fence)
        .value(C::Payload, job.payload())
        .changed_one(c)
        .await
}

/// Notes what the encoder said last.
pub async fn note_encoder(c: &impl ConnectionTrait, job: &JobRow, said: &str) -> Result<bool> {
    update(job.id, job.fence)
        .value(C::EncoderLog, said)
        .changed_one(c)
        .await
}

/// Closes all open jobs of a video except purge, with the reason; their workers lose their leases at once.
pub async fn fence_video(
    tx: &impl ConnectionTrait,
    video: VideoId,
    why: &Reason,
    now: Timestamp,
) -> Result<u64> {
    let changed = job::Entity::update_many()
        .value(C::State, "failed")
        .value(C::OpenKey, None::<String>)
        .col_expr(C::Fence, Expr::col(C::Fence).add(1))
        .value(C::Error, short(&why.text))
        .value(C::ErrorCode, why.code.as_str())
        .value(C::UpdatedAt, now.0)
        .filter(open_work(video))
        .exec(tx)
        .await?;
    Ok(changed.rows_affected)
}

/// Open jobs of a video but purge, of a later release too.
fn open_work(video: VideoId) -> Expr {
    C::VideoId
        .eq(video.to_string())
        .and(C::Kind.ne(JobKind::Purge.as_str()))
        .and(C::State.is_not_in(CLOSED))
}

/// A video's purge that nobody has begun.
fn queued_purge(video: VideoId) -> Expr {
    C::VideoId
        .eq(video.to_string())
        .and(C::Kind.eq(JobKind::Purge.as_str()))
        .and(C::State.eq("queued"))
}

/// Takes an open purge back.
pub async fn cancel_purge(tx: &impl ConnectionTrait, video: VideoId) -> Result<()> {
    let purge = job::Entity::delete_many().filter(queued_purge(video));
    purge.exec(tx).await?;
    Ok(())
}

/// Makes a queued purge due now.
pub async fn hurry_purge(tx: &impl ConnectionTrait, video: VideoId, now: Timestamp) -> Result<()> {
    job::Entity::update_many()
        .value(C::RunAt, now.0)
        .filter(queued_purge(video))
        .run(tx)
        .await
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
    job::Entity::find_by_id(id)
        .filter(C::Fence.eq(fence))
        .filter(C::LeaseUntil.gt(now.0))
        .filter(C::State.is_not_in(["queued", "done", "failed"]))
        .any(c)
        .await
}

/// Those of these jobs that are open, of a later release too.
pub(crate) async fn open_among(
    c: &impl ConnectionTrait,
    ids: impl Iterator<Item = i64>,
) -> Result<Vec<i64>> {
    let open = job::Entity::find()
        .select_only()
        .column(C::Id)
        .filter(C::Id.is_in(ids))
        .filter(C::State.is_not_in(CLOSED));
    Ok(open.into_tuple().all(c).await?)
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
    job::Entity::find().filter(open_work(video)).any(c).await
}

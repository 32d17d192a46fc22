//! Taking a job: a look for what is due, and a compare-and-set that decides who has it.
//!
//! A worker reads candidates without a lock and takes the first by `UPDATE … WHERE id AND fence AND
//! due`. Of the jobs of one kind only the oldest are read, unless more are due than that: then all are
//! read once, and a [`Queue`] keeps the order of the next thousand for some seconds. What it keeps
//! may be outdated; the compare-and-set does not mind.

use sea_orm::{
    ColumnTrait, Condition, ConnectionTrait, EntityTrait, ExprTrait, QueryFilter, QuerySelect,
    sea_query::{LockBehavior, LockType},
};
use std::{
    collections::{HashMap, VecDeque},
    hash::{DefaultHasher, Hash, Hasher},
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};
use virga_core::{
    Timestamp,
    job::{JobKind, JobState, LEASE},
};

use crate::{Db, JobRow, Result, entity::job, query::Change as _, retried};

use super::{C, CLOCK_SKEW, LONGEST_PAUSE, turns, update};

/// How long the order of a long queue is kept.
const KEPT: Duration = Duration::from_secs(10);
/// A worker that lost a job continues at a place of its own among this many.
const SPREAD: usize = 32;
/// Jobs tried in one transaction.
const TRIED: usize = 64;
/// Looks in a row, while others take what was seen.
const LOOKS: usize = 4;

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

/// What one worker keeps in mind of long queues from look to look.
#[derive(Debug, Default)]
pub struct Queue(Mutex<HashMap<JobKind, Long>>);

#[derive(Debug)]
struct Long {
    read_at: Timestamp,
    ids: VecDeque<i64>,
}

impl Queue {
    fn kept(&self) -> MutexGuard<'_, HashMap<JobKind, Long>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes the order of a kind's jobs out of mind, where it was read lately.
    fn recall(&self, kind: JobKind, now: Timestamp) -> Option<Long> {
        let long = self.kept().remove(&kind)?;
        let fresh = long.read_at <= now && now < long.read_at.plus(KEPT);
        (fresh && !long.ids.is_empty()).then_some(long)
    }

    fn keep(&self, kind: JobKind, long: Long) {
        self.kept().insert(kind, long);
    }
}

/// Leases the due job whose turn it is. A job whose worker died is due again when its lease ended; one
/// that used up its tries is handed out once more, for its worker to clear up and give it up.
pub async fn claim(db: &Db, queue: &Queue, claim: Claim<'_>) -> Result<Option<JobRow>> {
    for _ in 0..LOOKS {
        match retried(|| look(db, queue, claim)).await? {
            Look::Took(job) => return Ok(Some(*job)),
            Look::Nothing => return Ok(None),
            Look::Lost => {}
        }
    }
    Ok(None)
}

/// What came of a look.
enum Look {
    Took(Box<JobRow>),
    /// Others took all that was seen: there may be more.
    Lost,
    Nothing,
}

async fn look(db: &Db, queue: &Queue, claim: Claim<'_>) -> Result<Look> {
    let mut lost = false;
    for kind in turns::waiting(db.read(), claim.kinds, claim.now).await? {
        if let Some(job) = first_of(db, queue, kind, claim).await? {
            return Ok(Look::Took(Box::new(job)));
        }
        lost = true;
    }
    Ok(if lost { Look::Lost } else { Look::Nothing })
}

/// Takes the first job of a kind that nobody else takes.
async fn first_of(
    db: &Db,
    queue: &Queue,
    kind: JobKind,
    claim: Claim<'_>,
) -> Result<Option<JobRow>> {
    let (read, now) = (db.read(), claim.now);
    if let Some(mut long) = queue.recall(kind, now) {
        let took = try_each(db, &mut long.ids, claim).await?;
        queue.keep(kind, long);
        return Ok(took);
    }
    let few = turns::of_kind(read, kind, now, Some(turns::WINDOW)).await?;
    if !few.cut {
        return try_each(db, &mut few.ids.into(), claim).await;
    }
    let all = turns::of_kind(read, kind, now, None).await?;
    let mut ids = all.ids.into();
    let took = try_each(db, &mut ids, claim).await?;
    queue.keep(kind, Long { read_at: now, ids });
    Ok(took)
}

/// Takes the first of these jobs that is still free. A worker that loses one continues at a place of
/// its own, since two that look at the same moment would otherwise collide at each next job too.
async fn try_each(db: &Db, ids: &mut VecDeque<i64>, claim: Claim<'_>) -> Result<Option<JobRow>> {
    if ids.is_empty() {
        return Ok(None);
    }
    let tx = db.begin().await?;
    for tried in 0..TRIED {
        if tried == 1 && !ids.is_empty() {
            ids.rotate_left(own_place(claim.worker, ids.len()));
        }
        let Some(id) = ids.pop_front() else { break };
        if let Some(job) = lock_and_take(&tx, id, claim).await? {
            tx.commit().await?;
            return Ok(Some(job));
        }
    }
    Ok(None)
}

fn own_place(worker: &str, of: usize) -> usize {
    let mut hasher = DefaultHasher::new();
    worker.hash(&mut hasher);
    let most = u64::try_from(of.clamp(1, SPREAD)).unwrap_or(1);
    usize::try_from(hasher.finish() % most).unwrap_or(0)
}

/// The lock only avoids waiting for a worker that is taking the row now; the fence decides.
async fn lock_and_take(
    tx: &impl ConnectionTrait,
    id: i64,
    claim: Claim<'_>,
) -> Result<Option<JobRow>> {
    let row = job::Entity::find_by_id(id)
        .filter(due(claim.now))
        .lock_with_behavior(LockType::Update, LockBehavior::SkipLocked)
        .one(tx)
        .await?;
    match row.map(JobRow::read).transpose()?.flatten() {
        Some(seen) => take(tx, &seen, claim).await,
        None => Ok(None),
    }
}

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

/// Leases a job as it was seen; `None`: somebody else has had it since, or it is not due. One
/// compare-and-set, so that a fence is given once whatever the engine makes of locks.
pub async fn take(
    c: &impl ConnectionTrait,
    seen: &JobRow,
    claim: Claim<'_>,
) -> Result<Option<JobRow>> {
    let row = JobRow {
        state: JobState::Leased,
        attempts: seen.attempts + 1,
        fence: seen.fence + 1,
        lease_until: claim.now.plus(LEASE),
        ..seen.clone()
    };
    let taken = update(seen.id, seen.fence)
        .value(C::State, "leased")
        .value(C::Attempts, row.attempts)
        .value(C::Fence, row.fence)
        .value(C::LeaseUntil, row.lease_until.0)
        .value(C::Worker, claim.worker)
        .value(C::UpdatedAt, claim.now.0)
        .filter(due(claim.now))
        .changed_one(c);
    Ok(taken.await?.then_some(row))
}

//! Whose job is next: the most urgent kind first, and within a kind the accounts take turns, so that
//! one that sends many files does not keep the others waiting. Of one account's jobs short films go
//! first, but a long one that has waited its time is not passed over.
//!
//! A look reads along the index `jobs_queue` and stops after [`WINDOW`] jobs of a kind. Only if more
//! are due are all of them read to find the turns; see `claim.rs` for how seldom.

use sea_orm::{
    ColumnTrait, ConnectionTrait, EntityTrait, ExprTrait, QueryFilter, QuerySelect,
    sea_query::{
        Expr, JoinType, Order, Query, SelectStatement, UnionType, WindowStatement,
        extension::mysql::{IndexHintScope, MySqlSelectStatementExt},
    },
};
use std::{collections::HashMap, time::Duration};
use virga_core::{
    Timestamp,
    job::{JobKind, LEASE},
};

use crate::{
    Result,
    entity::{job, video},
};

use super::{C, CLOCK_SKEW, LONGEST_PAUSE};

/// What was done for an account this long ago no longer counts against it.
const REMEMBERED: Duration = Duration::from_secs(600);
/// Due jobs of a kind that every look reads.
pub const WINDOW: u64 = 128;
/// Limit for one read of jobs that are due for another reason than their time.
const FEW: u64 = 64;
/// Jobs whose turns one read returns.
const RETURNED: u64 = 1000;
/// The index to walk along, for due jobs. Each query asks for its order too: without one, an engine that takes the
/// conditions for independent expects many rows and reads the table. MariaDB also needs a hint,
/// for it prefers `jobs_due`, which a release before needs.
const QUEUE: &str = "jobs_queue";
/// The same for leases by their end.
const LEASES: &str = "jobs_leases";
/// A film's length counts as this many times as long a wait, when its turn is worked out.
const PATIENCE: i64 = 4;

/// A due job.
#[derive(Debug)]
struct Candidate {
    id: i64,
    /// Nobody where the video is gone.
    owner: String,
    /// Its place among its owner's jobs of this kind, from 1.
    place: i64,
    /// The time of its turn, microseconds: due since, and later the longer the film is.
    time: i64,
}

/// The ids of due jobs in the order of their turns.
#[derive(Debug)]
pub struct Turns {
    /// The one to take first at the front.
    pub ids: Vec<i64>,
    /// There may be more.
    pub cut: bool,
}

/// The kinds of which a job is due, the most urgent first. One statement, and a row each.
pub async fn waiting(
    c: &impl ConnectionTrait,
    kinds: &[JobKind],
    now: Timestamp,
) -> Result<Vec<JobKind>> {
    let one = |kind: &JobKind| queued(*kind, now).limit(1).take();
    let all = kinds.iter().map(one).chain(unusual(kinds, now));
    let Some(any) = union(all, |arm| arm.column("kind").take()) else {
        return Ok(Vec::new());
    };
    let rows = c.query_all(&any).await?;
    let words: Vec<String> = rows
        .iter()
        .map(|row| row.try_get("", "kind"))
        .collect::<Result<_, _>>()?;
    let is_due = |kind: &JobKind| words.iter().any(|word| word == kind.as_str());
    let mut due: Vec<JobKind> = kinds.iter().copied().filter(is_due).collect();
    due.sort_by_key(|kind| -kind.priority());
    Ok(due)
}

/// The due jobs of a kind: of those whose time came the `limit` oldest, or all of them.
pub async fn of_kind(
    c: &impl ConnectionTrait,
    kind: JobKind,
    now: Timestamp,
    limit: Option<u64>,
) -> Result<Turns> {
    let mut waiting = candidates(c, kind, now, limit).await?;
    let count = u64::try_from(waiting.len()).unwrap_or(u64::MAX);
    let owners = waiting.iter().map(|job| &job.owner);
    let served = if owners.clone().min() == owners.max() {
        HashMap::new()
    } else {
        served(c, now).await?
    };
    waiting.sort_by_key(|job| {
        let had = served.get(&job.owner).copied().unwrap_or(0);
        (had + job.place, job.time, job.id)
    });
    Ok(Turns {
        ids: waiting.into_iter().map(|job| job.id).collect(),
        cut: count >= limit.unwrap_or(RETURNED),
    })
}

/// Jobs of a kind whose time has come, the oldest first.
fn queued(kind: JobKind, now: Timestamp) -> SelectStatement {
    Query::select()
        .columns([C::Id, C::Kind, C::VideoId, C::RunAt])
        .from(job::Entity)
        .and_where(C::Kind.eq(kind.as_str()))
        .and_where(C::State.eq("queued"))
        .and_where(C::RunAt.lte(now.0))
        .order_by(C::RunAt, Order::Asc)
        .order_by(C::Id, Order::Asc)
        .force_index(QUEUE, IndexHintScope::All)
        .take()
}

/// Jobs of these kinds that are due for another reason: their lease ended, or a time in them comes
/// from a clock that was wrong. None of these looks reads what merely waits for its time.
fn unusual(kinds: &[JobKind], now: Timestamp) -> Vec<SelectStatement> {
    let some = || {
        Query::select()
            .columns([C::Id, C::Kind, C::VideoId, C::RunAt])
            .from(job::Entity)
            .limit(FEW)
            .take()
    };
    let words = || kinds.iter().map(|kind| kind.as_str());
    let leased = || {
        some()
            .and_where(C::State.eq("leased"))
            .and_where(C::Kind.is_in(words()))
            .order_by(C::LeaseUntil, Order::Asc)
            .force_index(LEASES, IndexHintScope::All)
            .take()
    };
    let latest = now.plus(LONGEST_PAUSE + CLOCK_SKEW);
    let misdated = kinds.iter().filter(|kind| **kind != JobKind::Purge);
    let misdated = misdated.map(|kind| {
        some()
            .and_where(C::Kind.eq(kind.as_str()))
            .and_where(C::State.eq("queued"))
            .and_where(C::RunAt.gt(latest.0))
            .order_by(C::RunAt, Order::Asc)
            .force_index(QUEUE, IndexHintScope::All)
            .take()
    });
    let ended = leased().and_where(C::LeaseUntil.lte(now.0)).take();
    let ahead = now.plus(LEASE + CLOCK_SKEW);
    let ahead = leased().and_where(C::LeaseUntil.gt(ahead.0)).take();
    misdated.chain([ended, ahead]).collect()
}

/// The rows that `pick` takes of each of these, in order. Each is a subquery: SQLite allows no
/// limit within a union.
fn union(
    all: impl IntoIterator<Item = SelectStatement>,
    pick: impl Fn(&mut SelectStatement) -> SelectStatement,
) -> Option<SelectStatement> {
    let arms = all
        .into_iter()
        .map(|arm| pick(Query::select().from_subquery(arm, "arm")));
    arms.reduce(|mut all, arm| all.union(UnionType::All, arm).take())
}

/// The first jobs of each account.
async fn candidates(
    c: &impl ConnectionTrait,
    kind: JobKind,
    now: Timestamp,
    limit: Option<u64>,
) -> Result<Vec<Candidate>> {
    let mut oldest = queued(kind, now);
    match limit {
        Some(limit) => oldest.limit(limit),
        None => oldest.clear_order_by(),
    };
    let all = [oldest].into_iter().chain(unusual(&[kind], now));
    let Some(due) = union(all, |arm| arm.columns([C::Id, C::VideoId, C::RunAt]).take()) else {
        return Ok(Vec::new());
    };
    let owner = (video::Entity, video::Column::OwnerId);
    let length = Expr::col((video::Entity, video::Column::Duration)).if_null(0);
    let time = Expr::col(("due", C::RunAt)).add(length.mul(PATIENCE));
    let place = WindowStatement::partition_by(owner)
        .order_by_expr(time.clone(), Order::Asc)
        .order_by(("due", C::Id), Order::Asc)
        .take();
    let each = Query::select()
        .column(("due", C::Id))
        .expr_as(Expr::col(owner).if_null(""), "owner")
        .expr_as(time, "turn_time")
        .expr_window_as(Expr::cust("ROW_NUMBER()"), place, "place")
        .from_subquery(due, "due")
        .join(
            JoinType::LeftJoin,
            video::Entity,
            Expr::col(("due", C::VideoId)).equals((video::Entity, video::Column::Id)),
        )
        .take();
    let first = Query::select()
        .columns(["id", "owner", "place", "turn_time"])
        .from_subquery(each, "each_one")
        .order_by("place", Order::Asc)
        .order_by("turn_time", Order::Asc)
        .limit(RETURNED)
        .take();
    let rows = c.query_all(&first).await?;
    let read = |row: &sea_orm::QueryResult| {
        Ok(Candidate {
            id: row.try_get("", "id")?,
            owner: row.try_get("", "owner")?,
            place: row.try_get("", "place")?,
            time: row.try_get("", "turn_time")?,
        })
    };
    rows.iter().map(read).collect()
}

/// How many jobs were begun or ended of late, by account.
async fn served(c: &impl ConnectionTrait, now: Timestamp) -> Result<HashMap<String, i64>> {
    let rows: Vec<(String, i64)> = job::Entity::find()
        .select_only()
        .column_as(video::Column::OwnerId, "owner")
        .column_as(C::Id.count(), "served")
        .join(
            JoinType::InnerJoin,
            job::Entity::belongs_to(video::Entity)
                .from(C::VideoId)
                .to(video::Column::Id)
                .into(),
        )
        .filter(C::UpdatedAt.gt(now.minus(REMEMBERED).0))
        .filter(C::State.is_in(["leased", "done", "failed"]))
        .filter(C::Kind.ne(JobKind::Purge.as_str()))
        .group_by(video::Column::OwnerId)
        .into_tuple()
        .all(c)
        .await?;
    Ok(rows.into_iter().collect())
}

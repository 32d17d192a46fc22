//! Whose job is next: the most urgent kind first, and within a kind the accounts take turns, so that
//! one that sends many files does not keep the others waiting. Of one account's jobs short films go
//! first, but a long one that has waited its time is not passed over.

use sea_orm::{
    ColumnTrait, Condition, ConnectionTrait, EntityTrait, ExprTrait, QueryFilter, QuerySelect,
    sea_query::{Expr, JoinType, Order, OverStatement, Query, WindowStatement},
};
use std::{collections::HashMap, time::Duration};
use virga_core::{Timestamp, job::JobKind};

use crate::{
    Result, Tx,
    entity::{job, video},
};

use super::{C, Claim};

/// What was done for an account this long ago no longer counts against it.
const REMEMBERED: Duration = Duration::from_secs(600);
/// Jobs that a worker looks at: more than workers ask in the same moment.
const CANDIDATES: u64 = 64;
/// A film's length counts as this many times as long a wait, when its turn is worked out.
const PATIENCE: i64 = 4;

/// A due job.
#[derive(Debug)]
struct Candidate {
    id: i64,
    priority: i32,
    /// Nobody where the video is gone.
    owner: String,
    /// Its place among its owner's jobs of this priority, from 1.
    place: i64,
    /// The time of its turn, microseconds: due since, and later the longer the film is.
    time: i64,
}

/// The ids of due jobs, the one to take first at the front.
pub(super) async fn next(tx: &Tx, claim: Claim<'_>, due: &Condition) -> Result<Vec<i64>> {
    let mut due = candidates(tx, claim, due.clone()).await?;
    let owners = due.iter().map(|job| &job.owner);
    let served = if owners.clone().min() == owners.max() {
        HashMap::new()
    } else {
        served(tx, claim.now).await?
    };
    due.sort_by_key(|job| {
        let had = served.get(&job.owner).copied().unwrap_or(0);
        (-job.priority, had + job.place, job.time, job.id)
    });
    Ok(due.into_iter().map(|job| job.id).collect())
}

/// The first few jobs of each account.
async fn candidates(tx: &Tx, claim: Claim<'_>, due: Condition) -> Result<Vec<Candidate>> {
    let owner = (video::Entity, video::Column::OwnerId);
    let length = Expr::col((video::Entity, video::Column::Duration)).if_null(0);
    let time = Expr::col((job::Entity, C::RunAt)).add(length.mul(PATIENCE));
    let place = WindowStatement::partition_by((job::Entity, C::Priority))
        .partition_by(owner)
        .order_by_expr(time.clone(), Order::Asc)
        .order_by((job::Entity, C::Id), Order::Asc)
        .take();
    let each = Query::select()
        .column((job::Entity, C::Id))
        .column((job::Entity, C::Priority))
        .expr_as(Expr::col(owner).if_null(""), "owner")
        .expr_as(time, "turn_time")
        .expr_window_as(Expr::cust("ROW_NUMBER()"), place, "place")
        .from(job::Entity)
        .join(
            JoinType::LeftJoin,
            video::Entity,
            Expr::col((job::Entity, C::VideoId)).equals((video::Entity, video::Column::Id)),
        )
        .cond_where(due)
        .and_where(C::Kind.is_in(claim.kinds.iter().map(|kind| kind.as_str())))
        .take();
    let first = Query::select()
        .columns(["id", "priority", "owner", "place", "turn_time"])
        .from_subquery(each, "due")
        .order_by("priority", Order::Desc)
        .order_by("place", Order::Asc)
        .order_by("turn_time", Order::Asc)
        .limit(CANDIDATES)
        .take();
    let rows = tx.query_all(&first).await?;
    let read = |row: &sea_orm::QueryResult| {
        Ok(Candidate {
            id: row.try_get("", "id")?,
            priority: row.try_get("", "priority")?,
            owner: row.try_get("", "owner")?,
            place: row.try_get("", "place")?,
            time: row.try_get("", "turn_time")?,
        })
    };
    rows.iter().map(read).collect()
}

/// How many jobs were begun or ended of late, by account.
async fn served(tx: &Tx, now: Timestamp) -> Result<HashMap<String, i64>> {
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
        .all(tx)
        .await?;
    Ok(rows.into_iter().collect())
}

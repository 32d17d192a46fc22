//! What administrators look at: accounts with what they hold, jobs that failed, the site's totals.

use sea_orm::{
    ColumnTrait, ConnectionTrait, EntityTrait, ExprTrait, QueryFilter, QueryOrder, QuerySelect,
    sea_query::{Expr, LikeExpr, Query},
};
use std::collections::HashMap;
use virga_core::{UserId, job::JobKind, name::fold_name};

use crate::{
    JobRow, Result,
    accounts::UserRow,
    dialect::sum_of,
    entity::{job, upload, user, video},
    query::Read as _,
    rows::{id, unsigned},
    uploads,
    usage::STORED,
};

const NOT_DELETED: &str = "COUNT(CASE WHEN deleted_at IS NULL THEN 1 END)";

/// Which accounts a list shows, by name.
#[derive(Clone, Copy, Debug, Default)]
pub struct AccountListing<'a> {
    /// A piece of the name, whatever its case.
    pub query: Option<&'a str>,
    /// The folded name seen last.
    pub after: Option<&'a str>,
    /// Entries.
    pub limit: u64,
}

/// A page of all accounts, by folded name.
pub async fn accounts(
    c: &impl ConnectionTrait,
    listing: AccountListing<'_>,
) -> Result<Vec<UserRow>> {
    let mut query = user::Entity::find();
    if let Some(words) = listing.query {
        query = query.filter(user::Column::NameFolded.like(holding(words)));
    }
    if let Some(after) = listing.after {
        query = query.filter(user::Column::NameFolded.gt(after));
    }
    query
        .order_by_asc(user::Column::NameFolded)
        .limit(listing.limit)
        .rows(c)
        .await
}

/// A pattern for names that hold these words; `%` and `_` stand for themselves.
fn holding(words: &str) -> LikeExpr {
    let mut pattern = String::from("%");
    for c in fold_name(words).chars() {
        if matches!(c, '%' | '_' | '!') {
            pattern.push('!');
        }
        pattern.push(c);
    }
    pattern.push('%');
    LikeExpr::new(pattern).escape('!')
}

/// What an account holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct AccountStorage {
    /// Videos that are not deleted.
    pub videos: u64,
    /// Bytes of its sources, of all that was made of them, and of what its open uploads reserve.
    pub bytes: u64,
}

/// What each of these accounts holds; who holds nothing may be missing.
pub async fn holdings(
    c: &impl ConnectionTrait,
    of: &[UserId],
) -> Result<HashMap<UserId, AccountStorage>> {
    let ids = || of.iter().map(ToString::to_string);
    let stored: Vec<(String, i64, i64)> = video::Entity::find()
        .select_only()
        .column(video::Column::OwnerId)
        .column_as(Expr::cust(NOT_DELETED), "videos")
        .column_as(sum_of(c, STORED), "bytes")
        .filter(video::Column::OwnerId.is_in(ids()))
        .group_by(video::Column::OwnerId)
        .into_tuple()
        .all(c)
        .await?;
    let reserved: Vec<(String, i64)> = upload::Entity::find()
        .select_only()
        .column(upload::Column::UserId)
        .column_as(sum_of(c, "size"), "bytes")
        .filter(upload::Column::UserId.is_in(ids()))
        .filter(upload::Column::State.is_in(uploads::OPEN))
        .group_by(upload::Column::UserId)
        .into_tuple()
        .all(c)
        .await?;
    let mut found: HashMap<UserId, AccountStorage> = HashMap::new();
    for (owner, videos, bytes) in stored {
        let holding = found.entry(id("videos", "owner_id", &owner)?).or_default();
        holding.videos = unsigned(videos);
        holding.bytes += unsigned(bytes);
    }
    for (user, bytes) in reserved {
        let holding = found.entry(id("uploads", "user_id", &user)?).or_default();
        holding.bytes += unsigned(bytes);
    }
    Ok(found)
}

/// Failed jobs, the newest first, from below the id `before` on: only the latest run of a kind, and
/// only of videos that are not deleted, so that each line is something that can be tried again.
pub async fn failed_jobs(
    c: &impl ConnectionTrait,
    before: Option<i64>,
    limit: u64,
) -> Result<Vec<JobRow>> {
    use job::Column as C;
    let of_job = |column: C| Expr::col((job::Entity, column));
    let later = Query::select()
        .expr(Expr::value(1))
        .from_as(job::Entity, "later")
        .and_where(of_job(C::VideoId).equals(("later", C::VideoId)))
        .and_where(of_job(C::Kind).equals(("later", C::Kind)))
        .and_where(of_job(C::Id).lt(Expr::col(("later", C::Id))))
        .to_owned();
    let there = Query::select()
        .expr(Expr::value(1))
        .from(video::Entity)
        .and_where(of_job(C::VideoId).equals((video::Entity, video::Column::Id)))
        .and_where(Expr::col((video::Entity, video::Column::DeletedAt)).is_null())
        .to_owned();
    let mut query = job::Entity::find()
        .filter(C::State.eq("failed"))
        .filter(C::Kind.ne(JobKind::Purge.as_str()))
        // Its parent failed with it, and is what can be tried again.
        .filter(C::Parent.is_null())
        .filter(Expr::exists(later).not())
        .filter(Expr::exists(there));
    if let Some(before) = before {
        query = query.filter(C::Id.lt(before));
    }
    let rows = query.order_by_desc(C::Id).limit(limit).all(c).await?;
    JobRow::read_known(rows)
}

/// Jobs that wait or run, the oldest first, from above the id `after` on. Purges wait for their day and are
/// left out, and so are children that only wait for a worker: a long film has hundreds.
pub async fn open_jobs(
    c: &impl ConnectionTrait,
    after: Option<i64>,
    limit: u64,
) -> Result<Vec<JobRow>> {
    use job::Column as C;
    let rows = job::Entity::find()
        .filter(C::State.is_in(["queued", "leased", "waiting"]))
        .filter(C::Kind.ne(JobKind::Purge.as_str()))
        .filter(C::Parent.is_null().or(C::State.ne("queued")))
        .filter(C::Id.gt(after.unwrap_or(0)))
        .order_by_asc(C::Id)
        .limit(limit)
        .all(c)
        .await?;
    JobRow::read_known(rows)
}

/// What the whole site holds, from rows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Totals {
    /// Videos that are not deleted.
    pub videos: u64,
    /// Bytes of all sources.
    pub sources: u64,
    /// Bytes that open uploads reserve.
    pub reserved: u64,
}

/// What the whole site holds.
pub async fn totals(c: &impl ConnectionTrait) -> Result<Totals> {
    let stored: Option<(i64, i64)> = video::Entity::find()
        .select_only()
        .column_as(Expr::cust(NOT_DELETED), "videos")
        .column_as(sum_of(c, "source_size"), "bytes")
        .into_tuple()
        .one(c)
        .await?;
    let reserved = upload::Entity::find()
        .filter(upload::Column::State.is_in(uploads::OPEN))
        .sum(c, "size");
    let (videos, sources) = stored.unwrap_or_default();
    Ok(Totals {
        videos: unsigned(videos),
        sources: unsigned(sources),
        reserved: reserved.await?,
    })
}

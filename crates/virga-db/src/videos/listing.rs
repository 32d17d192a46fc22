//! Lists of videos: what each shows, in which order, page by page. Without words each is a walk
//! along one index, from the cursor on; with words it reads a bounded stretch.

use sea_orm::{
    ColumnTrait, ConnectionTrait, EntityTrait, ExprTrait, PaginatorTrait, QueryFilter, QueryOrder,
    QuerySelect, Select,
    sea_query::{Expr, LikeExpr},
};
use virga_core::{Timestamp, UserId, video::Visibility, wire::Sort};

use crate::{
    Result, VideoRow,
    entity::video::{self, Column as C},
    query::Read as _,
    rows::signed,
};

/// The most rows that a search looks at: the first ones in the list's order.
pub const SEARCHED: u64 = 100_000;

/// 1 for a public video that plays, else 0; the database works it out from the row.
const LISTED: &str = "listed";

/// Which videos a list shows.
#[derive(Clone, Debug)]
pub struct Listing<'a> {
    /// Of one owner.
    pub owner: Option<UserId>,
    /// All states and visibilities (the owner's own list), or only public ones that play.
    pub everything: bool,
    /// Of the owner's own list: only those that are unpublished, or only the others. Deleted ones
    /// count as the others.
    pub unpublished: Option<bool>,
    /// Leaves out videos that were permanently deleted before this time.
    pub now: Timestamp,
    /// Order.
    pub sort: Sort,
    /// Words in the title.
    pub query: Option<&'a str>,
    /// The last entry seen: sort value and id.
    pub after: Option<(i64, String)>,
    /// Entries.
    pub limit: u64,
}

/// Only public videos that play.
pub(crate) fn listed() -> Expr {
    Expr::col((video::Entity, LISTED)).eq(1)
}

/// How a title is searched.
pub(super) fn searchable(title: &str) -> String {
    title.to_lowercase()
}

/// A list's order: the column and how a row reads in it.
fn order(listing: &Listing<'_>) -> C {
    match (listing.everything, listing.sort) {
        (true, _) => C::CreatedAt,
        (false, Sort::New) => C::PublishedAt,
        (false, Sort::Popular) => C::Views,
    }
}

/// The cursor after a row.
pub fn cursor(listing: &Listing<'_>, row: &VideoRow) -> (i64, String) {
    let value = match order(listing) {
        C::CreatedAt => row.created_at.0,
        C::Views => signed(row.views),
        _ => row.published_at.map_or(0, |at| at.0),
    };
    (value, row.id.to_string())
}

/// What a list shows, words aside.
fn shown(listing: &Listing<'_>) -> Select<video::Entity> {
    let mut query = video::Entity::find();
    if let Some(owner) = listing.owner {
        query = query.filter(C::OwnerId.eq(owner.to_string()));
    }
    if let Some(wanted) = listing.unpublished {
        query = query.filter(if wanted {
            unpublished()
        } else {
            unpublished().not()
        });
    }
    if listing.everything {
        query.filter(C::PurgeAt.is_null().or(C::PurgeAt.gt(listing.now.0)))
    } else {
        query.filter(listed())
    }
}

/// Waits for its owner to publish it. Never NULL, so that it may be negated.
fn unpublished() -> Expr {
    C::PublishAs
        .is_not_null()
        .and(C::Visibility.eq(Visibility::Private.as_str()))
        .and(C::DeletedAt.is_null())
}

/// The same from the cursor on, in order.
fn ordered(listing: &Listing<'_>) -> Select<video::Entity> {
    let column = order(listing);
    let mut query = shown(listing);
    if let Some((value, id)) = &listing.after {
        query = query.filter(beyond(column, C::Id, *value, id));
    }
    query.order_by_desc(column).order_by_desc(C::Id)
}

/// Rows after a cursor of a descending list. Both halves are bounds that an index can use, where
/// `a < x OR (a = x AND b < y)` is none.
pub(crate) fn beyond(column: impl ColumnTrait, id: impl ColumnTrait, at: i64, last: &str) -> Expr {
    column.lte(at).and(column.lt(at).or(id.lt(last)))
}

/// The words of a search, as patterns for [`C::Search`].
fn patterns(words: &str) -> impl Iterator<Item = LikeExpr> {
    words.split_whitespace().take(8).map(|word| {
        let escaped: String = searchable(word)
            .chars()
            .flat_map(|c| {
                let sign = matches!(c, '%' | '_' | '!');
                sign.then_some('!').into_iter().chain([c])
            })
            .collect();
        LikeExpr::new(format!("%{escaped}%")).escape('!')
    })
}

/// Adds the words. Of a list of more than [`SEARCHED`] rows only its first ones are looked at:
/// where they end is read from the index.
async fn matching(
    c: &impl ConnectionTrait,
    listing: &Listing<'_>,
    mut query: Select<video::Entity>,
) -> Result<Select<video::Entity>> {
    let Some(words) = listing.query.filter(|words| !words.trim().is_empty()) else {
        return Ok(query);
    };
    let column = order(listing);
    let end: Option<i64> = ordered(listing)
        .select_only()
        .column(column)
        .offset(SEARCHED - 1)
        .limit(1)
        .into_tuple()
        .one(c)
        .await?;
    if let Some(end) = end {
        query = query.filter(column.gte(end));
    }
    for pattern in patterns(words) {
        query = query.filter(C::Search.like(pattern));
    }
    Ok(query)
}

/// A page of a list.
pub async fn list(c: &impl ConnectionTrait, listing: &Listing<'_>) -> Result<Vec<VideoRow>> {
    let query = matching(c, listing, ordered(listing)).await?;
    query.limit(listing.limit).rows(c).await
}

/// How many videos a list shows in all.
pub async fn count(c: &impl ConnectionTrait, listing: &Listing<'_>) -> Result<u64> {
    let query = matching(c, listing, shown(listing)).await?;
    Ok(query.count(c).await?)
}

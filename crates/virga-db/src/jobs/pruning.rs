//! Forgetting closed jobs. What a video's owner sees and may try again is the last run of a kind
//! where that failed; what an account used of the encoder is asked of the last day.

use sea_orm::{
    ColumnTrait, ConnectionTrait, EntityTrait, ExprTrait, QueryFilter, QuerySelect,
    sea_query::{Expr, Query},
};
use virga_core::Timestamp;

use crate::{Result, entity::job};

use super::C;

/// Rows that one statement removes.
const AT_ONCE: u64 = 1000;

/// Removes jobs closed before `before`, except a failed one that is the last of its kind for its
/// video. A later run that went well stays as long as a failed one before it, which it explains.
pub async fn prune(c: &impl ConnectionTrait, before: Timestamp) -> Result<u64> {
    let another = |later: bool| {
        let (mine, other) = (Expr::col((job::Entity, C::Id)), Expr::col(("other", C::Id)));
        let order = if later {
            other.gt(mine)
        } else {
            other.lt(mine)
        };
        Query::select()
            .expr(Expr::value(1))
            .from_as(job::Entity, "other")
            .and_where(Expr::col(("other", C::VideoId)).equals((job::Entity, C::VideoId)))
            .and_where(Expr::col(("other", C::Kind)).equals((job::Entity, C::Kind)))
            .and_where(order)
            .take()
    };
    let outdated = remove(c, "failed", before, Expr::exists(another(true))).await?;
    let done = remove(c, "done", before, Expr::exists(another(false)).not()).await?;
    Ok(outdated + done)
}

async fn remove(
    c: &impl ConnectionTrait,
    state: &str,
    before: Timestamp,
    which: Expr,
) -> Result<u64> {
    let mut removed = 0;
    loop {
        let ids: Vec<i64> = job::Entity::find()
            .select_only()
            .column(C::Id)
            .filter(C::State.eq(state))
            .filter(C::UpdatedAt.lt(before.0))
            .filter(which.clone())
            .limit(AT_ONCE)
            .into_tuple()
            .all(c)
            .await?;
        let last = (ids.len() as u64) < AT_ONCE;
        let gone = job::Entity::delete_many()
            .filter(C::Id.is_in(ids))
            .filter(C::State.eq(state))
            .exec(c)
            .await?;
        removed += gone.rows_affected;
        if last {
            return Ok(removed);
        }
    }
}

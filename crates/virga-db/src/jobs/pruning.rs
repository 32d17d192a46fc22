//! Forgetting closed jobs. What a video's owner sees and may try again is the last run of a kind
//! where that failed; what an account used of the encoder is asked of the last day.

use sea_orm::{
    ColumnTrait, ConnectionTrait, ExprTrait,
    sea_query::{Expr, Query},
};
use virga_core::Timestamp;

use crate::{Result, entity::job, query::remove_in_batches};

use super::C;

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
    let mut removed = 0;
    for (state, which) in [
        ("failed", Expr::exists(another(true))),
        ("done", Expr::exists(another(false)).not()),
    ] {
        let still = C::State.eq(state);
        let which = still.clone().and(C::UpdatedAt.lt(before.0)).and(which);
        removed += remove_in_batches::<job::Entity, i64>(c, C::Id, &which, &still).await?;
    }
    Ok(removed)
}

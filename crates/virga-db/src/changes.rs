//! The feed of what changed. Appended in the transaction that changes; rows live for a day.

use sea_orm::{
    ActiveValue::{NotSet, Set},
    ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect,
};
use virga_core::{
    Timestamp, VideoId,
    wire::{Change, Effect},
};

use crate::{
    Result, Tx,
    entity::{change, setting},
    rows::{id, word},
};

fn effect_word(effect: Effect) -> &'static str {
    match effect {
        Effect::Add => "add",
        Effect::Restrict => "restrict",
        Effect::State => "state",
    }
}

fn parse_effect(word: &str) -> Option<Effect> {
    match word {
        "add" => Some(Effect::Add),
        "restrict" => Some(Effect::Restrict),
        "state" => Some(Effect::State),
        _ => None,
    }
}

/// A change and its place in the feed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChangeRow {
    /// Grows.
    pub seq: i64,
    /// What changed.
    pub change: Change,
}

/// The setting whose row the writers of the feed lock.
pub(crate) const TURN: &str = "changes.turn";

/// Appends. On a server numbers are dealt out before they are committed, so that a reader could see
/// 8 before 7 and never come back; here writers go one at a time from their number to their commit,
/// and sequence order is commit order as it is on SQLite. Only a transaction holds the lock so long.
pub(crate) async fn append(
    tx: &Tx,
    video: VideoId,
    version: i64,
    effect: Effect,
    now: Timestamp,
) -> Result<()> {
    let turn = setting::Entity::find_by_id(TURN).lock_exclusive();
    turn.one(tx).await?;
    let model = change::ActiveModel {
        seq: NotSet,
        at: Set(now.0),
        video_id: Set(video.to_string()),
        version: Set(version),
        effect: Set(effect_word(effect).to_owned()),
    };
    change::Entity::insert(model)
        .exec_without_returning(tx)
        .await?;
    Ok(())
}

/// What came after `seq`, oldest first.
pub async fn after(c: &impl ConnectionTrait, seq: i64, limit: u64) -> Result<Vec<ChangeRow>> {
    let rows = change::Entity::find()
        .filter(change::Column::Seq.gt(seq))
        .order_by_asc(change::Column::Seq)
        .limit(limit)
        .all(c)
        .await?;
    rows.into_iter()
        .map(|row| {
            Ok(ChangeRow {
                seq: row.seq,
                change: Change {
                    video: id("changes", "video_id", &row.video_id)?,
                    version: row.version,
                    effect: word("changes", "effect", &row.effect, parse_effect)?,
                },
            })
        })
        .collect()
}

/// The newest place.
pub async fn head(c: &impl ConnectionTrait) -> Result<i64> {
    let newest = change::Entity::find()
        .order_by_desc(change::Column::Seq)
        .one(c)
        .await?;
    Ok(newest.map_or(0, |row| row.seq))
}

/// Forgets what is older than `before`.
pub async fn sweep(c: &impl ConnectionTrait, before: Timestamp) -> Result<u64> {
    let old = change::Column::At.lt(before.0);
    Ok(change::Entity::delete_many()
        .filter(old)
        .exec(c)
        .await?
        .rows_affected)
}

//! The feed of what changed: videos, uploads, and sessions that ended. Appended in the transaction that
//! changes; rows live for a day.

use sea_orm::{
    ActiveValue::{NotSet, Set},
    ColumnTrait, ConnectionTrait, DbErr, EntityTrait, QueryFilter, QueryOrder, QuerySelect,
};
use virga_core::{
    Timestamp, UploadId, UserId, VideoId,
    wire::{Effect, UploadChange, VideoChange},
};

use crate::{
    Result, Tx,
    entity::{change, setting},
    query::Remove as _,
    rows::id,
};

fn effect_word(effect: Effect) -> &'static str {
    match effect {
        Effect::Add => "add",
        Effect::Restrict | Effect::Other => "restrict",
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

/// A line and its place in the feed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChangeRow {
    /// Grows.
    pub seq: i64,
    /// What changed.
    pub line: Line,
}

/// What a line of the feed says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Line {
    /// A video changed.
    Video(VideoChange),
    /// Parts of an upload are refused from now on, or taken again.
    Upload(UploadChange),
    /// Sessions ended: what was read of them before is void.
    Ended(Ended),
    /// A word of a later release.
    Unknown,
}

/// Whose sessions ended.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Ended {
    /// The session of a token, by its hash.
    Session(String),
    /// Sessions of an account; one of them may stay signed in.
    Account(UserId),
}

/// The effect that reports ended sessions; the subject is in the column of a video's id.
const SESSION_ENDED: &str = "session-ended";
const ACCOUNT_ENDED: &str = "account-ended";
const UPLOAD_CLOSED: &str = "upload-closed";
const UPLOAD_OPEN: &str = "upload-open";

/// The setting whose row the writers of the feed lock.
pub(crate) const TURN: &str = "changes.turn";

/// Appends, when the transaction is stored.
pub(crate) fn append(tx: &Tx, video: VideoId, version: i64, effect: Effect, now: Timestamp) {
    append_change(tx, video.as_str(), version, effect_word(effect), now);
}

/// Appends that sessions ended.
pub(crate) fn append_ended(tx: &Tx, ended: &Ended, now: Timestamp) {
    match ended {
        Ended::Session(hash) => append_change(tx, hash, 0, SESSION_ENDED, now),
        Ended::Account(user) => append_change(tx, user.as_str(), 0, ACCOUNT_ENDED, now),
    }
}

/// Appends that parts of an upload are refused from now on, or taken again.
pub fn append_upload(tx: &Tx, upload: UploadId, open: bool, now: Timestamp) {
    let word = if open { UPLOAD_OPEN } else { UPLOAD_CLOSED };
    append_change(tx, upload.as_str(), 0, word, now);
}

fn append_change(tx: &Tx, subject: &str, version: i64, word: &str, now: Timestamp) {
    tx.append_change(change::ActiveModel {
        seq: NotSet,
        at: Set(now.0),
        video_id: Set(subject.to_owned()),
        version: Set(version),
        effect: Set(word.to_owned()),
    });
}

/// Lines of one statement.
const LINES: usize = 500;

/// Writes a transaction's lines. A server hands out numbers before they are committed, so a reader
/// could see 8 before 7 and never come back. Here writers go one at a time from their numbers to
/// their commit, so sequence order is commit order, as on SQLite. Therefore this is the last
/// statement of a transaction.
pub(crate) async fn write(tx: &Tx, lines: Vec<change::ActiveModel>) -> Result<(), DbErr> {
    let turn = setting::Entity::find_by_id(TURN).lock_exclusive();
    turn.one(tx).await?;
    for lines in lines.chunks(LINES) {
        change::Entity::insert_many(lines.iter().cloned())
            .exec_without_returning(tx)
            .await?;
    }
    Ok(())
}

fn line(row: &change::Model) -> Result<Line> {
    let subject = &row.video_id;
    Ok(match row.effect.as_str() {
        SESSION_ENDED => Line::Ended(Ended::Session(subject.clone())),
        ACCOUNT_ENDED => Line::Ended(Ended::Account(id("changes", "video_id", subject)?)),
        word @ (UPLOAD_CLOSED | UPLOAD_OPEN) => Line::Upload(UploadChange {
            upload: id("changes", "video_id", subject)?,
            open: word == UPLOAD_OPEN,
        }),
        word => match parse_effect(word) {
            Some(effect) => Line::Video(VideoChange {
                video: id("changes", "video_id", subject)?,
                version: row.version,
                effect,
            }),
            None => Line::Unknown,
        },
    })
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
                line: line(&row)?,
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

/// The oldest place that is kept.
pub async fn oldest(c: &impl ConnectionTrait) -> Result<Option<i64>> {
    let oldest = change::Entity::find().order_by_asc(change::Column::Seq);
    Ok(oldest.one(c).await?.map(|row| row.seq))
}

/// The first position of a line from that time or later.
pub async fn first_since(c: &impl ConnectionTrait, at: Timestamp) -> Result<Option<i64>> {
    let since = change::Entity::find()
        .select_only()
        .column_as(change::Column::Seq.min(), "first")
        .filter(change::Column::At.gte(at.0));
    let first: Option<Option<i64>> = since.into_tuple().one(c).await?;
    Ok(first.flatten())
}

/// Forgets what is older than `before`, oldest first and without a gap, so that a reader of any place
/// sees by the oldest one whether it missed something. The newest line stays however old it is: by
/// it readers know the end.
pub async fn sweep(c: &impl ConnectionTrait, before: Timestamp) -> Result<u64> {
    let first = match first_since(c, before).await? {
        Some(first) => first,
        None => head(c).await?,
    };
    change::Entity::delete_many()
        .filter(change::Column::Seq.lt(first))
        .removed(c)
        .await
}

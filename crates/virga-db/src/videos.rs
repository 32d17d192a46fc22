//! Videos: the catalogue, its lists, and the two counters that everything published hangs on
//! (`presentation_version`, `epoch`).

use sea_orm::{
    ActiveValue::Set,
    ColumnTrait, ConnectionTrait, EntityTrait, ExprTrait, PaginatorTrait, QueryFilter, QueryOrder,
    QuerySelect, Select, UpdateMany,
    sea_query::{Expr, Query},
};
use virga_core::{
    Code, FilmTexts, MediaKey, Timestamp, UserId, VideoId,
    job::JobKind,
    presentation::FilmSounds,
    reason::Reason,
    upload::UploadState,
    video::{StateFacts, VideoState, Visibility},
    wire::Effect,
};

use crate::{
    DbError, Result, Tx, VideoRow, changes,
    entity::{comment, digest, job, position, upload, video, view_mark},
    growing, jobs,
    query::{Change as _, Read as _, Remove as _, add},
    rows::{id, short, signed},
    tracks, uploads,
};

mod listing;
mod publication;

pub use listing::{Listing, SEARCHED, count, cursor, list};
pub(crate) use listing::{beyond, listed};
pub use publication::{lease_publish, note_published, release_publish, unpublish, unpublished};

use listing::searchable;
use video::Column as C;

/// A draft to add.
#[derive(Clone, Debug)]
pub struct NewVideoRow {
    /// Id.
    pub id: VideoId,
    /// Owner.
    pub owner: UserId,
    /// Title.
    pub title: String,
    /// Description.
    pub description: String,
    /// Who may see it.
    pub visibility: Visibility,
    /// For a video that its owner publishes later: the visibility that it gets then.
    pub publish_as: Option<Visibility>,
}

/// Adds a draft.
pub async fn insert(c: &impl ConnectionTrait, new: &NewVideoRow, now: Timestamp) -> Result<()> {
    let model = video::ActiveModel {
        id: Set(new.id.to_string()),
        owner_id: Set(new.owner.to_string()),
        title: Set(new.title.clone()),
        search: Set(searchable(&new.title)),
        description: Set(new.description.clone()),
        visibility: Set(new.visibility.as_str().to_owned()),
        publish_as: Set(new.publish_as.map(|to| to.as_str().to_owned())),
        state: Set(VideoState::Draft.as_str().to_owned()),
        created_at: Set(now.0),
        epoch: Set(1),
        presentation_version: Set(0),
        published_version: Set(0),
        publish_lease: Set(0),
        views: Set(0),
        comments: Set(0),
        source_size: Set(0),
        made_bytes: Set(None),
        ..Default::default()
    };
    add(c, model).await
}

/// A change of one video.
pub(crate) fn update(id: VideoId) -> UpdateMany<video::Entity> {
    video::Entity::update_many().filter(C::Id.eq(id.to_string()))
}

/// By id.
pub async fn find(c: &impl ConnectionTrait, id: VideoId) -> Result<Option<VideoRow>> {
    video::Entity::find_by_id(id.to_string()).row(c).await
}

/// Reads a video by id and locks it until this transaction ends. A transaction that reads rows of a
/// video to decide what to write takes this lock first: before jobs, uploads and tracks, with the
/// feed's lock last, so that transactions never wait for each other in a cycle.
pub async fn lock(tx: &Tx, id: VideoId) -> Result<Option<VideoRow>> {
    let found = video::Entity::find_by_id(id.to_string());
    found.lock_exclusive().row(tx).await
}

/// Several by id, in no order.
pub async fn find_many(c: &impl ConnectionTrait, ids: &[VideoId]) -> Result<Vec<VideoRow>> {
    let ids = ids.iter().map(ToString::to_string);
    video::Entity::find().filter(C::Id.is_in(ids)).rows(c).await
}

/// New words.
pub async fn describe(
    c: &impl ConnectionTrait,
    id: VideoId,
    title: &str,
    description: &str,
) -> Result<()> {
    update(id)
        .value(C::Title, title)
        .value(C::Search, searchable(title))
        .value(C::Description, description)
        .run(c)
        .await
}

/// Changes the visibility that publishing gives an unpublished video.
pub async fn set_publish_as(c: &impl ConnectionTrait, id: VideoId, to: Visibility) -> Result<()> {
    update(id).value(C::PublishAs, to.as_str()).run(c).await
}

/// Who may see it from now on; publishes an unpublished video. Narrowing takes a new epoch, so that
/// every grant given out ends.
pub async fn set_visibility(tx: &Tx, row: &VideoRow, to: Visibility, now: Timestamp) -> Result<()> {
    let narrower = rank(to) > rank(row.visibility);
    let mut change = update(row.id)
        .value(C::Visibility, to.as_str())
        .value(C::PublishAs, None::<String>)
        .col_expr(C::Epoch, Expr::col(C::Epoch).add(i64::from(narrower)));
    if row.planned().is_some() && row.state.plays() {
        // Lists show it as new today, however long ago it was uploaded.
        change = change.value(C::PublishedAt, now.0);
    }
    change.run(tx).await?;
    let effect = if narrower {
        Effect::Restrict
    } else {
        Effect::Add
    };
    raise_version(tx, row.id, effect, now).await
}

fn rank(visibility: Visibility) -> u8 {
    match visibility {
        Visibility::Public => 0,
        Visibility::Unlisted => 1,
        Visibility::Private => 2,
    }
}

/// What plays or who may changed: a new presentation version, and a line in the feed.
pub async fn raise_version(tx: &Tx, id: VideoId, effect: Effect, now: Timestamp) -> Result<()> {
    update(id)
        .col_expr(
            C::PresentationVersion,
            Expr::col(C::PresentationVersion).add(1),
        )
        .exec(tx)
        .await?;
    if let Some(row) = find(tx, id).await? {
        changes::append(tx, id, row.presentation_version, effect, now);
    }
    Ok(())
}

/// Derives `state` from the other rows, and writes to the feed if it changed; the row as
/// it is then. It ends every transaction that touches uploads, jobs or tracks of the video.
pub async fn recompute_state(tx: &Tx, id: VideoId, now: Timestamp) -> Result<Option<VideoRow>> {
    // Locked: of two who end the last two jobs at once, the second sees what the first wrote.
    let Some(mut row) = lock(tx, id).await? else {
        return Ok(None);
    };
    let upload = uploads::open_of_video(tx, id)
        .await?
        .map(|upload| upload.state);
    let state = VideoState::derive(StateFacts {
        deleted: row.deleted_at.is_some(),
        plays: tracks::any(tx, id).await? || growing::any_presented(tx, id).await?,
        open_jobs: jobs::any_open(tx, id).await?,
        stored: row.source_key.is_some(),
        completing: upload == Some(UploadState::Completing),
        receiving: upload.is_some(),
    });
    if state == row.state {
        return Ok(Some(row));
    }
    row.state = state;
    let mut change = update(id).value(C::State, state.as_str());
    if state.plays() && row.published_at.is_none() {
        row.published_at = Some(now);
        change = change.value(C::PublishedAt, now.0);
    }
    change.run(tx).await?;
    changes::append(tx, id, row.presentation_version, Effect::State, now);
    Ok(Some(row))
}

/// The source is whole in the store.
pub async fn set_source(
    tx: &impl ConnectionTrait,
    id: VideoId,
    key: &MediaKey,
    size: u64,
) -> Result<()> {
    update(id)
        .value(C::SourceKey, key.as_str())
        .value(C::SourceSize, signed(size))
        .value(C::Failure, None::<String>)
        .run(tx)
        .await
}

/// What the probe found: microseconds, and pixels as shown.
#[derive(Clone, Copy, Debug)]
pub struct Shape {
    /// Microseconds.
    pub duration: i64,
    /// Pixels.
    pub width: u32,
    /// Pixels.
    pub height: u32,
}

/// Notes what the probe found.
pub async fn set_shape(tx: &impl ConnectionTrait, id: VideoId, shape: Shape) -> Result<()> {
    let pixels = |value: u32| i32::try_from(value).unwrap_or(i32::MAX);
    update(id)
        .value(C::Duration, shape.duration)
        .value(C::Width, pixels(shape.width))
        .value(C::Height, pixels(shape.height))
        .run(tx)
        .await
}

/// Notes what the owner should know of the uploaded file. `announced`: how long it says that the film is,
/// microseconds, where that is known.
pub async fn set_note(
    tx: &impl ConnectionTrait,
    id: VideoId,
    note: Code,
    announced: Option<i64>,
) -> Result<()> {
    update(id)
        .value(C::Note, note.as_str())
        .value(C::Announced, announced)
        .run(tx)
        .await
}

/// How loud its sound is, hundredths of LUFS.
pub async fn set_loudness(tx: &impl ConnectionTrait, id: VideoId, loudness: i32) -> Result<()> {
    update(id).value(C::Loudness, loudness).run(tx).await
}

/// Why nothing plays, in words; `None` takes it back.
pub async fn set_failure(
    tx: &impl ConnectionTrait,
    id: VideoId,
    failure: Option<&Reason>,
) -> Result<()> {
    update(id)
        .value(C::Failure, failure.map(|why| short(&why.text)))
        .value(C::FailureCode, failure.map(|why| why.code.as_str()))
        .run(tx)
        .await
}

/// Records the poster's object.
pub async fn set_poster(tx: &impl ConnectionTrait, id: VideoId, key: &MediaKey) -> Result<()> {
    set_key(tx, id, C::PosterKey, key).await
}

/// Records the object of the one-file MP4.
pub async fn set_fallback(tx: &impl ConnectionTrait, id: VideoId, key: &MediaKey) -> Result<()> {
    set_key(tx, id, C::FallbackKey, key).await
}

/// Records the storyboard's object.
pub async fn set_storyboard(tx: &impl ConnectionTrait, id: VideoId, key: &MediaKey) -> Result<()> {
    set_key(tx, id, C::StoryboardKey, key).await
}

/// Records the subtitles and chapters.
pub async fn set_texts(tx: &impl ConnectionTrait, id: VideoId, texts: &FilmTexts) -> Result<()> {
    let text = serde_json::to_string(texts).map_err(|_| DbError::Corrupt {
        table: "videos",
        column: "texts",
        value: texts.object.to_string(),
    })?;
    update(id).value(C::Texts, text).run(tx).await
}

/// Records the sounds.
pub async fn set_sounds(tx: &impl ConnectionTrait, id: VideoId, sounds: &FilmSounds) -> Result<()> {
    let text = serde_json::to_string(sounds).map_err(|_| DbError::Corrupt {
        table: "videos",
        column: "sounds",
        value: id.to_string(),
    })?;
    update(id).value(C::Sounds, text).run(tx).await
}

async fn set_key(tx: &impl ConnectionTrait, id: VideoId, column: C, key: &MediaKey) -> Result<()> {
    update(id).value(column, key.as_str()).run(tx).await
}

/// Marks as deleted, with a new epoch; `false` when it was already.
pub async fn mark_deleted(
    tx: &Tx,
    id: VideoId,
    now: Timestamp,
    purge_at: Timestamp,
) -> Result<bool> {
    let marked = update(id)
        .value(C::DeletedAt, now.0)
        .value(C::PurgeAt, purge_at.0)
        .col_expr(C::Epoch, Expr::col(C::Epoch).add(1))
        .filter(C::DeletedAt.is_null())
        .changed_one(tx)
        .await?;
    if marked {
        raise_version(tx, id, Effect::Restrict, now).await?;
    }
    Ok(marked)
}

/// Moves the end of the undo window.
pub async fn set_purge_at(tx: &impl ConnectionTrait, id: VideoId, at: Timestamp) -> Result<()> {
    update(id)
        .value(C::PurgeAt, at.0)
        .filter(C::DeletedAt.is_not_null())
        .run(tx)
        .await
}

/// Takes a deletion back while its window is open; whether it was.
pub async fn restore(tx: &Tx, id: VideoId, now: Timestamp) -> Result<bool> {
    let restored = update(id)
        .value(C::DeletedAt, None::<i64>)
        .value(C::PurgeAt, None::<i64>)
        .filter(C::DeletedAt.is_not_null())
        .filter(C::PurgeAt.gt(now.0))
        .changed_one(tx)
        .await?;
    if restored {
        raise_version(tx, id, Effect::Add, now).await?;
    }
    Ok(restored)
}

/// Removes a video with all its rows but the purge's own job.
pub async fn remove(tx: &impl ConnectionTrait, id: VideoId) -> Result<()> {
    let video = id.to_string();
    tracks::remove(tx, id).await?;
    growing::remove_all(tx, id).await?;
    remove_of::<digest::Entity>(tx, digest::Column::VideoId.eq(&video)).await?;
    remove_of::<position::Entity>(tx, position::Column::VideoId.eq(&video)).await?;
    remove_of::<upload::Entity>(tx, upload::Column::VideoId.eq(&video)).await?;
    remove_of::<comment::Entity>(tx, comment::Column::VideoId.eq(&video)).await?;
    remove_of::<view_mark::Entity>(tx, view_mark::Column::VideoId.eq(&video)).await?;
    let but_purge = job::Column::Kind.ne(JobKind::Purge.as_str());
    remove_of::<job::Entity>(tx, job::Column::VideoId.eq(&video).and(but_purge)).await?;
    remove_of::<video::Entity>(tx, C::Id.eq(video)).await
}

async fn remove_of<E: EntityTrait>(tx: &impl ConnectionTrait, which: Expr) -> Result<()> {
    E::delete_many().filter(which).removed(tx).await?;
    Ok(())
}

/// How many videos of an account wait for a file.
pub async fn count_drafts(c: &impl ConnectionTrait, owner: UserId) -> Result<u64> {
    Ok(video::Entity::find()
        .filter(C::OwnerId.eq(owner.to_string()))
        .filter(C::SourceKey.is_null())
        .filter(C::DeletedAt.is_null())
        .count(c)
        .await?)
}

/// Drafts older than `before` that never had an upload. One that was deleted and restored has a later
/// epoch, and stays.
pub async fn abandoned(
    c: &impl ConnectionTrait,
    before: Timestamp,
    limit: u64,
) -> Result<Vec<VideoRow>> {
    let any_upload = Query::select()
        .expr(Expr::value(1))
        .from(upload::Entity)
        .and_where(
            Expr::col((upload::Entity, upload::Column::VideoId)).equals((video::Entity, C::Id)),
        )
        .to_owned();
    video::Entity::find()
        .filter(C::State.eq(VideoState::Draft.as_str()))
        .filter(C::Epoch.eq(1))
        .filter(C::CreatedAt.lt(before.0))
        .filter(Expr::exists(any_upload).not())
        .limit(limit)
        .rows(c)
        .await
}

/// The ids of these videos.
pub(crate) async fn ids(
    c: &impl ConnectionTrait,
    query: Select<video::Entity>,
) -> Result<Vec<VideoId>> {
    let query = query.select_only().column(C::Id).into_tuple();
    let ids: Vec<String> = query.all(c).await?;
    ids.iter().map(|text| id("videos", "id", text)).collect()
}

/// Permanently deleted videos that wait for their purge.
pub async fn due_for_purge(
    c: &impl ConnectionTrait,
    now: Timestamp,
    limit: u64,
) -> Result<Vec<VideoId>> {
    let due = video::Entity::find()
        .filter(C::DeletedAt.is_not_null())
        .filter(C::PurgeAt.lte(now.0));
    ids(c, due.limit(limit)).await
}

/// All ids after one, for `fsck`.
pub async fn ids_after(c: &impl ConnectionTrait, after: &str, limit: u64) -> Result<Vec<VideoRow>> {
    video::Entity::find()
        .filter(C::Id.gt(after))
        .order_by_asc(C::Id)
        .limit(limit)
        .rows(c)
        .await
}

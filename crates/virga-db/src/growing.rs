//! Tracks that play while a job makes them, and their pieces. A piece is there when its row is; the row is
//! written only by the try of the job that still has it.

use sea_orm::{
    ActiveValue::Set, ColumnTrait, ConnectionTrait, EntityTrait, ExprTrait, QueryFilter,
    QueryOrder, QuerySelect, sea_query::Expr,
};
use std::collections::HashMap;
use virga_core::{Timestamp, VideoId};

use crate::{
    GrowingRow, JobRow, PieceRow, Result, TrackRowKind,
    dialect::insert_new,
    entity::{growing_track as track, piece},
    jobs,
    query::{Change as _, Read as _, Remove as _, add},
    tracks,
};

use piece::Column as P;
use track::Column as T;

/// The growing tracks of a video, in the order players should see them.
pub async fn of_video(c: &impl ConnectionTrait, video: VideoId) -> Result<Vec<GrowingRow>> {
    track::Entity::find()
        .filter(T::VideoId.eq(video.to_string()))
        .order_by_asc(T::Position)
        .order_by_asc(T::Name)
        .rows(c)
        .await
}

/// Whether a picture of the video plays while it is made, or sound where the file has no picture.
pub async fn any_presented(c: &impl ConnectionTrait, video: VideoId) -> Result<bool> {
    let of_kind = |kind: TrackRowKind| {
        track::Entity::find()
            .filter(T::VideoId.eq(video.to_string()))
            .filter(T::Kind.eq(kind.as_str()))
            .filter(presented())
    };
    Ok(of_kind(TrackRowKind::Video).any(c).await?
        || of_kind(TrackRowKind::Audio).any(c).await? && tracks::is_sound_only(c, video).await?)
}

fn presented() -> Expr {
    T::PublishedAt.is_not_null().and(T::EndedAt.is_null())
}

/// The pieces of a track, in order.
pub async fn pieces(c: &impl ConnectionTrait, video: VideoId, name: &str) -> Result<Vec<PieceRow>> {
    piece::Entity::find()
        .filter(P::VideoId.eq(video.to_string()))
        .filter(P::Track.eq(name))
        .order_by_asc(P::N)
        .rows(c)
        .await
}

/// Begins a track, unless an earlier try of its job did; `false`: the worker lost the job.
pub async fn begin(
    tx: &impl ConnectionTrait,
    job: &JobRow,
    row: &GrowingRow,
    now: Timestamp,
) -> Result<bool> {
    if !jobs::still_has(tx, job, now).await? {
        return Ok(false);
    }
    let model = track::ActiveModel {
        video_id: Set(row.video.to_string()),
        name: Set(row.name.clone()),
        job_id: Set(row.job),
        kind: Set(row.kind.as_str().to_owned()),
        rung: Set(row.rung.clone()),
        position: Set(row.position),
        height: Set(i32::try_from(row.height).unwrap_or(i32::MAX)),
        head: Set(row.head.clone()),
        expected_at: Set(None),
        published_at: Set(None),
        ended_at: Set(None),
    };
    insert_new(tx, model, [T::VideoId, T::Name]).await?;
    Ok(true)
}

/// Adds a piece; `false`: the worker lost the job.
pub async fn add_piece(
    tx: &impl ConnectionTrait,
    job: &JobRow,
    name: &str,
    row: &PieceRow,
    now: Timestamp,
) -> Result<bool> {
    if !jobs::still_has(tx, job, now).await? {
        return Ok(false);
    }
    let model = piece::ActiveModel {
        video_id: Set(job.video.to_string()),
        track: Set(name.to_owned()),
        n: Set(i32::try_from(row.n).unwrap_or(i32::MAX)),
        fence: Set(row.fence),
        object_key: Set(row.object.to_string()),
        segments: Set(serde_json::to_string(&row.segments).unwrap_or_default()),
    };
    add(tx, model).await?;
    Ok(true)
}

/// Notes when players may ask for the tracks of this job, at the present pace.
pub async fn expect(tx: &impl ConnectionTrait, job: &JobRow, at: Timestamp) -> Result<()> {
    track::Entity::update_many()
        .value(T::ExpectedAt, at.0)
        .filter(of_job(job))
        .run(tx)
        .await
}

/// When videos are expected to play that do not yet.
pub async fn expected(
    c: &impl ConnectionTrait,
    videos: &[VideoId],
) -> Result<HashMap<VideoId, Timestamp>> {
    if videos.is_empty() {
        return Ok(HashMap::new());
    }
    let rows: Vec<GrowingRow> = track::Entity::find()
        .filter(T::VideoId.is_in(videos.iter().map(ToString::to_string)))
        .filter(T::PublishedAt.is_null())
        .filter(T::EndedAt.is_null())
        .rows(c)
        .await?;
    let expected = rows.into_iter();
    Ok(expected
        .filter_map(|row| Some((row.video, row.expected_at?)))
        .collect())
}

/// Players may ask for the tracks of this job from now on; `false`: the worker lost the job, or they may
/// already.
pub async fn publish(tx: &impl ConnectionTrait, job: &JobRow, now: Timestamp) -> Result<bool> {
    if !jobs::still_has(tx, job, now).await? {
        return Ok(false);
    }
    let published = track::Entity::update_many()
        .value(T::PublishedAt, now.0)
        .filter(of_job(job))
        .filter(T::PublishedAt.is_null())
        .exec(tx)
        .await?;
    Ok(published.rows_affected > 0)
}

/// The whole tracks stand.
pub async fn end(tx: &impl ConnectionTrait, job: &JobRow, now: Timestamp) -> Result<()> {
    track::Entity::update_many()
        .value(T::EndedAt, now.0)
        .filter(of_job(job))
        .run(tx)
        .await
}

fn of_job(job: &JobRow) -> Expr {
    let of_video = T::VideoId.eq(job.video.to_string());
    of_video.and(T::JobId.eq(job.id))
}

/// Tracks whose whole has stood since before `before`.
pub async fn ended_before(
    c: &impl ConnectionTrait,
    before: Timestamp,
    limit: u64,
) -> Result<Vec<GrowingRow>> {
    track::Entity::find()
        .filter(T::EndedAt.lt(before.0))
        .limit(limit)
        .rows(c)
        .await
}

/// Tracks that nobody makes any further: their job is over, or gone, and did not end them.
pub async fn abandoned(c: &impl ConnectionTrait, limit: u64) -> Result<Vec<GrowingRow>> {
    let mut rows: Vec<GrowingRow> = track::Entity::find()
        .filter(T::EndedAt.is_null())
        .limit(limit)
        .rows(c)
        .await?;
    let open = jobs::open_among(c, rows.iter().map(|row| row.job)).await?;
    rows.retain(|row| !open.contains(&row.job));
    Ok(rows)
}

/// Forgets a track and its pieces.
pub async fn remove(tx: &impl ConnectionTrait, row: &GrowingRow) -> Result<()> {
    let video = row.video.to_string();
    let pieces = P::VideoId.eq(&video).and(P::Track.eq(&row.name));
    piece::Entity::delete_many()
        .filter(pieces)
        .removed(tx)
        .await?;
    let track = T::VideoId.eq(video).and(T::Name.eq(&row.name));
    track::Entity::delete_many()
        .filter(track)
        .removed(tx)
        .await?;
    Ok(())
}

/// Forgets all growing tracks of a video.
pub async fn remove_all(tx: &impl ConnectionTrait, video: VideoId) -> Result<()> {
    let video = video.to_string();
    piece::Entity::delete_many()
        .filter(P::VideoId.eq(&video))
        .removed(tx)
        .await?;
    track::Entity::delete_many()
        .filter(T::VideoId.eq(video))
        .removed(tx)
        .await?;
    Ok(())
}

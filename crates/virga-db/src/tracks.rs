//! What plays of a video.

use sea_orm::{
    ActiveValue::Set, ColumnTrait, ConnectionTrait, EntityTrait, ExprTrait, QueryFilter,
    QueryOrder, sea_query::OnConflict,
};
use virga_core::{VideoId, presentation::TrackBody};

use crate::{
    Result, TrackRow, TrackRowKind,
    entity::{track, video},
    query::Read as _,
};

use track::Column as C;
use video::Column as V;

/// All tracks of a video, those of a later release apart.
#[derive(Clone, Debug, Default)]
pub struct Tracks {
    /// In the order players should see them.
    pub known: Vec<TrackRow>,
    /// Names of those that only a later release can read.
    pub unknown: Vec<String>,
}

/// All tracks of a video.
pub async fn all_of_video(c: &impl ConnectionTrait, video: VideoId) -> Result<Tracks> {
    let rows = track::Entity::find()
        .filter(C::VideoId.eq(video.to_string()))
        .order_by_asc(C::Position)
        .order_by_asc(C::Name)
        .all(c)
        .await?;
    let mut tracks = Tracks::default();
    for row in rows {
        let name = row.name.clone();
        match TrackRow::read(row)? {
            Some(row) => tracks.known.push(row),
            None => tracks.unknown.push(name),
        }
    }
    Ok(tracks)
}

/// The tracks of a video that this release can read, in the order players should see them.
pub async fn of_video(c: &impl ConnectionTrait, video: VideoId) -> Result<Vec<TrackRow>> {
    Ok(all_of_video(c, video).await?.known)
}

/// Whether something of the video plays: a picture, or sound where the file has no picture.
pub async fn any(c: &impl ConnectionTrait, video: VideoId) -> Result<bool> {
    let of_kind = |kind: TrackRowKind| {
        track::Entity::find()
            .filter(C::VideoId.eq(video.to_string()))
            .filter(C::Kind.eq(kind.as_str()))
    };
    Ok(of_kind(TrackRowKind::Video).any(c).await?
        || of_kind(TrackRowKind::Audio).any(c).await? && is_sound_only(c, video).await?)
}

/// Whether the file was found to have no picture: its size is known, and it is none.
pub(crate) async fn is_sound_only(c: &impl ConnectionTrait, video: VideoId) -> Result<bool> {
    video::Entity::find()
        .filter(V::Id.eq(video.to_string()))
        .filter(V::Width.eq(0))
        .any(c)
        .await
}

/// Adds a track or replaces the one of the same name.
pub async fn put(c: &impl ConnectionTrait, row: &TrackRow) -> Result<()> {
    let (object, source, samples) = match &row.body {
        TrackBody::Object { object } => (Some(object.to_string()), None, None),
        TrackBody::Source { source, samples } => {
            (None, Some(source.to_string()), Some(samples.to_string()))
        }
        // The release before has no such body: it passes over the row.
        TrackBody::Arriving { samples, .. } => (None, None, Some(samples.to_string())),
        // It has rows of its own: `growing`.
        TrackBody::Growing { .. } => (None, None, None),
    };
    let model = track::ActiveModel {
        video_id: Set(row.video.to_string()),
        name: Set(row.name.clone()),
        kind: Set(row.kind.as_str().to_owned()),
        position: Set(row.position),
        height: Set(i32::try_from(row.height).unwrap_or(i32::MAX)),
        table_key: Set(row.table_key.to_string()),
        object_key: Set(object),
        samples_key: Set(samples),
        source_key: Set(source),
        role: Set(Some(row.role.to_string())),
        rung: Set(row.rung.clone()),
        language: Set(row.language.clone()),
        body: Set(Some(row.stored_body())),
    };
    let replace = OnConflict::columns([C::VideoId, C::Name])
        .update_columns([
            C::Position,
            C::Height,
            C::TableKey,
            C::ObjectKey,
            C::SamplesKey,
            C::SourceKey,
            C::Role,
            C::Rung,
            C::Language,
            C::Body,
        ])
        .to_owned();
    track::Entity::insert(model)
        .on_conflict(replace)
        .exec_without_returning(c)
        .await?;
    Ok(())
}

/// An upload is whole: what was served of its parts is served from the source from now on.
pub async fn arrived(c: &impl ConnectionTrait, video: VideoId) -> Result<bool> {
    let mut any = false;
    for mut row in of_video(c, video).await? {
        if let TrackBody::Arriving {
            source, samples, ..
        } = row.body
        {
            row.body = TrackBody::Source { source, samples };
            put(c, &row).await?;
            any = true;
        }
    }
    Ok(any)
}

/// An upload ended otherwise: removes what was served of its parts, and says whether there was anything.
pub async fn remove_arriving(c: &impl ConnectionTrait, video: VideoId) -> Result<bool> {
    let rows = of_video(c, video).await?;
    let arriving = |row: &TrackRow| matches!(row.body, TrackBody::Arriving { .. });
    let names: Vec<String> = rows
        .into_iter()
        .filter(arriving)
        .map(|row| row.name)
        .collect();
    if names.is_empty() {
        return Ok(false);
    }
    remove_named(c, video, &names).await?;
    Ok(true)
}

/// Removes all tracks of a video.
pub async fn remove(c: &impl ConnectionTrait, video: VideoId) -> Result<()> {
    let all = track::Entity::delete_many().filter(C::VideoId.eq(video.to_string()));
    all.exec(c).await?;
    Ok(())
}

/// Removes the tracks of a video that have these names.
pub async fn remove_named(
    c: &impl ConnectionTrait,
    video: VideoId,
    names: &[String],
) -> Result<()> {
    let named = C::VideoId.eq(video.to_string()).and(C::Name.is_in(names));
    track::Entity::delete_many().filter(named).exec(c).await?;
    Ok(())
}

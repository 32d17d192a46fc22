//! Rows as typed values.

use serde::de::DeserializeOwned;
use virga_core::{
    FilmTexts, MediaKey, Timestamp, UploadId, UserId, VideoId,
    permission::VideoFacts,
    presentation::FilmSounds,
    upload::UploadState,
    video::{VideoState, Visibility},
};

mod growing;
mod job;
mod track;

pub use growing::{GrowingRow, PieceRow};
pub use job::JobRow;
pub use track::{TrackRow, TrackRowKind};

use crate::{DbError, Result, entity};

/// Parses a column's text, or says which row cannot be.
pub(crate) fn word<T>(
    table: &'static str,
    column: &'static str,
    value: &str,
    parse: impl FnOnce(&str) -> Option<T>,
) -> Result<T> {
    parse(value).ok_or_else(|| DbError::Corrupt {
        table,
        column,
        value: value.to_owned(),
    })
}

/// Parses the column of an id or an object key.
pub(crate) fn id<T: std::str::FromStr>(
    table: &'static str,
    column: &'static str,
    value: &str,
) -> Result<T> {
    word(table, column, value, |text| text.parse().ok())
}

/// Parses an object key's column that may be empty.
pub(crate) fn key(
    table: &'static str,
    column: &'static str,
    value: Option<&str>,
) -> Result<Option<MediaKey>> {
    value.map(|value| id(table, column, value)).transpose()
}

/// A video's column of JSON. What lacks the field `mark` is of a later release.
fn document<T: DeserializeOwned>(
    column: &'static str,
    mark: &str,
    value: Option<String>,
) -> Result<Option<T>> {
    let Some(value) = value else { return Ok(None) };
    let read: serde_json::Value = serde_json::from_str(&value).unwrap_or_default();
    if read.get(mark).is_none() {
        return Ok(None);
    }
    let corrupt = |_| DbError::Corrupt {
        table: "videos",
        column,
        value,
    };
    serde_json::from_value(read).map(Some).map_err(corrupt)
}

/// Words of a machine, cut to what every column and reader takes.
pub(crate) fn short(text: &str) -> String {
    text.chars().filter(|c| *c != '\0').take(8_000).collect()
}

/// A size or count: never negative in a row.
pub(crate) fn unsigned(value: i64) -> u64 {
    u64::try_from(value).unwrap_or(0)
}

/// A size or count on its way into a row.
pub(crate) fn signed(value: u64) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX)
}

/// A video.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VideoRow {
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
    /// The visibility that publishing gives it; see [`VideoRow::planned`].
    pub publish_as: Option<Visibility>,
    /// Its state.
    pub state: VideoState,
    /// Why nothing plays.
    pub failure: Option<String>,
    /// The stable name of that reason.
    pub failure_code: Option<String>,
    /// Created.
    pub created_at: Timestamp,
    /// First playable.
    pub published_at: Option<Timestamp>,
    /// Deleted by its owner.
    pub deleted_at: Option<Timestamp>,
    /// When it is permanently deleted.
    pub purge_at: Option<Timestamp>,
    /// In every grant; a new one revokes them.
    pub epoch: i64,
    /// Incremented whenever the playable tracks or the visibility change.
    pub presentation_version: i64,
    /// The version that the object in the store carries.
    pub published_version: i64,
    /// Counted views.
    pub views: u64,
    /// Comments.
    pub comments: u64,
    /// The original's object key, once stored.
    pub source_key: Option<MediaKey>,
    /// Its bytes.
    pub source_size: u64,
    /// Microseconds.
    pub duration: Option<i64>,
    /// As shown, pixels.
    pub width: Option<u32>,
    /// As shown, pixels.
    pub height: Option<u32>,
    /// Poster's object key.
    pub poster_key: Option<MediaKey>,
    /// One-file MP4's object key.
    pub fallback_key: Option<MediaKey>,
    /// Storyboard's object key.
    pub storyboard_key: Option<MediaKey>,
    /// Subtitles and chapters.
    pub texts: Option<FilmTexts>,
    /// What its sounds are called, and all but the first, where it has several.
    pub sounds: Option<FilmSounds>,
    /// What the owner should know of the uploaded file, by its code.
    pub note: Option<String>,
    /// How long the file says that the film is, where it ends before that, microseconds.
    pub announced: Option<i64>,
    /// How loud its sound is, hundredths of LUFS.
    pub loudness: Option<i32>,
}

impl VideoRow {
    /// The visibility that publishing gives it, while it is unpublished. A release that does not
    /// know the column may have published the video without clearing it: `visibility` decides.
    pub fn planned(&self) -> Option<Visibility> {
        self.publish_as
            .filter(|_| self.visibility == Visibility::Private)
    }

    /// What `authorize` looks at.
    pub fn facts(&self) -> VideoFacts {
        VideoFacts {
            owner: self.owner,
            visibility: self.visibility,
            state: self.state,
        }
    }
}

impl TryFrom<entity::video::Model> for VideoRow {
    type Error = DbError;

    fn try_from(row: entity::video::Model) -> Result<Self> {
        const TABLE: &str = "videos";
        Ok(Self {
            id: id(TABLE, "id", &row.id)?,
            owner: id(TABLE, "owner_id", &row.owner_id)?,
            // Words of a later release: not everybody may see it, and something is under way.
            visibility: Visibility::parse(&row.visibility).unwrap_or(Visibility::Private),
            publish_as: row.publish_as.as_deref().and_then(Visibility::parse),
            state: VideoState::parse(&row.state).unwrap_or(VideoState::Processing),
            title: row.title,
            description: row.description,
            failure: row.failure,
            failure_code: row.failure_code,
            created_at: Timestamp(row.created_at),
            published_at: row.published_at.map(Timestamp),
            deleted_at: row.deleted_at.map(Timestamp),
            purge_at: row.purge_at.map(Timestamp),
            epoch: row.epoch,
            presentation_version: row.presentation_version,
            published_version: row.published_version,
            views: unsigned(row.views),
            comments: unsigned(row.comments),
            source_key: key(TABLE, "source_key", row.source_key.as_deref())?,
            source_size: unsigned(row.source_size),
            duration: row.duration,
            width: row.width.and_then(|value| u32::try_from(value).ok()),
            height: row.height.and_then(|value| u32::try_from(value).ok()),
            poster_key: key(TABLE, "poster_key", row.poster_key.as_deref())?,
            fallback_key: key(TABLE, "fallback_key", row.fallback_key.as_deref())?,
            storyboard_key: key(TABLE, "storyboard_key", row.storyboard_key.as_deref())?,
            texts: document("texts", "object", row.texts)?,
            sounds: document("sounds", "more", row.sounds)?,
            note: row.note,
            announced: row.announced,
            loudness: row.loudness,
        })
    }
}

/// An upload.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UploadRow {
    /// Id; also the multipart session's.
    pub id: UploadId,
    /// The video it fills.
    pub video: VideoId,
    /// Who uploads.
    pub user: UserId,
    /// As the client says.
    pub file_name: String,
    /// Bytes.
    pub size: u64,
    /// Opaque.
    pub fingerprint: String,
    /// Its state.
    pub state: UploadState,
    /// Bytes of every part but the last.
    pub part_size: u64,
    /// Where the whole goes.
    pub object_key: MediaKey,
    /// Left alone, it ends then.
    pub expires_at: Timestamp,
    /// While completing: who does it lives until then.
    pub lease_until: Timestamp,
}

impl TryFrom<entity::upload::Model> for UploadRow {
    type Error = DbError;

    fn try_from(row: entity::upload::Model) -> Result<Self> {
        const TABLE: &str = "uploads";
        Ok(Self {
            id: id(TABLE, "id", &row.id)?,
            video: id(TABLE, "video_id", &row.video_id)?,
            user: id(TABLE, "user_id", &row.user_id)?,
            // A state of a later release: an open upload counts as being completed, any other as expired.
            state: UploadState::parse(&row.state).unwrap_or(match row.open_video {
                Some(_) => UploadState::Completing,
                None => UploadState::Expired,
            }),
            file_name: row.file_name,
            size: unsigned(row.size),
            fingerprint: row.fingerprint,
            part_size: unsigned(row.part_size),
            object_key: id(TABLE, "object_key", &row.object_key)?,
            expires_at: Timestamp(row.expires_at),
            lease_until: Timestamp(row.lease_until),
        })
    }
}

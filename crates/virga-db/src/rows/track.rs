//! Tracks as typed values.

use serde::Deserialize;
use serde_json::{Value, json};
use virga_core::{
    MediaKey, VideoId,
    presentation::{TrackBody, TrackRole},
};

use super::id;
use crate::{DbError, Result, entity::track::Model};

const TABLE: &str = "tracks";
/// The form of `body` that this release reads and writes.
const FORMAT: u32 = 1;

/// What kind of track.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TrackRowKind {
    /// Pictures.
    Video,
    /// Sound.
    Audio,
}

impl TrackRowKind {
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Video => "video",
            Self::Audio => "audio",
        }
    }

    pub(crate) fn parse(word: &str) -> Option<Self> {
        match word {
            "video" => Some(Self::Video),
            "audio" => Some(Self::Audio),
            _ => None,
        }
    }
}

/// One track that plays.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TrackRow {
    /// The video.
    pub video: VideoId,
    /// Its name in URLs.
    pub name: String,
    /// Pictures or sound.
    pub kind: TrackRowKind,
    /// What it is for.
    pub role: TrackRole,
    /// The rung of the ladder that it was encoded for. `None` for sound, for the source's own picture,
    /// and in rows of 0.2.
    pub rung: Option<String>,
    /// ISO 639-2, where known.
    pub language: Option<String>,
    /// Order for players.
    pub position: i32,
    /// Pixels of the short side; 0 for sound.
    pub height: u32,
    /// Key of its `TrackTable`.
    pub table_key: MediaKey,
    /// Where its bytes are.
    pub body: TrackBody,
}

impl TrackRow {
    /// Reads a row; `None` for a kind, a role or a body of a later release.
    pub(crate) fn read(row: Model) -> Result<Option<Self>> {
        let Some(kind) = TrackRowKind::parse(&row.kind) else {
            return Ok(None);
        };
        let role = row
            .role
            .as_deref()
            .map_or(Some(TrackRole::Main), TrackRole::parse);
        let (Some(role), Some(body)) = (role, read_body(&row)?) else {
            return Ok(None);
        };
        Ok(Some(Self {
            video: id(TABLE, "video_id", &row.video_id)?,
            name: row.name,
            kind,
            role,
            rung: row.rung,
            language: row.language,
            position: row.position,
            height: u32::try_from(row.height).unwrap_or(0),
            table_key: id(TABLE, "table_key", &row.table_key)?,
            body,
        }))
    }

    /// The column `body`. It names the table, because 0.2 replaces a row and leaves this column as it is.
    pub(crate) fn stored_body(&self) -> String {
        let mut stored = json!(self.body);
        stored["format"] = json!(FORMAT);
        stored["table"] = json!(self.table_key);
        stored.to_string()
    }
}

/// Where the bytes of a row are; `None` where only a later release can tell.
fn read_body(row: &Model) -> Result<Option<TrackBody>> {
    let text = row.body.as_deref().unwrap_or_default();
    let stored: Value = serde_json::from_str(text).unwrap_or_default();
    if stored["table"] != row.table_key.as_str() {
        return read_old_body(row);
    }
    if stored["format"] != FORMAT || !TrackBody::is_known(&stored) {
        return Ok(None);
    }
    let corrupt = |_| DbError::Corrupt {
        table: TABLE,
        column: "body",
        value: text.to_owned(),
    };
    TrackBody::deserialize(&stored).map(Some).map_err(corrupt)
}

/// The same by the columns that 0.2 writes.
fn read_old_body(row: &Model) -> Result<Option<TrackBody>> {
    Ok(match (&row.object_key, &row.source_key, &row.samples_key) {
        (Some(object), _, _) => Some(TrackBody::Object {
            object: id(TABLE, "object_key", object)?,
        }),
        (None, Some(source), Some(samples)) => Some(TrackBody::Source {
            source: id(TABLE, "source_key", source)?,
            samples: id(TABLE, "samples_key", samples)?,
        }),
        _ => None,
    })
}

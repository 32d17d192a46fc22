//! Tracks as typed values.

use virga_core::{MediaKey, VideoId};

use super::id;
use crate::{Result, entity};

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
}

/// Where a track's bytes are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TrackBytes {
    /// In the source, by sample blocks.
    Source {
        /// The source's key.
        source: MediaKey,
        /// The sample blocks' key.
        samples: MediaKey,
    },
    /// In a CMAF object of its own.
    Object(MediaKey),
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
    /// Order for players.
    pub position: i32,
    /// Pixels of the short side; 0 for sound.
    pub height: u32,
    /// Key of its `TrackTable`.
    pub table_key: MediaKey,
    /// Where its bytes are.
    pub bytes: TrackBytes,
}

impl TrackRow {
    /// Reads a row; `None` for a kind or a body of a later release.
    pub(crate) fn read(row: entity::track::Model) -> Result<Option<Self>> {
        const TABLE: &str = "tracks";
        let kind = match row.kind.as_str() {
            "video" => TrackRowKind::Video,
            "audio" => TrackRowKind::Audio,
            _ => return Ok(None),
        };
        let bytes = match (row.object_key, row.source_key, row.samples_key) {
            (Some(object), _, _) => TrackBytes::Object(id(TABLE, "object_key", &object)?),
            (None, Some(source), Some(samples)) => TrackBytes::Source {
                source: id(TABLE, "source_key", &source)?,
                samples: id(TABLE, "samples_key", &samples)?,
            },
            _ => return Ok(None),
        };
        Ok(Some(Self {
            video: id(TABLE, "video_id", &row.video_id)?,
            name: row.name,
            kind,
            position: row.position,
            height: u32::try_from(row.height).unwrap_or(0),
            table_key: id(TABLE, "table_key", &row.table_key)?,
            bytes,
        }))
    }
}

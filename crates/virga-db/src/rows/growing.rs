//! Growing tracks and their pieces as typed values.

use virga_core::{KeyPrefix, MediaKey, Timestamp, VideoId};

use super::{TrackRowKind, id, word};
use crate::{DbError, Result, entity};

/// A track that a job makes while it plays.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GrowingRow {
    /// The video.
    pub video: VideoId,
    /// Its name in URLs, also of the whole track that follows it.
    pub name: String,
    /// The job that makes it.
    pub job: i64,
    /// Pictures or sound.
    pub kind: TrackRowKind,
    /// The rung of the ladder that it is.
    pub rung: Option<String>,
    /// Order for players.
    pub position: i32,
    /// Pixels of the short side; 0 for sound.
    pub height: u32,
    /// The table without segments, as JSON.
    pub head: String,
    /// When players may, at the pace of the last piece.
    pub expected_at: Option<Timestamp>,
    /// Players may ask for it since then.
    pub published_at: Option<Timestamp>,
    /// The whole track has stood since then.
    pub ended_at: Option<Timestamp>,
}

impl GrowingRow {
    /// Where its pieces and tables are.
    pub fn prefix(&self) -> KeyPrefix {
        MediaKey::growing(self.video, self.job, &self.name)
    }

    /// Whether a presentation names it.
    pub fn is_presented(&self) -> bool {
        self.published_at.is_some() && self.ended_at.is_none()
    }
}

impl TryFrom<entity::growing_track::Model> for GrowingRow {
    type Error = DbError;

    fn try_from(row: entity::growing_track::Model) -> Result<Self> {
        const TABLE: &str = "growing_tracks";
        Ok(Self {
            video: id(TABLE, "video_id", &row.video_id)?,
            name: row.name,
            job: row.job_id,
            kind: word(TABLE, "kind", &row.kind, TrackRowKind::parse)?,
            rung: row.rung,
            position: row.position,
            height: u32::try_from(row.height).unwrap_or(0),
            head: row.head,
            expected_at: row.expected_at.map(Timestamp),
            published_at: row.published_at.map(Timestamp),
            ended_at: row.ended_at.map(Timestamp),
        })
    }
}

/// Some segments of a growing track.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PieceRow {
    /// From 0, without a gap.
    pub n: u32,
    /// Of the try that wrote it.
    pub fence: i64,
    /// Its object.
    pub object: MediaKey,
    /// Duration in ticks and length in bytes of each segment.
    pub segments: Vec<(u32, u32)>,
}

impl TryFrom<entity::piece::Model> for PieceRow {
    type Error = DbError;

    fn try_from(row: entity::piece::Model) -> Result<Self> {
        const TABLE: &str = "pieces";
        let read = |text: &str| serde_json::from_str(text).ok();
        Ok(Self {
            n: u32::try_from(row.n).unwrap_or(0),
            fence: row.fence,
            object: id(TABLE, "object_key", &row.object_key)?,
            segments: word(TABLE, "segments", &row.segments, read)?,
        })
    }
}

//! What changes: events for browsers, and the feed between roles.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::{UploadId, VideoId, video::VideoState};

/// A server-sent event's payload; the event's name is the variant.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(tag = "event", rename_all = "lowercase")]
pub enum Event {
    /// A video's state changed.
    State {
        /// Video.
        id: VideoId,
        /// New state.
        #[serde(deserialize_with = "VideoState::or_processing")]
        state: VideoState,
        /// Why nothing plays, for those who may change the video.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        failure: Option<String>,
        /// The stable name of that reason.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        failure_code: Option<String>,
    },
    /// Its open work moved on.
    Progress {
        /// Video.
        id: VideoId,
        /// 0 to 1.
        progress: f64,
        /// Seconds until it is expected to play, while it is encoded and does not play yet.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        plays_in: Option<f64>,
    },
    /// What plays changed.
    Presentation {
        /// Video.
        id: VideoId,
        /// The new version.
        version: i64,
    },
}

impl Event {
    /// The event's name.
    pub fn name(&self) -> &'static str {
        match self {
            Self::State { .. } => "state",
            Self::Progress { .. } => "progress",
            Self::Presentation { .. } => "presentation",
        }
    }
}

/// Whether older presentations may still be used after a change.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Effect {
    /// More plays: what one holds may be used until the newer one is there.
    Add,
    /// Less may be seen: anything older must be refused.
    Restrict,
    /// Only the state moved; nothing published changed.
    State,
    /// Of a later release: as [`Effect::Restrict`], which is never wrong.
    #[serde(other, skip_serializing)]
    Other,
}

/// One line of the feed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct VideoChange {
    /// The video.
    pub video: VideoId,
    /// Its presentation version after the change.
    pub version: i64,
    /// What it means for readers.
    pub effect: Effect,
}

/// The addresses of an upload's parts ended before their time, or hold again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct UploadChange {
    /// The upload.
    pub upload: UploadId,
    /// Whether parts are taken.
    pub open: bool,
}

/// `GET /internal/v1/changes?after=CURSOR`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Changes {
    /// Ask with this next.
    pub cursor: String,
    /// The cursor was unknown or too old: drop known versions and re-read at next use. The changes
    /// in this answer and later ones may repeat earlier ones.
    pub resync: bool,
    /// Videos, in order.
    pub changes: Vec<VideoChange>,
    /// Uploads, in order. Absent from an earlier release.
    #[serde(default)]
    pub uploads: Vec<UploadChange>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_effect_of_a_later_release_is_read() {
        let text = r#"{"video": "0000000abcd", "version": 1, "effect": "fade"}"#;
        let change: VideoChange = serde_json::from_str(text).unwrap();
        assert_eq!(change.effect, Effect::Other);
    }
}

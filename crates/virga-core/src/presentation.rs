//! What is published for a video now: one small JSON object in the store, derived from rows only.
//! The data plane reads nothing else to answer a player.

use serde::{Deserialize, Serialize};

use crate::{VideoId, video::Visibility};

/// The format that this release writes. Readers pass over what they do not know: fields, and tracks
/// whose body is [`TrackBody::Other`]. It grows when they could no longer do that rightly.
pub const FORMAT: u32 = 1;

/// Documents of before say no format.
fn first_format() -> u32 {
    1
}

/// The published document. Keys are object keys, never URLs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Presentation {
    /// [`FORMAT`] of the release that wrote it.
    #[serde(default = "first_format")]
    pub format: u32,
    /// The row's `presentation_version` at which this was written.
    pub version: i64,
    /// The video.
    pub video: VideoId,
    /// Part of every grant's MAC; a new epoch revokes all grants at once.
    pub epoch: i64,
    /// Who may see it.
    #[serde(deserialize_with = "Visibility::or_private")]
    pub visibility: Visibility,
    /// A deleted video's presentation stays as a tombstone until purge.
    pub withdrawn: bool,
    /// Video tracks in the order a player should see them.
    pub videos: Vec<PresentedTrack>,
    /// The one audio track that all renditions share.
    pub audio: Option<PresentedTrack>,
    /// Key of the poster picture.
    pub poster: Option<String>,
    /// Key of the one-file MP4 for players without scripts.
    pub fallback: Option<String>,
}

/// One track that plays.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PresentedTrack {
    /// Names the track in URLs; stays the same when its bytes move from the source to an object.
    pub name: String,
    /// Key of its `TrackTable`.
    pub table: String,
    /// Where the bytes of its segments are.
    pub body: TrackBody,
}

/// Where a track's segments come from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "from", rename_all = "lowercase")]
pub enum TrackBody {
    /// Packaged per request from the source's own samples.
    Source {
        /// Key of the source.
        source: String,
        /// Key of the sample blocks.
        samples: String,
    },
    /// Ranges of one CMAF object.
    Object {
        /// Key of the track object.
        object: String,
    },
    /// Of a later release: not served by this one, and kept as it stands.
    #[serde(untagged)]
    Other(serde_json::Value),
}

impl TrackBody {
    /// Whether this release can serve it.
    pub fn is_known(&self) -> bool {
        !matches!(self, Self::Other(_))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    /// As a release before wrote it, with a track of a release to come.
    fn document() -> Value {
        json!({
            "version": 3, "video": "0000000abcd", "epoch": 1, "visibility": "members", "withdrawn": false,
            "videos": [
                {"name": "a", "table": "v/t", "body": {"from": "object", "object": "v/o"}},
                {"name": "b", "table": "v/t", "body": {"from": "pieces", "pieces": [1, 2]}},
            ],
            "audio": null, "poster": null, "fallback": null, "chapters": [],
        })
    }

    #[test]
    fn what_a_later_release_wrote_is_read_with_care_and_kept() {
        let read: Presentation = serde_json::from_value(document()).unwrap();
        assert_eq!((read.format, read.visibility), (1, Visibility::Private));
        let known: Vec<bool> = read.videos.iter().map(|it| it.body.is_known()).collect();
        assert_eq!(known, [true, false]);
        let written = serde_json::to_value(&read).unwrap();
        assert_eq!(written["videos"], document()["videos"]);
    }
}

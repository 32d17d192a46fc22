//! What is published for a video now: one small JSON object in the store, derived from rows only.
//! The data plane reads nothing else to answer a player.

use serde::{Deserialize, Deserializer, Serialize, de::Error as _};
use serde_json::Value;
use virga_media::TrackTable;

use crate::{
    FilmTexts, MediaKey, UploadId, VideoId,
    video::{Visibility, word_enum},
};

/// The format that this release writes. Readers pass over what they do not know: fields, and tracks
/// that are [`Presented::Later`]. It grows when they could no longer do that rightly.
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
    /// Video tracks in the order a player should see them; none in a film of sound alone.
    pub videos: Vec<Presented>,
    /// The audio track that everybody hears who chooses no other.
    pub audio: Option<Presented>,
    /// Key of the poster picture.
    pub poster: Option<MediaKey>,
    /// Key of the one-file MP4 for players without scripts.
    pub fallback: Option<MediaKey>,
    /// Key of the storyboard. Documents of releases before have none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub storyboard: Option<MediaKey>,
    /// Subtitles and chapters. Documents of releases before have none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub texts: Option<FilmTexts>,
    /// What the sounds of a film that has several are called, and all of them but the first, which is `audio`.
    /// Documents of releases before have none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sounds: Option<FilmSounds>,
}

impl Presentation {
    /// The video tracks that this release can serve.
    pub fn known_videos(&self) -> impl Iterator<Item = &PresentedTrack> {
        self.videos.iter().filter_map(Presented::known)
    }

    /// The audio track, where this release can serve it.
    pub fn known_audio(&self) -> Option<&PresentedTrack> {
        self.audio.as_ref().and_then(Presented::known)
    }

    /// Whether it is a film without a picture: one whose pictures are all of a later release is not.
    pub fn is_sound_only(&self) -> bool {
        self.videos.is_empty() && self.known_audio().is_some()
    }

    /// Whether some track is still being made.
    pub fn grows(&self) -> bool {
        self.known().any(PresentedTrack::grows)
    }

    /// The sounds that can be chosen instead of the first; none where the first cannot be served.
    pub fn further_sounds(&self) -> impl Iterator<Item = &FilmSound> {
        let first = self.known_audio();
        let sounds = self.sounds.iter().filter(move |_| first.is_some());
        sounds.flat_map(|sounds| &sounds.more)
    }

    /// All tracks that this release can serve.
    pub fn known(&self) -> impl Iterator<Item = &PresentedTrack> {
        let further = self.further_sounds().map(|sound| &sound.track);
        self.known_videos().chain(self.known_audio()).chain(further)
    }
}

/// A track of the document.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(untagged)]
pub enum Presented {
    /// One that this release can serve.
    Known(PresentedTrack),
    /// Its body is of a later release: it is not served, and kept as it stands.
    Later(Value),
}

impl Presented {
    fn known(&self) -> Option<&PresentedTrack> {
        match self {
            Self::Known(track) => Some(track),
            Self::Later(_) => None,
        }
    }
}

impl<'de> Deserialize<'de> for Presented {
    /// A body that this release knows must be right, keys included: it is an error otherwise.
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let track = Value::deserialize(deserializer)?;
        if !TrackBody::is_known(&track["body"]) {
            return Ok(Self::Later(track));
        }
        let known = serde_json::from_value(track).map_err(D::Error::custom)?;
        Ok(Self::Known(known))
    }
}

/// One track that plays.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PresentedTrack {
    /// Names the track in URLs; stays the same when its bytes move from the source to an object.
    pub name: String,
    /// Key of its `TrackTable`.
    pub table: MediaKey,
    /// Where the bytes of its segments are.
    pub body: TrackBody,
}

impl PresentedTrack {
    /// Whether more of it comes: a job still makes it, or the upload that it is of still arrives.
    pub fn grows(&self) -> bool {
        matches!(
            self.body,
            TrackBody::Growing { .. } | TrackBody::Arriving { .. }
        )
    }

    /// Whether the upload that it is of still arrives.
    pub fn arrives(&self) -> bool {
        matches!(self.body, TrackBody::Arriving { .. })
    }
}

word_enum! {
    /// What a sound is for that is not the first.
    SoundKind {
        /// The film in another language or mix.
        Alternate = "alternate",
        /// Somebody talks about the film.
        Commentary = "commentary",
        /// Audio description: a voice describes what is on the screen.
        Description = "description",
    }
}

/// The sounds of a film that has several (docs/adr/0034-sounds.md).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FilmSounds {
    /// What the first one is called; the track itself is elsewhere.
    #[serde(default)]
    pub first: SoundName,
    /// The others. What a release to come says of them is passed over.
    #[serde(deserialize_with = "known_sounds")]
    pub more: Vec<FilmSound>,
}

/// What a sound is called.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SoundName {
    /// The language's tag (BCP 47), where the file names one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub language: Option<String>,
    /// What a menu calls it; no two of a film are called the same. Without one: by its number.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub label: Option<String>,
}

/// A sound that can be chosen instead of the first.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FilmSound {
    /// Its track.
    #[serde(flatten)]
    pub track: PresentedTrack,
    /// What it is called.
    #[serde(flatten)]
    pub called: SoundName,
    /// What it is for.
    pub kind: SoundKind,
}

/// What this release knows must be right: it is an error otherwise.
fn known_sounds<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<FilmSound>, D::Error> {
    let all = Vec::<Value>::deserialize(deserializer)?;
    let known = |sound: &Value| {
        let kind = sound["kind"].as_str().and_then(SoundKind::parse);
        kind.is_some() && TrackBody::is_known(&sound["body"])
    };
    let read = |sound| serde_json::from_value(sound).map_err(D::Error::custom);
    all.into_iter().filter(known).map(read).collect()
}

/// Where a track's segments come from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "from", rename_all = "lowercase")]
pub enum TrackBody {
    /// Packaged per request from the source's own samples.
    Source {
        /// Key of the source.
        source: MediaKey,
        /// Key of the sample blocks.
        samples: MediaKey,
    },
    /// The same while the source is an upload that still arrives: from its parts, as far as they stand in order.
    /// The table says how much of the source each segment needs (`TrackTable::source_ends`).
    Arriving {
        /// The upload.
        upload: UploadId,
        /// Key of the source, once it is one.
        source: MediaKey,
        /// Key of the sample blocks.
        samples: MediaKey,
    },
    /// Ranges of one CMAF object.
    Object {
        /// Key of the track object.
        object: MediaKey,
    },
    /// Pieces that a job adds to while the track plays. Each has a table, numbered as the pieces are, that
    /// says all up to it: the newest one there is says how far the track is. See [`GrowingTable`].
    Growing {
        /// The job that makes it; part of its keys.
        job: i64,
    },
}

/// How far a growing track is.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct GrowingTable {
    /// The segments that stand.
    pub table: TrackTable,
    /// The pieces that they are in, in order.
    pub pieces: Vec<PieceRef>,
}

impl GrowingTable {
    /// Where segment `n` is: the key of its piece, and its first byte in it.
    pub fn place(&self, n: usize) -> Option<(&MediaKey, u64)> {
        let mut first = 0;
        for piece in &self.pieces {
            let end = first + usize::try_from(piece.segments).ok()?;
            if n < end {
                let before = self.table.lengths.get(first..n)?;
                return Some((&piece.object, before.iter().map(|it| u64::from(*it)).sum()));
            }
            first = end;
        }
        None
    }
}

/// One piece: segments back to back.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PieceRef {
    /// Key of its object.
    pub object: MediaKey,
    /// How many segments.
    pub segments: u32,
}

impl TrackBody {
    /// Whether this release has a variant for it; its keys may still be wrong.
    pub fn is_known(body: &Value) -> bool {
        matches!(
            body["from"].as_str(),
            Some("source" | "arriving" | "object" | "growing")
        )
    }
}

/// The name of the source's own picture, as this job publishes it.
pub fn own_picture(job: i64) -> String {
    format!("src-{job}")
}

/// The name of the film's sound, as this job makes it of the source's own or encodes it.
pub fn sound_name(job: i64) -> String {
    format!("audio-{job}")
}

word_enum! {
    /// What a track is for, as in DASH's role scheme.
    TrackRole {
        /// The film itself, in one of its sizes, or its sound.
        Main = "main",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    /// As a release before wrote it, with a track of a release to come.
    fn document() -> Value {
        let key = "v/0000000abcd/a1-1/a";
        json!({
            "version": 3, "video": "0000000abcd", "epoch": 1, "visibility": "members", "withdrawn": false,
            "videos": [
                {"name": "a", "table": key, "body": {"from": "object", "object": key}},
                {"name": "b", "body": {"from": "shards", "shards": [1, 2]}, "role": "main"},
            ],
            "audio": null, "poster": null, "fallback": key, "chapters": [],
        })
    }

    #[test]
    fn what_a_later_release_wrote_is_read_with_care_and_kept() {
        let read: Presentation = serde_json::from_value(document()).unwrap();
        assert_eq!((read.format, read.visibility), (1, Visibility::Private));
        let known: Vec<&str> = read.known().map(|it| it.name.as_str()).collect();
        assert_eq!(known, ["a"]);
        let written = serde_json::to_value(&read).unwrap();
        assert_eq!(written["videos"], document()["videos"]);
        assert_eq!(written["fallback"], document()["fallback"]);
    }

    #[test]
    fn sounds_of_a_later_release_are_passed_over_and_wrong_keys_are_errors() {
        let key = "v/0000000abcd/a1-1/a";
        let sound = |kind: &str, from: &str| json!({"name": kind, "table": key, "kind": kind, "label": "中文", "body": {"from": from, "object": key}});
        let mut document = document();
        document["sounds"] = json!({"first": {"language": "en"}, "more": [
            sound("alternate", "object"), sound("karaoke", "object"), sound("commentary", "shards"),
        ]});
        let read: Presentation = serde_json::from_value(document.clone()).unwrap();
        assert_eq!(read.further_sounds().count(), 0, "there is no first one");
        document["audio"] =
            json!({"name": "c", "table": key, "body": {"from": "object", "object": key}});
        let read: Presentation = serde_json::from_value(document.clone()).unwrap();
        let known: Vec<&str> = read.known().map(|it| it.name.as_str()).collect();
        assert_eq!(known, ["a", "c", "alternate"]);
        let again = serde_json::to_value(&read).unwrap();
        assert_eq!(
            again["sounds"]["more"],
            json!([sound("alternate", "object")])
        );
        document["sounds"]["more"][0]["table"] = json!("v/../x");
        assert!(serde_json::from_value::<Presentation>(document).is_err());
    }

    #[test]
    fn a_key_that_is_none_is_an_error_and_no_track_of_a_later_release() {
        for place in ["/videos/0/body/object", "/videos/0/table", "/fallback"] {
            let mut wrong = document();
            *wrong.pointer_mut(place).unwrap() = json!("v/../x");
            let read = serde_json::from_value::<Presentation>(wrong);
            assert!(read.is_err(), "{place}");
        }
    }
}

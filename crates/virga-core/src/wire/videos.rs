//! Videos, playback and lists.

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use utoipa::ToSchema;

use crate::{
    Timestamp, VideoId,
    keys::hex,
    video::{VideoState, Visibility},
};

/// `POST /videos`.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct NewVideo {
    /// 1 to 200 characters.
    #[schema(min_length = 1, max_length = 200)]
    pub title: String,
    /// Up to 10,000 characters.
    #[schema(max_length = 10_000)]
    #[serde(default)]
    pub description: String,
    /// Default: public.
    #[serde(default = "public")]
    pub visibility: Visibility,
    /// Keeps the video private and unpublished, whatever `visibility` says, until a change of
    /// `visibility` publishes it. The pages then offer to publish it as this.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub publish_as: Option<Visibility>,
}

pub(super) fn public() -> Visibility {
    Visibility::Public
}

/// `PATCH /videos/{id}`: absent fields stay.
#[derive(Clone, Debug, Default, Serialize, Deserialize, ToSchema)]
pub struct VideoPatch {
    /// 1 to 200 characters.
    #[schema(min_length = 1, max_length = 200)]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
    /// Up to 10,000 characters.
    #[schema(max_length = 10_000)]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// Who may see it. Publishes an unpublished video.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub visibility: Option<Visibility>,
    /// Of an unpublished video: the visibility that the pages offer to publish it as. 409 for a
    /// video that is published.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub publish_as: Option<Visibility>,
}

/// A job that failed although the video plays, or one that is on hold.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Warning {
    /// Which kind of job.
    pub job: String,
    /// The stable name of the reason: one of `ReasonCode`, or one of a later release.
    pub code: String,
    /// The reason in words.
    pub text: String,
}

/// What the owner of a video that plays should know of the uploaded file.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Note {
    /// The stable name of it: one of `ReasonCode`, or one of a later release.
    pub code: String,
    /// It in words.
    pub text: String,
    /// How long the file says that the film is, seconds, where that is known and more than could be read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub announced: Option<f64>,
}

/// A video.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Video {
    /// Id.
    pub id: VideoId,
    /// Title.
    pub title: String,
    /// Description.
    pub description: String,
    /// Who may see it.
    #[serde(deserialize_with = "Visibility::or_private")]
    pub visibility: Visibility,
    /// Present while the video is unpublished, for those who may change it: the visibility that
    /// the pages offer to publish it as.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub publish_as: Option<Visibility>,
    /// Where it stands.
    #[serde(deserialize_with = "VideoState::or_processing")]
    pub state: VideoState,
    /// Why nothing plays, in words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failure: Option<String>,
    /// The stable name of that reason: one of `ReasonCode`, or one of a later release.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failure_code: Option<String>,
    /// Jobs that failed although the video plays, and jobs that are on hold.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub warnings: Vec<Warning>,
    /// What those who may change the video should know of the uploaded file, as that it ends early.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<Note>,
    /// Share of the open work that is done, 0 to 1; while the state is processing or playable.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub progress: Option<f64>,
    /// Whether its upload goes on: it plays as far as it is here.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub arriving: bool,
    /// When it is expected to play, while it is encoded and does not play yet.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub plays_at: Option<Timestamp>,
    /// Name of its owner.
    pub owner: String,
    /// Whether the asking viewer may change it.
    pub editable: bool,
    /// Seconds, once known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub duration: Option<f64>,
    /// Width as shown, pixels, once known; sound alone has none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub width: Option<u32>,
    /// Height as shown, pixels, once known; sound alone has none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub height: Option<u32>,
    /// Path of the poster, with a grant where one is needed; present once there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub poster: Option<String>,
    /// Widths in which the poster can be had as WebP: `{poster}?w=320`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub poster_widths: Vec<u32>,
    /// Path of the storyboard, as in [`Playback`]; present once there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub storyboard: Option<String>,
    /// Views.
    pub views: u64,
    /// Comments.
    pub comments: u64,
    /// Created.
    pub created_at: Timestamp,
    /// First became playable, or was published after that.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub published_at: Option<Timestamp>,
    /// When a deleted video is permanently deleted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub purge_at: Option<Timestamp>,
    /// Incremented whenever the playable tracks or the visibility change.
    pub presentation_version: i64,
}

impl Video {
    /// A tag over what its owner edits: it moves when an edit would undo another one, and not when
    /// views are counted or work goes on. The entity tag of a video begins with it.
    pub fn edit_tag(&self) -> String {
        let mut hash = Sha256::new();
        for text in [
            self.title.as_str(),
            self.description.as_str(),
            self.visibility.as_str(),
            self.publish_as.map_or("", Visibility::as_str),
        ] {
            hash.update((text.len() as u64).to_be_bytes());
            hash.update(text);
        }
        hex(&hash.finalize()[..10])
    }
}

/// `GET /videos/{id}/playback`. Absolute paths, or full URLs of a bucket.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Playback {
    /// Multivariant playlist.
    pub hls: String,
    /// Manifest of DASH; not while all of the picture is still being made.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dash: Option<String>,
    /// One MP4 file; null until it exists.
    pub fallback: Option<String>,
    /// Poster; null until it exists.
    pub poster: Option<String>,
    /// Storyboard: a file of `WebVTT` whose cues name a part of a picture (`#xywh=`) for each stretch of the film. Once it
    /// exists; films of less than five seconds have none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub storyboard: Option<String>,
    /// Subtitles and chapters, once they are made of those of the file.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub texts: Vec<PlaybackText>,
    /// When these addresses end; null for public videos.
    pub expires_at: Option<Timestamp>,
    /// The presentation that they belong to.
    pub version: i64,
    /// Seconds for which addresses of a bucket in a playlist hold at least, from when it was read;
    /// `urls.json` next to the multivariant playlist has new ones.
    pub holds: u64,
    /// Length of the film in seconds, once known. While the film is being made, its playlists end before that.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub duration: Option<f64>,
    /// How loud the film is as a whole, LUFS (EBU R 128), once it is measured; films of less than five seconds are
    /// not. The site's player turns down what is louder than -14 LUFS.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub loudness: Option<f64>,
    /// Seconds at which the signed-in viewer stopped last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub position: Option<f64>,
}

/// Subtitles or chapters of a film, as `<track>` takes them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct PlaybackText {
    /// Path of the `WebVTT` file.
    pub src: String,
    /// `subtitles`, `captions` or `chapters`; or what a later release adds.
    pub kind: String,
    /// Tag of the language (BCP 47), if the file names one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub language: Option<String>,
    /// What a menu calls it: its title, or its language by its own name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub label: Option<String>,
    /// Shown unless the viewer chooses otherwise.
    #[serde(default)]
    pub default: bool,
    /// Only what must be read by those who understand the sound.
    #[serde(default)]
    pub forced: bool,
}

/// `PUT /videos/{id}/position`: where the viewer is.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct Position {
    /// Seconds from the start, a week at most.
    #[schema(minimum = 0, maximum = 604_800)]
    pub seconds: f64,
}

/// Order of a list of videos.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Sort {
    /// Newest first.
    #[default]
    New,
    /// Most viewed first.
    Popular,
}

/// `POST /videos/{id}/views`: the player saw 10 seconds or 30 %.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct ViewReport {
    /// Seconds watched.
    #[schema(minimum = 0)]
    pub watched: f64,
}

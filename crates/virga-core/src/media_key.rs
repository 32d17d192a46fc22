//! Object keys: the only place that builds or reads their text. A key's last segment says what
//! class of object it is, and the class decides content type and cache lifetime.

use std::{fmt, str::FromStr, sync::Arc};

use crate::{UploadId, VideoId};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};

mod poster;
mod storyboard;

pub use poster::PosterPart;
pub use storyboard::StoryboardIndex;

const MAX_LENGTH: usize = 200;

/// The text is no object key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("this is not an object key: v/<video>/ and segments of letters, digits, '.', '_', '-'")]
pub struct InvalidKey;

/// What an object is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ObjectClass {
    /// What is published now; the only object that is ever replaced.
    Presentation,
    /// The uploaded original; never served to players.
    Source,
    /// A track's table: init segment, durations, lengths.
    Table,
    /// A track's samples, in blocks, one a segment.
    Samples,
    /// A track's CMAF object; its segments are byte ranges.
    Track,
    /// Some segments of a track that grows.
    Piece,
    /// A part of a rung, as the encoder wrote it; never served.
    Span,
    /// The still picture.
    Poster,
    /// Small pictures from all over the film, and where they belong.
    Storyboard,
    /// Subtitles and chapters.
    Texts,
    /// One faststart MP4 for players without scripts.
    Fallback,
    /// Nothing that this version writes.
    Other,
}

/// How long a cache may keep an answer made from an object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CacheLifetime {
    /// A year: the bytes at this address never change.
    Immutable,
    /// Keep it, but ask each time whether it still holds.
    Revalidate,
    /// Keep nothing.
    NoStore,
}

impl ObjectClass {
    fn of(name: &str) -> Self {
        match name {
            "presentation.json" => return Self::Presentation,
            "source" => return Self::Source,
            "poster.jpg" => return Self::Poster,
            "fallback.mp4" => return Self::Fallback,
            _ => {}
        }
        match name.rsplit_once('.').map(|(_, suffix)| suffix) {
            Some("json") => Self::Table,
            Some("samples") => Self::Samples,
            Some("cmaf") => Self::Track,
            Some("piece") => Self::Piece,
            Some("span") => Self::Span,
            Some("storyboard") => Self::Storyboard,
            Some("texts") => Self::Texts,
            _ => Self::Other,
        }
    }

    /// Media type of the object's bytes.
    pub fn content_type(self) -> &'static str {
        match self {
            Self::Presentation | Self::Table => "application/json",
            Self::Track | Self::Piece | Self::Span | Self::Fallback => "video/mp4",
            Self::Poster => "image/jpeg",
            Self::Source | Self::Samples | Self::Storyboard | Self::Texts | Self::Other => {
                "application/octet-stream"
            }
        }
    }

    /// How long answers made from it may be kept.
    pub fn cache(self) -> CacheLifetime {
        match self {
            Self::Table
            | Self::Samples
            | Self::Track
            | Self::Piece
            | Self::Poster
            | Self::Storyboard
            | Self::Texts
            | Self::Fallback => CacheLifetime::Immutable,
            Self::Presentation => CacheLifetime::Revalidate,
            Self::Source | Self::Span | Self::Other => CacheLifetime::NoStore,
        }
    }
}

/// Names one object: `v/{video}/…`. Cheap to clone.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct MediaKey(Arc<str>);

impl MediaKey {
    /// The published document of a video.
    pub fn presentation(video: VideoId) -> Self {
        Self(format!("v/{video}/presentation.json").into())
    }

    /// The original that an upload brought.
    pub fn source(video: VideoId, upload: UploadId) -> Self {
        Self(format!("v/{video}/{upload}/source").into())
    }

    /// What one attempt of a job writes under `name`: `1080p.json`, `1080p.samples`, `1080p.cmaf`,
    /// `poster.jpg`, `fallback.mp4`.
    pub fn attempt(video: VideoId, job: i64, attempt: i32, name: &str) -> Result<Self, InvalidKey> {
        format!("v/{video}/a{job}-{attempt}/{name}").parse()
    }

    /// A track's table under an attempt.
    pub fn table(video: VideoId, job: i64, attempt: i32, track: &str) -> Result<Self, InvalidKey> {
        Self::attempt(video, job, attempt, &format!("{track}.json"))
    }

    /// A track's sample blocks under an attempt.
    pub fn samples(
        video: VideoId,
        job: i64,
        attempt: i32,
        track: &str,
    ) -> Result<Self, InvalidKey> {
        Self::attempt(video, job, attempt, &format!("{track}.samples"))
    }

    /// A track's CMAF object under an attempt.
    pub fn track(video: VideoId, job: i64, attempt: i32, track: &str) -> Result<Self, InvalidKey> {
        Self::attempt(video, job, attempt, &format!("{track}.cmaf"))
    }

    /// What an attempt of a span made of a rung.
    pub fn span(video: VideoId, job: i64, attempt: i32, rung: &str) -> Result<Self, InvalidKey> {
        Self::attempt(video, job, attempt, &format!("{rung}.span"))
    }

    /// The still picture that an attempt made.
    pub fn poster(video: VideoId, job: i64, attempt: i32) -> Self {
        Self(format!("v/{video}/a{job}-{attempt}/poster.jpg").into())
    }

    /// The one-file MP4 that an attempt made.
    pub fn fallback(video: VideoId, job: i64, attempt: i32) -> Self {
        Self(format!("v/{video}/a{job}-{attempt}/fallback.mp4").into())
    }

    /// The subtitles and chapters that an attempt found.
    pub fn texts(video: VideoId, job: i64, attempt: i32) -> Self {
        Self(format!("v/{video}/a{job}-{attempt}/film.texts").into())
    }

    /// Piece `n` of a track that a job grows, as the attempt with this fence wrote it. It is not under
    /// the attempt's prefix, because pieces outlive their attempt and the next attempt continues after them.
    pub fn piece(growing: &KeyPrefix, n: u32, fence: i64) -> Result<Self, InvalidKey> {
        format!("{growing}{n}-{fence}.piece").parse()
    }

    /// The table of a growing track once its pieces up to `n` stand. Whoever writes it writes the same.
    pub fn growing_table(growing: &KeyPrefix, n: u32) -> Result<Self, InvalidKey> {
        format!("{growing}{n}.json").parse()
    }

    /// Everything of a track that a job grows.
    pub fn growing(video: VideoId, job: i64, track: &str) -> KeyPrefix {
        KeyPrefix(format!("v/{video}/p{job}/{track}/").into())
    }

    /// The prefix of all objects of a video.
    pub fn prefix(video: VideoId) -> KeyPrefix {
        KeyPrefix(format!("v/{video}/").into())
    }

    /// Everything that one attempt wrote.
    pub fn attempt_prefix(video: VideoId, job: i64, attempt: i32) -> KeyPrefix {
        KeyPrefix(format!("v/{video}/a{job}-{attempt}/").into())
    }

    /// Parses a key from a row or document.
    pub fn parse(text: &str) -> Result<Self, InvalidKey> {
        let mut segments = text.split('/');
        let rooted = segments.next() == Some("v");
        let owned = segments
            .next()
            .is_some_and(|id| id.parse::<VideoId>().is_ok());
        let mut rest = segments.peekable();
        if rooted
            && owned
            && text.len() <= MAX_LENGTH
            && rest.peek().is_some()
            && rest.all(is_segment)
        {
            Ok(Self(text.into()))
        } else {
            Err(InvalidKey)
        }
    }

    /// The key's text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The video that it belongs to.
    pub fn video(&self) -> Result<VideoId, InvalidKey> {
        let id = self.0.split('/').nth(1).ok_or(InvalidKey)?;
        id.parse().map_err(|_| InvalidKey)
    }

    /// The upload that brought it, where it is an original.
    pub fn upload(&self) -> Option<UploadId> {
        let mut segments = self.0.split('/').skip(2);
        let id = segments.next()?.parse().ok()?;
        (segments.next() == Some("source") && segments.next().is_none()).then_some(id)
    }

    /// What it is for.
    pub fn class(&self) -> ObjectClass {
        ObjectClass::of(self.0.rsplit('/').next().unwrap_or_default())
    }

    /// Media type of its bytes.
    pub fn content_type(&self) -> &'static str {
        self.class().content_type()
    }

    /// How long answers made from it may be kept.
    pub fn cache(&self) -> CacheLifetime {
        self.class().cache()
    }
}

fn is_segment(segment: &str) -> bool {
    !segment.is_empty()
        && !segment.starts_with('.')
        && segment
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-'))
}

impl FromStr for MediaKey {
    type Err = InvalidKey;
    fn from_str(text: &str) -> Result<Self, InvalidKey> {
        Self::parse(text)
    }
}

impl fmt::Display for MediaKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for MediaKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Serialize for MediaKey {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for MediaKey {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::parse(&String::deserialize(deserializer)?).map_err(D::Error::custom)
    }
}

/// A folder of keys; always ends in `/`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct KeyPrefix(Arc<str>);

impl KeyPrefix {
    /// All objects of all videos.
    pub fn all() -> Self {
        Self("v/".into())
    }

    /// The prefix's text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether the key starts with this prefix.
    pub fn has(&self, key: &MediaKey) -> bool {
        key.as_str().starts_with(self.as_str())
    }
}

impl fmt::Display for KeyPrefix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

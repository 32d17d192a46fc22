//! The addresses of a video's media, built and read. They are strict: no percent-encoding and no empty
//! or dotted segment is ever needed in one, so whatever does not read exactly is not there.

use std::fmt;

use super::MEDIA;
use crate::VideoId;

/// Where the addresses with a grant are.
pub const GRANTED: &str = "/media/g/";

/// The longest stretch of a video that is sent as a file of its own, in milliseconds: the index of such a file is
/// held in memory.
pub const CLIP_MAX_MILLIS: u64 = 600_000;

/// One answer about a video: `/media/{video}/{file}`, or `/media/g/{grant}/{video}/{file}`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MediaPath {
    /// The grant in the path, unchecked.
    pub grant: Option<String>,
    /// Whose.
    pub video: VideoId,
    /// Which of its answers.
    pub file: MediaFile,
}

/// One of a video's answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum MediaFile {
    /// `main.m3u8`
    Multivariant,
    /// `manifest.mpd`: DASH's
    Manifest,
    /// `poster.jpg`, or `poster.jpg?w=320` for the WebP of that width; 0: the JPEG.
    Poster(u32),
    /// `fallback.mp4`
    Fallback,
    /// `clip-{from}-{to}.mp4`: a stretch of the fallback, in milliseconds
    Clip(u64, u64),
    /// `storyboard.vtt`
    Storyboard,
    /// `storyboard-{n}.jpg`: one sheet of the storyboard's pictures
    Sheet(usize),
    /// `text-{n}.vtt`: subtitles or chapters
    Text(u32),
    /// `text-{n}.m3u8`: the playlist of subtitles
    TextPlaylist(u32),
    /// `urls.json`
    Urls,
    /// One of a track's answers, under the track's name.
    Track(String, TrackFile),
}

/// One of a track's answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TrackFile {
    /// `track.mp4`
    Whole,
    /// `index.m3u8`
    Playlist,
    /// `event.m3u8`: the playlist of a track that grows, from its first piece to long after its last
    Event,
    /// `iframes.m3u8`: its key frames, for pictures while seeking
    IFrames,
    /// `init.mp4`
    Init,
    /// `{n}.m4s`
    Segment(usize),
}

impl MediaPath {
    /// Reads a request's path and query.
    pub fn parse(path: &str, query: Option<&str>) -> Option<Self> {
        let (grant, rest) = match path.strip_prefix(GRANTED) {
            Some(rest) => rest.split_once('/').map(|(grant, it)| (Some(grant), it))?,
            None => (None, path.strip_prefix(MEDIA)?),
        };
        let (video, file) = rest.split_once('/')?;
        Some(Self {
            grant: grant.map(str::to_owned),
            video: video.parse().ok()?,
            file: MediaFile::parse(file, query)?,
        })
    }
}

impl MediaFile {
    /// The width of a poster is no part of the path because an earlier release answers it too, with
    /// the JPEG.
    fn parse(text: &str, query: Option<&str>) -> Option<Self> {
        match text {
            "main.m3u8" => Some(Self::Multivariant),
            "manifest.mpd" => Some(Self::Manifest),
            "poster.jpg" => {
                let width = query.and_then(|query| query.strip_prefix("w=")?.parse().ok());
                Some(Self::Poster(width.unwrap_or(0)))
            }
            "fallback.mp4" => Some(Self::Fallback),
            "storyboard.vtt" => Some(Self::Storyboard),
            "urls.json" => Some(Self::Urls),
            _ if !text.contains('/') => Self::numbered(text).filter(|it| it.to_string() == text),
            _ => {
                let (track, file) = text.split_once('/').filter(|(name, _)| is_track(name))?;
                Some(Self::Track(track.to_owned(), TrackFile::parse(file)?))
            }
        }
    }
}

impl MediaFile {
    /// A name with numbers in it, whatever their spelling.
    fn numbered(text: &str) -> Option<Self> {
        if let Some(name) = text.strip_prefix("clip-") {
            let (from, to) = name.strip_suffix(".mp4")?.split_once('-')?;
            let (from, to) = (from.parse().ok()?, to.parse().ok()?);
            return (from < to).then_some(Self::Clip(from, to));
        }
        if let Some(name) = text.strip_prefix("text-") {
            let (n, kind) = name.split_once('.')?;
            let n = n.parse().ok()?;
            return match kind {
                "vtt" => Some(Self::Text(n)),
                "m3u8" => Some(Self::TextPlaylist(n)),
                _ => None,
            };
        }
        let name = text.strip_prefix("storyboard-")?;
        Some(Self::Sheet(name.strip_suffix(".jpg")?.parse().ok()?))
    }
}

impl TrackFile {
    /// A track's segments as a template of DASH.
    pub const NUMBERED: &'static str = "$Number$.m4s";

    fn parse(text: &str) -> Option<Self> {
        match text {
            "track.mp4" => Some(Self::Whole),
            "index.m3u8" => Some(Self::Playlist),
            "event.m3u8" => Some(Self::Event),
            "iframes.m3u8" => Some(Self::IFrames),
            "init.mp4" => Some(Self::Init),
            _ => {
                let number = text.strip_suffix(".m4s")?.parse().ok()?;
                // In its one spelling: a segment has one address.
                Some(Self::Segment(number)).filter(|it| it.to_string() == text)
            }
        }
    }
}

fn is_track(name: &str) -> bool {
    let fits = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    (1..=32).contains(&name.len()) && name.bytes().all(fits)
}

impl fmt::Display for MediaPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.grant {
            Some(grant) => write!(f, "{GRANTED}{grant}/{}/{}", self.video, self.file),
            None => write!(f, "{MEDIA}{}/{}", self.video, self.file),
        }
    }
}

impl fmt::Display for MediaFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Multivariant => f.write_str("main.m3u8"),
            Self::Manifest => f.write_str("manifest.mpd"),
            Self::Poster(0) => f.write_str("poster.jpg"),
            Self::Poster(width) => write!(f, "poster.jpg?w={width}"),
            Self::Fallback => f.write_str("fallback.mp4"),
            Self::Clip(from, to) => write!(f, "clip-{from}-{to}.mp4"),
            Self::Storyboard => f.write_str("storyboard.vtt"),
            Self::Sheet(n) => write!(f, "storyboard-{n}.jpg"),
            Self::Text(n) => write!(f, "text-{n}.vtt"),
            Self::TextPlaylist(n) => write!(f, "text-{n}.m3u8"),
            Self::Urls => f.write_str("urls.json"),
            Self::Track(track, file) => write!(f, "{track}/{file}"),
        }
    }
}

impl fmt::Display for TrackFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Whole => f.write_str("track.mp4"),
            Self::Playlist => f.write_str("index.m3u8"),
            Self::Event => f.write_str("event.m3u8"),
            Self::IFrames => f.write_str("iframes.m3u8"),
            Self::Init => f.write_str("init.mp4"),
            Self::Segment(n) => write!(f, "{n}.m4s"),
        }
    }
}

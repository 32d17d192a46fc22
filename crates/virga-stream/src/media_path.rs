//! Reads a media path. Strict: no percent-encoding, no empty or dotted segment is ever needed in
//! one, so whatever does not read exactly is not there.

use virga_core::VideoId;

/// The longest component that is looked at.
const MAX_SEGMENTS: usize = 6;

/// What a media path asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct MediaPath {
    /// The grant in the path, unchecked.
    pub(crate) grant: Option<String>,
    /// Whose.
    pub(crate) video: VideoId,
    /// Which of its answers.
    pub(crate) what: What,
}

/// One of a video's answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum What {
    /// `main.m3u8`
    Multivariant,
    /// `poster.jpg`, or `poster.jpg?w=320` for the WebP of that width; 0: the JPEG.
    Poster(u32),
    /// `fallback.mp4`
    Fallback,
    /// `urls.json`
    Urls,
    /// `{track}/track.mp4`
    Track(String),
    /// `{track}/index.m3u8`
    Playlist(String),
    /// `{track}/init.mp4`
    Init(String),
    /// `{track}/{n}.m4s`
    Segment(String, usize),
}

impl MediaPath {
    /// Reads `/media/…`.
    pub(crate) fn parse(path: &str) -> Option<Self> {
        let segments: Vec<&str> = path
            .strip_prefix("/media/")?
            .split('/')
            .take(MAX_SEGMENTS)
            .collect();
        let (grant, rest) = match segments.as_slice() {
            ["g", grant, rest @ ..] => (Some((*grant).to_owned()), rest),
            rest => (None, rest),
        };
        let (video, rest) = rest.split_first()?;
        Some(Self {
            grant,
            video: video.parse().ok()?,
            what: What::parse(rest)?,
        })
    }
}

impl What {
    /// Reads the width that a query asks of a poster. It is no part of the path because an earlier
    /// release answers it too, with the JPEG.
    pub(crate) fn resize(&mut self, query: Option<&str>) {
        if let Self::Poster(width) = self {
            let asked = query.and_then(|query| query.strip_prefix("w="));
            *width = asked.and_then(|text| text.parse().ok()).unwrap_or(0);
        }
    }

    fn parse(segments: &[&str]) -> Option<Self> {
        match segments {
            ["main.m3u8"] => Some(Self::Multivariant),
            ["poster.jpg"] => Some(Self::Poster(0)),
            ["fallback.mp4"] => Some(Self::Fallback),
            ["urls.json"] => Some(Self::Urls),
            [track, file] if is_track(track) => {
                let track = (*track).to_owned();
                match *file {
                    "index.m3u8" => Some(Self::Playlist(track)),
                    "init.mp4" => Some(Self::Init(track)),
                    "track.mp4" => Some(Self::Track(track)),
                    _ => Some(Self::Segment(track, number(file.strip_suffix(".m4s")?)?)),
                }
            }
            _ => None,
        }
    }
}

fn is_track(name: &str) -> bool {
    (1..=32).contains(&name.len())
        && name
            .bytes()
            .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-')
}

/// A number in its one spelling: a segment has one address.
fn number(text: &str) -> Option<usize> {
    let number: usize = text.parse().ok()?;
    (number.to_string() == text).then_some(number)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn what(path: &str) -> Option<What> {
        MediaPath::parse(path).map(|address| address.what)
    }

    #[test]
    fn paths_read_as_what_they_name() {
        let v = "/media/abcdefghijk";
        assert_eq!(what(&format!("{v}/main.m3u8")), Some(What::Multivariant));
        assert_eq!(
            what(&format!("{v}/480p/12.m4s")),
            Some(What::Segment("480p".into(), 12))
        );
        assert_eq!(
            what(&format!("{v}/audio/init.mp4")),
            Some(What::Init("audio".into()))
        );
        assert_eq!(what(&format!("{v}/urls.json")), Some(What::Urls));
        assert_eq!(
            what(&format!("{v}/audio/track.mp4")),
            Some(What::Track("audio".into()))
        );
        let granted = MediaPath::parse("/media/g/k.1.m/abcdefghijk/a/index.m3u8").unwrap();
        assert_eq!(granted.grant.as_deref(), Some("k.1.m"));
        assert_eq!(granted.what, What::Playlist("a".into()));
    }

    #[test]
    fn anything_else_is_not_there() {
        for rest in [
            "",
            "/",
            "//",
            "abcdefghijk",
            "abcdefghijk/",
            "abcdefghijk/main.mp4",
            "abcdefghijk/main.m3u8/",
            "abcdefghijk//main.m3u8",
            "abcdefghijk/../main.m3u8",
            "abcdefghijk/A/index.m3u8",
            "abcdefghijk/a.b/index.m3u8",
            "abcdefghijk/a/-1.m4s",
            "abcdefghijk/a/+1.m4s",
            "abcdefghijk/a/01.m4s",
            "abcdefghijk/a/99999999999999999999.m4s",
            "abcdefghijk/a/1.m4s%00",
            "abcdefghij%2f/main.m3u8",
            "abcdefghijkl/main.m3u8",
            "g/k.1.m/main.m3u8",
            "g/g/k/abcdefghijk/main.m3u8",
            "g/k/abcdefghijk/a/b/1.m4s",
        ] {
            assert_eq!(MediaPath::parse(&format!("/media/{rest}")), None, "{rest}");
        }
    }
}

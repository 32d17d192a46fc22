//! Subtitles in the playlists of HLS (RFC 8216bis 4.4.6.1, 3.5) and in the manifest of DASH: each is one `WebVTT`
//! file for the whole film, whose times are those of the film.

use std::fmt::Write as _;

use crate::quoting::{escaped, quoted};

/// Subtitles as playlists and manifests name them.
#[derive(Debug, Clone, Copy)]
pub struct TextRendition<'a> {
    /// Where they are: in HLS a playlist, in DASH the file itself.
    pub uri: &'a str,
    /// What a menu calls them; no two of a film are called the same.
    pub name: &'a str,
    /// The language's tag, if known.
    pub language: Option<&'a str>,
    /// Shown unless the viewer chooses otherwise.
    pub default: bool,
    /// Only what must be read by those who understand the sound.
    pub forced: bool,
    /// Sounds are described as well.
    pub captions: bool,
    /// Length of the file, bytes.
    pub len: u64,
}

/// The renditions of a multivariant playlist.
pub(crate) fn write_media(text: &mut String, texts: &[TextRendition<'_>]) {
    let yes = |is: bool| if is { "YES" } else { "NO" };
    for one in texts {
        let _ = write!(
            text,
            "#EXT-X-MEDIA:TYPE=SUBTITLES,GROUP-ID=\"texts\",NAME=\"{}\",DEFAULT={},AUTOSELECT=YES,FORCED={}",
            quoted(one.name),
            yes(one.default),
            yes(one.forced),
        );
        if let Some(tag) = one.language {
            let _ = write!(text, ",LANGUAGE=\"{}\"", quoted(tag));
        }
        if one.captions {
            text.push_str(
                ",CHARACTERISTICS=\"public.accessibility.transcribes-spoken-dialog,\
                 public.accessibility.describes-music-and-sound\"",
            );
        }
        let _ = writeln!(text, ",URI=\"{}\"", quoted(one.uri));
    }
}

/// What a variant says of its subtitles.
pub(crate) fn group(texts: &[TextRendition<'_>]) -> &'static str {
    if texts.is_empty() {
        ""
    } else {
        ",SUBTITLES=\"texts\""
    }
}

/// The playlist of subtitles: one segment. `event`: next to tracks that grow.
pub fn text_playlist(uri: &str, millis: u64, event: bool) -> String {
    let millis = millis.max(1);
    let kind = if event { "EVENT" } else { "VOD" };
    format!(
        "#EXTM3U\n#EXT-X-VERSION:7\n#EXT-X-TARGETDURATION:{}\n#EXT-X-MEDIA-SEQUENCE:0\n\
         #EXT-X-PLAYLIST-TYPE:{kind}\n#EXTINF:{}.{:03},\n{uri}\n#EXT-X-ENDLIST\n",
        millis.div_ceil(1000),
        millis / 1000,
        millis % 1000,
    )
}

/// The sets of a manifest. `first`: the number of the first one; `millis`: length of the film.
pub(crate) fn write_sets(
    text: &mut String,
    texts: &[TextRendition<'_>],
    (first, millis): (usize, u64),
) {
    for (n, one) in texts.iter().enumerate() {
        let _ = write!(
            text,
            "<AdaptationSet id=\"{}\" contentType=\"text\" mimeType=\"text/vtt\"",
            first + n
        );
        if let Some(tag) = one.language {
            let _ = write!(text, " lang=\"{}\"", escaped(tag));
        }
        let role = match (one.forced, one.captions) {
            (true, _) => "forced-subtitle",
            (false, true) => "caption",
            (false, false) => "subtitle",
        };
        let scheme = "schemeIdUri=\"urn:mpeg:dash:role:2011\"";
        let _ = writeln!(text, ">\n<Role {scheme} value=\"{role}\"/>");
        if one.default {
            let _ = writeln!(text, "<Role {scheme} value=\"main\"/>");
        }
        let rate = one.len.saturating_mul(8000) / millis.max(1);
        let _ = writeln!(
            text,
            "<Label>{}</Label>\n<Representation id=\"text-{n}\" bandwidth=\"{}\">\n<BaseURL>{}</BaseURL>\n\
             </Representation>\n</AdaptationSet>",
            escaped(one.name),
            rate.max(1),
            escaped(one.uri),
        );
    }
}

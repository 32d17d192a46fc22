//! HLS playlists (RFC 8216bis), generated as text from track tables.

use std::fmt::Write as _;

use crate::audio_rendition::{AudioRendition, codings, write_sounds};
use crate::bandwidth::Bandwidth;
use crate::quoting::quoted;
use crate::table::TrackTable;
use crate::text_rendition::{TextRendition, group, write_media};

/// One entry of the ladder in a multivariant playlist.
#[derive(Debug, Clone, Copy)]
pub struct VideoVariant<'a> {
    /// Where its media playlist is, as the player will ask for it.
    pub uri: &'a str,
    /// Where its I-frame playlist is, where it has one ([`i_frame_playlist`]).
    pub i_frames: Option<&'a str>,
    /// Its track.
    pub table: &'a TrackTable,
}

/// How a media playlist names its init segment and segments.
#[derive(Clone, Copy)]
pub enum Addressing<'a> {
    /// One URL for the init segment and one for each segment.
    Each {
        /// The init segment's.
        init: &'a str,
        /// The URL of segment `n`, from 0.
        segment: &'a dyn Fn(usize) -> String,
    },
    /// Byte ranges of one URL, the CMAF track object.
    Ranges {
        /// The object's URL.
        uri: &'a str,
        /// Write the URL once, as the variable `u`: a signed one would fill the playlist. Needs
        /// players that know `EXT-X-DEFINE`.
        define: bool,
    },
}

impl std::fmt::Debug for Addressing<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Each { init, .. } => f.debug_struct("Each").field("init", init).finish(),
            // A signed URL is a key: it stays out of logs.
            Self::Ranges { define, .. } => {
                f.debug_struct("Ranges").field("define", define).finish()
            }
        }
    }
}

/// The multivariant playlist. Variants keep the caller's order; players begin with the first. Without any the
/// sound is the only variant. The first sound is what everybody hears who chooses no other.
pub fn multivariant(
    videos: &[VideoVariant<'_>],
    sounds: &[AudioRendition<'_>],
    texts: &[TextRendition<'_>],
) -> String {
    let mut text = String::from("#EXTM3U\n#EXT-X-VERSION:7\n");
    if let (true, Some(audio)) = (videos.is_empty(), sounds.first()) {
        write_sound(&mut text, audio, texts);
        return text;
    }
    if videos.iter().all(|video| video.table.independent) {
        text.push_str("#EXT-X-INDEPENDENT-SEGMENTS\n");
    }
    write_sounds(&mut text, sounds);
    write_media(&mut text, texts);
    for video in videos {
        write_variant(&mut text, video, sounds, group(texts));
    }
    for video in videos {
        write_i_frames(&mut text, video);
    }
    text
}

/// A film without a picture.
fn write_sound(text: &mut String, audio: &AudioRendition<'_>, texts: &[TextRendition<'_>]) {
    let table = audio.table;
    if table.independent {
        text.push_str("#EXT-X-INDEPENDENT-SEGMENTS\n");
    }
    write_media(text, texts);
    let _ = writeln!(
        text,
        "#EXT-X-STREAM-INF:BANDWIDTH={},AVERAGE-BANDWIDTH={},CODECS=\"{}\"{}\n{}",
        table.bandwidth_peak.max(1),
        table.bandwidth_average.max(1),
        quoted(&table.codec),
        group(texts),
        line(audio.uri),
    );
}

/// The key frames of a variant, for players that show pictures while someone seeks or winds.
fn write_i_frames(text: &mut String, video: &VideoVariant<'_>) {
    let table = video.table;
    let (Some(uri), Some(frames)) = (video.i_frames, i_frames(table)) else {
        return;
    };
    let rates = Bandwidth::of(&table.durations, &frames, table.timescale);
    let _ = write!(
        text,
        "#EXT-X-I-FRAME-STREAM-INF:BANDWIDTH={},AVERAGE-BANDWIDTH={},CODECS=\"{}\"",
        rates.peak.max(1),
        rates.average.max(1),
        quoted(&table.codec),
    );
    write_picture(text, table);
    let _ = writeln!(text, ",URI=\"{}\"", quoted(uri));
}

/// What a variant of either kind says of its picture.
fn write_picture(text: &mut String, table: &TrackTable) {
    let _ = write!(text, ",RESOLUTION={}x{}", table.width, table.height);
    if let Some(range) = table.video_range() {
        let _ = write!(text, ",VIDEO-RANGE={}", range.word());
    }
}

/// Bytes of the range that an I-frame playlist gives of each segment.
fn i_frames(table: &TrackTable) -> Option<Vec<u32>> {
    let length = |n| u32::try_from(table.first_frame(n)?.1).ok();
    (0..table.segments()).map(length).collect()
}

fn write_variant(
    text: &mut String,
    video: &VideoVariant<'_>,
    sounds: &[AudioRendition<'_>],
    texts: &str,
) {
    let table = video.table;
    // With the one that takes the most.
    let sound = |of: fn(&TrackTable) -> u64| {
        let rates = sounds.iter().map(|sound| of(sound.table));
        rates.max().unwrap_or(0)
    };
    let peak = table
        .bandwidth_peak
        .saturating_add(sound(|table| table.bandwidth_peak));
    let average = table
        .bandwidth_average
        .saturating_add(sound(|table| table.bandwidth_average));
    let codecs = codings(table, sounds);
    let _ = write!(
        text,
        "#EXT-X-STREAM-INF:BANDWIDTH={},AVERAGE-BANDWIDTH={},CODECS=\"{codecs}\"",
        peak.max(1),
        average.max(1),
    );
    write_picture(text, table);
    if table.frame_rate > 0.0 {
        let _ = write!(text, ",FRAME-RATE={:.3}", table.frame_rate);
    }
    if !sounds.is_empty() {
        text.push_str(",AUDIO=\"audio\"");
    }
    let _ = writeln!(text, "{texts}\n{}", line(video.uri));
}

/// The variable that holds an object's URL.
const VARIABLE: &str = "{$u}";

/// The media playlist of one track: complete (VOD), each duration exact to the microsecond with no
/// drift over the whole.
pub fn media_playlist(table: &TrackTable, addressing: &Addressing<'_>) -> String {
    complete(table, addressing, Part::Whole)
}

/// The I-frame playlist (RFC 8216bis 4.4.3.6) of a track whose table knows its first frames: of each segment
/// the fragment's index and the first frame. Its index names the whole fragment, so a player gets less than
/// it says; that is the form in which players expect it.
pub fn i_frame_playlist(table: &TrackTable, addressing: &Addressing<'_>) -> Option<String> {
    i_frames(table)?;
    Some(complete(table, addressing, Part::FirstFrame))
}

/// Which bytes of each segment a playlist names.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Part {
    Whole,
    FirstFrame,
}

fn complete(table: &TrackTable, addressing: &Addressing<'_>, part: Part) -> String {
    let spans = spans(table);
    let mut text = String::with_capacity(256 + spans.len() * 64);
    let define = matches!(addressing, Addressing::Ranges { define: true, .. });
    let version = if define { 8 } else { 7 };
    let longest = spans.iter().copied().max().unwrap_or(0);
    let _ = writeln!(text, "#EXTM3U\n#EXT-X-VERSION:{version}");
    let _ = writeln!(text, "#EXT-X-TARGETDURATION:{}", target(longest));
    text.push_str("#EXT-X-MEDIA-SEQUENCE:0\n#EXT-X-PLAYLIST-TYPE:VOD\n");
    if part == Part::FirstFrame {
        text.push_str("#EXT-X-I-FRAMES-ONLY\n");
    }
    write_segments(&mut text, table, &spans, addressing, part);
    text.push_str("#EXT-X-ENDLIST\n");
    text
}

/// The media playlist of a track that grows, or is played with one that does: the first `shown` segments,
/// and the end once that is the `whole` track. At each moment it begins with all that it was before, so its
/// target is fixed before the first segment.
pub fn event_playlist(
    table: &TrackTable,
    shown: usize,
    whole: bool,
    init: &str,
    segment: &dyn Fn(usize) -> String,
) -> String {
    let mut spans = spans(table);
    let mut text = String::with_capacity(256 + spans.len() * 32);
    let longest = spans.iter().copied().max().unwrap_or(0);
    let target = target(longest).max(EVENT_TARGET);
    let _ = writeln!(
        text,
        "#EXTM3U\n#EXT-X-VERSION:7\n#EXT-X-TARGETDURATION:{target}"
    );
    text.push_str("#EXT-X-MEDIA-SEQUENCE:0\n#EXT-X-PLAYLIST-TYPE:EVENT\n");
    // Players begin near the end of what has no end.
    text.push_str("#EXT-X-START:TIME-OFFSET=0\n");
    spans.truncate(shown);
    write_segments(
        &mut text,
        table,
        &spans,
        &Addressing::Each { init, segment },
        Part::Whole,
    );
    if whole {
        text.push_str("#EXT-X-ENDLIST\n");
    }
    text
}

/// The longest segment of a growing track, in seconds: key frames of what is copied may be this far apart.
const EVENT_TARGET: u64 = 12;

/// Each duration, rounded to the nearest second, must not exceed the target.
fn target(longest: u64) -> u64 {
    ((longest + 500_000) / 1_000_000).max(1)
}

/// How long each segment is, in microseconds.
pub(crate) fn spans(table: &TrackTable) -> Vec<u64> {
    let mut ticks = 0_u64;
    let mut start = 0;
    let span = |duration: &u32| {
        ticks += u64::from(*duration);
        let end = to_micros(ticks, table.timescale);
        end - std::mem::replace(&mut start, end)
    };
    table.durations.iter().map(span).collect()
}

fn write_segments(
    text: &mut String,
    table: &TrackTable,
    spans: &[u64],
    addressing: &Addressing<'_>,
    part: Part,
) {
    if table.independent {
        text.push_str("#EXT-X-INDEPENDENT-SEGMENTS\n");
    }
    let mut at = table.init.len() as u64;
    match addressing {
        Addressing::Each { init, .. } => {
            let _ = writeln!(text, "#EXT-X-MAP:URI=\"{}\"", quoted(init));
        }
        Addressing::Ranges { uri, define } => {
            if *define {
                let _ = writeln!(text, "#EXT-X-DEFINE:NAME=\"u\",VALUE=\"{}\"", quoted(uri));
            }
            let uri = quoted(if *define { VARIABLE } else { uri });
            let _ = writeln!(text, "#EXT-X-MAP:URI=\"{uri}\",BYTERANGE=\"{at}@0\"");
        }
    }
    for (n, (span, length)) in spans.iter().zip(&table.lengths).enumerate() {
        let (seconds, micros) = (span / 1_000_000, span % 1_000_000);
        let _ = writeln!(text, "#EXTINF:{seconds}.{micros:06},");
        let frame = table.first_frame(n).filter(|_| part == Part::FirstFrame);
        let (within, bytes) = frame.unwrap_or((0, u64::from(*length)));
        match addressing {
            Addressing::Each { segment, .. } => {
                if frame.is_some() {
                    let _ = writeln!(text, "#EXT-X-BYTERANGE:{bytes}@{within}");
                }
                let _ = writeln!(text, "{}", line(&segment(n)));
            }
            Addressing::Ranges { uri, define } => {
                let (uri, from) = (line(if *define { VARIABLE } else { uri }), at + within);
                let _ = writeln!(text, "#EXT-X-BYTERANGE:{bytes}@{from}\n{uri}");
            }
        }
        at += u64::from(*length);
    }
}

fn to_micros(ticks: u64, timescale: u32) -> u64 {
    let micros =
        (u128::from(ticks) * 1_000_000 + u128::from(timescale / 2)) / u128::from(timescale.max(1));
    u64::try_from(micros).unwrap_or(u64::MAX)
}

/// A URI line holds no line break and does not begin a tag.
fn line(uri: &str) -> String {
    uri.chars()
        .filter(|c| !c.is_control())
        .collect::<String>()
        .trim_start_matches('#')
        .to_owned()
}

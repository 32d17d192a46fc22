//! The manifest of MPEG-DASH (ISO/IEC 23009-1): the same segments as those of the HLS playlists, from the
//! same tables.

use std::fmt::{self, Write as _};

use crate::audio_rendition::{SoundLabel, begin_set, channels};
use crate::hls::spans;
use crate::quoting::escaped;
use crate::table::TrackTable;
use crate::text_rendition::{TextRendition, write_sets};
use crate::video_range::VideoRange;

/// How a manifest names a track's init segment and segments.
#[derive(Clone, Copy)]
pub enum DashAddressing<'a> {
    /// One URL for the init segment and one for each segment.
    Each {
        /// The init segment's.
        init: &'a str,
        /// Template of the segments' addresses; `$Number$` stands for the number, from 0.
        segments: &'a str,
    },
    /// Byte ranges of one URL, the CMAF track object.
    Ranges {
        /// The object's URL.
        uri: &'a str,
    },
}

impl fmt::Debug for DashAddressing<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Each { init, .. } => f.debug_struct("Each").field("init", init).finish(),
            // A signed URL is a key: it stays out of logs.
            Self::Ranges { .. } => f.write_str("Ranges"),
        }
    }
}

/// A track as a manifest has it.
#[derive(Debug, Clone, Copy)]
pub struct DashTrack<'a> {
    /// Its name.
    pub id: &'a str,
    /// Its segments.
    pub table: &'a TrackTable,
    /// Where they are.
    pub addressing: DashAddressing<'a>,
}

/// The manifest of a film that is whole: the sizes of the picture, where there is one, and the sounds, in the
/// caller's order: the first is what everybody hears who chooses no other.
pub fn dash_manifest(
    videos: &[DashTrack<'_>],
    sounds: &[(DashTrack<'_>, SoundLabel<'_>)],
    texts: &[TextRendition<'_>],
) -> String {
    let heard = || sounds.iter().map(|(track, _)| track);
    let tracks = || videos.iter().chain(heard());
    let longest = tracks().map(|track| track.table.duration_micros()).max();
    let buffer = tracks().map(|track| longest_segment(track.table)).max();
    let each = |track: &DashTrack<'_>| matches!(track.addressing, DashAddressing::Each { .. });
    let profile = if tracks().all(each) { "live" } else { "main" };
    let mut text = String::from("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n");
    let _ = writeln!(
        text,
        "<MPD xmlns=\"urn:mpeg:dash:schema:mpd:2011\" \
         profiles=\"urn:mpeg:dash:profile:isoff-{profile}:2011\" type=\"static\" \
         mediaPresentationDuration=\"{}\" minBufferTime=\"{}\">\n<Period id=\"0\" start=\"PT0S\">",
        span(longest.unwrap_or(0)),
        span(buffer.unwrap_or(0)),
    );
    if !videos.is_empty() {
        write_video_set(&mut text, videos);
    }
    for (place, sound) in sounds.iter().enumerate() {
        write_audio_set(&mut text, sound, place);
    }
    let millis = u64::try_from(longest.unwrap_or(0) / 1000).unwrap_or(0);
    write_sets(&mut text, texts, (1 + sounds.len().max(1), millis));
    text.push_str("</Period>\n</MPD>\n");
    text
}

fn write_video_set(text: &mut String, videos: &[DashTrack<'_>]) {
    let mut cuts = videos.iter().map(|video| spans(video.table));
    let first_cuts = cuts.next();
    let aligned = cuts.all(|cuts| Some(cuts) == first_cuts);
    let _ = writeln!(
        text,
        "<AdaptationSet id=\"0\" contentType=\"video\" mimeType=\"video/mp4\" segmentAlignment=\"{aligned}\">"
    );
    text.push_str(MAIN);
    if let Some(first) = videos.first()
        && videos
            .iter()
            .all(|video| video.table.video_range() == first.table.video_range())
    {
        write_transfer(text, first.table.video_range());
    }
    for video in videos {
        let table = video.table;
        begin(text, video);
        let _ = write!(
            text,
            " width=\"{}\" height=\"{}\"",
            table.width, table.height
        );
        if table.frame_rate > 0.0 {
            let _ = write!(text, " frameRate=\"{}\"", ratio(table.frame_rate));
        }
        if table.independent {
            text.push_str(" startWithSAP=\"1\"");
        }
        text.push_str(">\n");
        write_segments(text, video);
    }
    text.push_str("</AdaptationSet>\n");
}

fn write_audio_set(
    text: &mut String,
    (audio, label): &(DashTrack<'_>, SoundLabel<'_>),
    place: usize,
) {
    begin_set(text, audio.table, *label, place);
    begin(text, audio);
    text.push_str(">\n");
    if let Some(channels) = channels(audio.table) {
        let _ = writeln!(
            text,
            "<AudioChannelConfiguration \
             schemeIdUri=\"urn:mpeg:dash:23003:3:audio_channel_configuration:2011\" value=\"{channels}\"/>"
        );
    }
    write_segments(text, audio);
    text.push_str("</AdaptationSet>\n");
}

const MAIN: &str = "<Role schemeIdUri=\"urn:mpeg:dash:role:2011\" value=\"main\"/>\n";

/// A player that does not know the transfer function may still show the picture, as it does without a word.
fn write_transfer(text: &mut String, range: Option<VideoRange>) {
    let code = match range {
        Some(VideoRange::Pq) => 16,
        Some(VideoRange::Hlg) => 18,
        Some(VideoRange::Sdr) | None => return,
    };
    let _ = writeln!(
        text,
        "<SupplementalProperty schemeIdUri=\"urn:mpeg:mpegB:cicp:TransferCharacteristics\" value=\"{code}\"/>"
    );
}

fn begin(text: &mut String, track: &DashTrack<'_>) {
    let table = track.table;
    let _ = write!(
        text,
        "<Representation id=\"{}\" bandwidth=\"{}\" codecs=\"{}\"",
        escaped(track.id),
        table.bandwidth_peak.max(1),
        escaped(&table.codec),
    );
}

fn write_segments(text: &mut String, track: &DashTrack<'_>) {
    let table = track.table;
    let scale = table.timescale;
    match track.addressing {
        DashAddressing::Each { init, segments } => {
            let _ = writeln!(
                text,
                "<SegmentTemplate timescale=\"{scale}\" startNumber=\"0\" initialization=\"{}\" media=\"{}\">",
                escaped(init),
                escaped(segments),
            );
            write_timeline(text, table);
            text.push_str("</SegmentTemplate>\n");
        }
        DashAddressing::Ranges { uri } => {
            let init = table.init.len() as u64;
            let _ = writeln!(
                text,
                "<BaseURL>{}</BaseURL>\n<SegmentList timescale=\"{scale}\">\n\
                 <Initialization range=\"0-{}\"/>",
                escaped(uri),
                init.saturating_sub(1),
            );
            write_timeline(text, table);
            let mut at = init;
            for length in &table.lengths {
                let end = at + u64::from(*length);
                let _ = writeln!(
                    text,
                    "<SegmentURL mediaRange=\"{at}-{}\"/>",
                    end.saturating_sub(1)
                );
                at = end;
            }
            text.push_str("</SegmentList>\n");
        }
    }
    text.push_str("</Representation>\n");
}

/// Each duration in ticks, equal neighbours as one.
fn write_timeline(text: &mut String, table: &TrackTable) {
    text.push_str("<SegmentTimeline>\n");
    let mut at = 0_u64;
    for run in table.durations.chunk_by(|one, next| one == next) {
        let Some(duration) = run.first() else {
            continue;
        };
        let _ = write!(text, "<S t=\"{at}\" d=\"{duration}\"");
        if run.len() > 1 {
            let _ = write!(text, " r=\"{}\"", run.len() - 1);
        }
        text.push_str("/>\n");
        at += u64::from(*duration) * run.len() as u64;
    }
    text.push_str("</SegmentTimeline>\n");
}

fn longest_segment(table: &TrackTable) -> i64 {
    let longest = table.durations.iter().copied().max().unwrap_or(0);
    crate::time::to_micros(i64::from(longest), table.timescale)
}

/// A length of time, as XML Schema writes it.
fn span(micros: i64) -> String {
    let (seconds, micros) = (micros / 1_000_000, micros % 1_000_000);
    format!("PT{seconds}.{micros:06}S")
}

/// A whole number, or a fraction: the form allows no decimals.
fn ratio(frame_rate: f64) -> String {
    let thousandths = format!("{:.0}", frame_rate * 1000.0);
    match thousandths.strip_suffix("000") {
        Some(whole) if !whole.is_empty() => whole.to_owned(),
        _ => format!("{thousandths}/1000"),
    }
}

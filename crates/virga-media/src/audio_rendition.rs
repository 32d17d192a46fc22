//! The sounds of a film in the playlists of HLS (RFC 8216bis 4.4.6.1) and in the manifest of DASH. The first is
//! what everybody hears who chooses no other.

use std::fmt::Write as _;

use crate::language;
use crate::quoting::{escaped, quoted};
use crate::table::TrackTable;

/// A sound as multivariant playlists have it.
#[derive(Debug, Clone, Copy)]
pub struct AudioRendition<'a> {
    /// Where its media playlist is.
    pub uri: &'a str,
    /// Its track.
    pub table: &'a TrackTable,
    /// What a menu says of it.
    pub label: SoundLabel<'a>,
}

/// What a menu says of a sound.
#[derive(Debug, Clone, Copy, Default)]
pub struct SoundLabel<'a> {
    /// What it is called; no two of a film are called the same. Without one: by language or number.
    pub name: Option<&'a str>,
    /// The language's tag; without one that of the track counts.
    pub language: Option<&'a str>,
    /// Somebody talks about the film.
    pub commentary: bool,
    /// Audio description: a voice describes what is on the screen.
    pub description: bool,
}

impl<'a> SoundLabel<'a> {
    fn language(&self, table: &'a TrackTable) -> Option<&'a str> {
        let own = || table.language.as_deref().and_then(language::tag);
        self.language.or_else(own)
    }

    fn purpose(&self, first: bool) -> &'static str {
        match (first, self.commentary, self.description) {
            (true, ..) => "main",
            (false, true, _) => "commentary",
            (false, false, true) => "description",
            (false, false, false) => "alternate",
        }
    }
}

/// The renditions of a multivariant playlist.
pub(crate) fn write_sounds(text: &mut String, sounds: &[AudioRendition<'_>]) {
    let yes = |is: bool| if is { "YES" } else { "NO" };
    // Players choose among these by themselves; no two may be alike to them (4.4.6.1.1).
    let mut chosen = Vec::new();
    for (place, sound) in sounds.iter().enumerate() {
        let (label, first) = (sound.label, place == 0);
        let tag = label.language(sound.table);
        let number = || format!("Sound {}", place + 1);
        let unnamed = || match tag {
            Some(tag) => language::name(tag).to_owned(),
            None if first => "main".to_owned(),
            None => number(),
        };
        let name = label.name.map_or_else(unnamed, quoted);
        let like = (tag, label.description);
        let apart = tag.is_some() && !label.commentary && !chosen.contains(&like);
        chosen.push(like);
        let _ = write!(
            text,
            "#EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID=\"audio\",NAME=\"{name}\",DEFAULT={},AUTOSELECT={}",
            yes(first),
            yes(first || apart),
        );
        if let Some(tag) = tag {
            let _ = write!(text, ",LANGUAGE=\"{}\"", quoted(tag));
        }
        if label.description {
            text.push_str(",CHARACTERISTICS=\"public.accessibility.describes-video\"");
        }
        if let Some(channels) = channels(sound.table) {
            let _ = write!(text, ",CHANNELS=\"{channels}\"");
        }
        let _ = writeln!(text, ",URI=\"{}\"", quoted(sound.uri));
    }
}

/// The codings of a picture and of all sounds that may be heard with it.
pub(crate) fn codings(picture: &TrackTable, sounds: &[AudioRendition<'_>]) -> String {
    let mut codings = vec![picture.codec.as_str()];
    for sound in sounds {
        let coding = sound.table.codec.as_str();
        if !codings.contains(&coding) {
            codings.push(coding);
        }
    }
    quoted(&codings.join(","))
}

/// The channels that are heard, where the table knows.
pub(crate) fn channels(table: &TrackTable) -> Option<u16> {
    match (table.codec.as_str(), table.channels) {
        // Its further substreams may add channels.
        ("ec-3", _) | (_, 0) => None,
        // One channel and how to make two of it.
        ("mp4a.40.29", 1) => Some(2),
        (_, channels) => Some(channels),
    }
}

const ROLE: &str = "schemeIdUri=\"urn:mpeg:dash:role:2011\"";

/// How the set of a sound begins in a manifest: up to its representation. `place`: among the sounds.
pub(crate) fn begin_set(
    text: &mut String,
    table: &TrackTable,
    label: SoundLabel<'_>,
    place: usize,
) {
    let _ = write!(
        text,
        "<AdaptationSet id=\"{}\" contentType=\"audio\" mimeType=\"audio/mp4\"",
        place + 1
    );
    if let Some(tag) = label.language(table) {
        let _ = write!(text, " lang=\"{}\"", escaped(tag));
    }
    text.push_str(" segmentAlignment=\"true\" startWithSAP=\"1\">\n");
    // The schema wants them in this order.
    if let Some(name) = label.name {
        let _ = writeln!(text, "<Label>{}</Label>", escaped(name));
    }
    if label.description {
        text.push_str(
            "<Accessibility schemeIdUri=\"urn:tva:metadata:cs:AudioPurposeCS:2007\" value=\"1\"/>\n",
        );
    }
    let _ = writeln!(
        text,
        "<Role {ROLE} value=\"{}\"/>",
        label.purpose(place == 0)
    );
}

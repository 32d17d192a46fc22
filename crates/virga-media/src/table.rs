//! What a player-facing track is: one table for just-in-time segments and for the stored CMAF
//! object alike. It is written beside the presentation and checked when it is read back.

use serde::{Deserialize, Serialize};

use crate::MediaError;
use crate::movie::TrackKind;
use crate::time;

/// One track as a player meets it: its init segment and its segments.
///
/// The CMAF track object is `init` and then all segments back to back.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Unchecked")]
pub struct TrackTable {
    /// Video or audio.
    pub kind: TrackKind,
    /// RFC 6381.
    pub codec: String,
    /// Ticks a second, of `durations`.
    pub timescale: u32,
    /// Width in pixels as shown, after rotation; 0 for audio.
    pub width: u32,
    /// Height in pixels as shown, after rotation; 0 for audio.
    pub height: u32,
    /// Frames a second on average; 0 for audio.
    pub frame_rate: f64,
    /// Channels; 0 for video.
    pub channels: u16,
    /// ISO 639-2, where known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub language: Option<String>,
    /// Bits a second of the costliest stretch of segments.
    pub bandwidth_peak: u64,
    /// Bits a second over all.
    pub bandwidth_average: u64,
    /// The init segment (base64 in JSON).
    #[serde(with = "base64_bytes")]
    pub init: Vec<u8>,
    /// How long each segment is shown, in ticks.
    pub durations: Vec<u32>,
    /// Bytes of each segment, its boxes included.
    pub lengths: Vec<u32>,
    /// Whether every segment can be decoded by itself (no open GOP at its start).
    pub independent: bool,
    /// Bytes of each segment's block in the samples object, which lie back to back; `None` once the
    /// track is stored and no longer packaged just in time.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sample_blocks: Option<Vec<u32>>,
}

impl TrackTable {
    /// How many segments there are; at least one.
    pub fn segments(&self) -> usize {
        self.durations.len()
    }

    /// When segment `n` begins, in ticks from 0. `n` may be the number of segments: then the end.
    pub fn start(&self, n: usize) -> u64 {
        self.durations
            .iter()
            .take(n)
            .map(|ticks| u64::from(*ticks))
            .sum()
    }

    /// When segment `n` begins, in microseconds from 0.
    pub fn start_micros(&self, n: usize) -> i64 {
        time::to_micros(
            i64::try_from(self.start(n)).unwrap_or(i64::MAX),
            self.timescale,
        )
    }

    /// The whole length in microseconds.
    pub fn duration_micros(&self) -> i64 {
        self.start_micros(self.segments())
    }

    /// Offset and length of segment `n` in the CMAF track object.
    pub fn byte_range(&self, n: usize) -> Option<(u64, u64)> {
        let length = u64::from(*self.lengths.get(n)?);
        let before: u64 = self.lengths[..n]
            .iter()
            .map(|length| u64::from(*length))
            .sum();
        Some((self.init.len() as u64 + before, length))
    }

    /// The length of the CMAF track object.
    pub fn object_len(&self) -> u64 {
        let segments: u64 = self.lengths.iter().map(|length| u64::from(*length)).sum();
        self.init.len() as u64 + segments
    }

    /// Offset and length of segment `n`'s block in the samples object, while there is one.
    pub fn sample_block_range(&self, n: usize) -> Option<(u64, u64)> {
        let blocks = self.sample_blocks.as_deref()?;
        let length = u64::from(*blocks.get(n)?);
        Some((
            blocks[..n].iter().map(|length| u64::from(*length)).sum(),
            length,
        ))
    }

    /// The same table once its CMAF object stands: without the samples object's blocks.
    #[must_use]
    pub fn stored(self) -> Self {
        Self {
            sample_blocks: None,
            ..self
        }
    }

    /// Reads a table from JSON and checks that its columns agree.
    pub fn from_json(json: &[u8]) -> Result<Self, MediaError> {
        serde_json::from_slice(json).map_err(|_| MediaError::Malformed {
            what: "a track table",
        })
    }

    /// The table as JSON.
    pub fn to_json(&self) -> Vec<u8> {
        // Numbers, strings and vectors only: writing them to memory cannot fail.
        serde_json::to_vec(self).unwrap_or_default()
    }

    fn check(self) -> Result<Self, MediaError> {
        let bad = |what| Err(MediaError::Malformed { what });
        if self.durations.is_empty() || self.durations.len() != self.lengths.len() {
            return bad("a track table's columns differ in length");
        }
        if self
            .sample_blocks
            .as_ref()
            .is_some_and(|blocks| blocks.len() != self.lengths.len())
        {
            return bad("a track table's blocks differ in number from its segments");
        }
        if self.timescale == 0 || self.kind == TrackKind::Other || self.init.is_empty() {
            return bad("a track table has no timescale, kind or init segment");
        }
        if !self.frame_rate.is_finite() || self.frame_rate < 0.0 {
            return bad("a track table's frame rate");
        }
        Ok(self)
    }
}

/// The same fields before they are checked.
#[derive(Deserialize)]
struct Unchecked {
    kind: TrackKind,
    codec: String,
    timescale: u32,
    width: u32,
    height: u32,
    frame_rate: f64,
    channels: u16,
    #[serde(default)]
    language: Option<String>,
    bandwidth_peak: u64,
    bandwidth_average: u64,
    #[serde(with = "base64_bytes")]
    init: Vec<u8>,
    durations: Vec<u32>,
    lengths: Vec<u32>,
    independent: bool,
    #[serde(default)]
    sample_blocks: Option<Vec<u32>>,
}

impl TryFrom<Unchecked> for TrackTable {
    type Error = MediaError;

    fn try_from(table: Unchecked) -> Result<Self, MediaError> {
        Self {
            kind: table.kind,
            codec: table.codec,
            timescale: table.timescale,
            width: table.width,
            height: table.height,
            frame_rate: table.frame_rate,
            channels: table.channels,
            language: table.language,
            bandwidth_peak: table.bandwidth_peak,
            bandwidth_average: table.bandwidth_average,
            init: table.init,
            durations: table.durations,
            lengths: table.lengths,
            independent: table.independent,
            sample_blocks: table.sample_blocks,
        }
        .check()
    }
}

mod base64_bytes {
    //! Bytes as a base64 string.

    use base64::Engine as _;
    use base64::engine::general_purpose::STANDARD;
    use serde::{Deserialize as _, Deserializer, Serializer, de::Error as _};

    pub(super) fn serialize<S: Serializer>(bytes: &[u8], to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(&STANDARD.encode(bytes))
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<u8>, D::Error> {
        let text = String::deserialize(from)?;
        STANDARD.decode(text).map_err(D::Error::custom)
    }
}

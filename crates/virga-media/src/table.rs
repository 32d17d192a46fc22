//! What a player-facing track is: one table for just-in-time segments and for the stored CMAF
//! object alike. It is written next to the presentation and checked when it is read back.

use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};

use crate::MediaError;
use crate::bandwidth::{Bandwidth, sum};
use crate::movie::TrackKind;
use crate::time;

/// Where `moof` begins in a segment: after `styp` with its two brands.
const MOOF_AT: u64 = 24;

/// One track as a player meets it: its init segment and its segments.
///
/// The CMAF track object is `init` and then all segments back to back.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(remote = "Self")]
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
    #[serde(default, skip_serializing_if = "Option::is_none")]
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
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sample_blocks: Option<Vec<u32>>,
    /// Bytes of each segment up to the end of its first frame, its boxes included. Only of a picture of which
    /// each segment begins with a key frame; tables of earlier releases and of tracks that grow lack it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub first_frames: Option<Vec<u32>>,
    /// How many bytes of the source, from its first on, hold each segment and all before it. Only of a track
    /// that is played while its source still arrives.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source_ends: Option<Vec<u64>>,
}

impl TrackTable {
    /// How many segments there are; at least one.
    pub fn segments(&self) -> usize {
        self.durations.len()
    }

    /// When segment `n` begins, in ticks from 0. `n` may be the number of segments: then the end.
    pub fn start(&self, n: usize) -> u64 {
        sum(self.durations.iter().take(n))
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
        Some((self.init.len() as u64 + sum(&self.lengths[..n]), length))
    }

    /// The length of the CMAF track object.
    pub fn object_len(&self) -> u64 {
        self.init.len() as u64 + sum(&self.lengths)
    }

    /// Offset and length of segment `n`'s block in the samples object, while there is one.
    pub fn sample_block_range(&self, n: usize) -> Option<(u64, u64)> {
        let blocks = self.sample_blocks.as_deref()?;
        let length = u64::from(*blocks.get(n)?);
        Some((sum(&blocks[..n]), length))
    }

    /// Offset within segment `n` and length of its fragment's index and first frame, where known. What is
    /// before them says only what kind of segment it is.
    pub fn first_frame(&self, n: usize) -> Option<(u64, u64)> {
        let end = u64::from(*self.first_frames.as_deref()?.get(n)?);
        Some((MOOF_AT, end.checked_sub(MOOF_AT)?))
    }

    /// How many segments can be made of the first `held` bytes of the source.
    pub fn segments_within(&self, held: u64) -> usize {
        let ends = self.source_ends.as_deref().unwrap_or_default();
        ends.partition_point(|end| *end <= held)
    }

    /// The same table once its CMAF object is stored: without the samples object's blocks.
    #[must_use]
    pub fn stored(self) -> Self {
        Self {
            sample_blocks: None,
            ..self
        }
    }

    /// The same table with the rates that its segments have, in place of those that were announced.
    #[must_use]
    pub fn measured(mut self) -> Self {
        let rates = Bandwidth::of(&self.durations, &self.lengths, self.timescale);
        self.bandwidth_peak = rates.peak;
        self.bandwidth_average = rates.average;
        self
    }

    /// Reads a table from JSON and checks that its columns agree.
    pub fn from_json(json: &[u8]) -> Result<Self, MediaError> {
        serde_json::from_slice(json).map_err(|_| MediaError::malformed("a track table"))
    }

    /// The table as JSON.
    pub fn to_json(&self) -> Vec<u8> {
        // Numbers, strings and vectors only: writing them to memory cannot fail.
        serde_json::to_vec(self).unwrap_or_default()
    }

    fn check(self) -> Result<Self, MediaError> {
        let bad = |what| Err(MediaError::malformed(what));
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
        if let Some(frames) = &self.first_frames {
            let within =
                |(frame, length): (&u32, &u32)| u64::from(*frame) > MOOF_AT && frame <= length;
            if frames.len() != self.lengths.len() || !frames.iter().zip(&self.lengths).all(within) {
                return bad("a track table's first frames do not fit its segments");
            }
        }
        if let Some(ends) = &self.source_ends
            && (ends.len() != self.lengths.len() || !ends.is_sorted())
        {
            return bad("a track table's places in the source do not fit its segments");
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

/// The derive's own reading, and then the checks: no table that contradicts itself is ever made.
impl<'de> Deserialize<'de> for TrackTable {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        Self::deserialize(from)?.check().map_err(D::Error::custom)
    }
}

impl Serialize for TrackTable {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        Self::serialize(self, to)
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

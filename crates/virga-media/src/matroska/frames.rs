//! The frames of one track as the walk finds them, and how long each sounds by its own coding.

use super::{entry, vp9};
use crate::codec::Codec;

/// Bytes at the beginning of a frame that are looked at.
pub(super) const LOOK: u64 = vp9::FIRST as u64;

/// A frame in a lace has no time of its own.
pub(super) const NO_TIME: i64 = i64::MIN;

/// One frame. Small, as there may be millions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Frame {
    pub(super) offset: u64,
    /// When it is shown, in nanoseconds of the file's clock, as the file rounded it.
    pub(super) time: i64,
    pub(super) size: u32,
    /// Of sound, how many samples; of a picture, 1 where decoding can start.
    pub(super) mark: u32,
}

/// How many samples a frame of sound has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Measure {
    Picture,
    Same(u32),
    Opus,
    /// Not wanted: nobody here can package the coding.
    Skip,
}

/// All frames of a track, in file order.
#[derive(Debug)]
pub(super) struct Frames {
    pub(super) list: Vec<Frame>,
    measure: Measure,
    /// The beginning of the first.
    pub(super) first: Vec<u8>,
    /// Of the frame shown last: when, and how long if its block said so, in nanoseconds.
    pub(super) last: (i64, Option<i64>),
    /// Nanoseconds at the end of the last block that are not to be heard.
    pub(super) padding: i64,
}

impl Frames {
    /// For a track of this coding. `private` is its `CodecPrivate`.
    pub(super) fn of(codec: &Codec, private: &[u8]) -> Self {
        let measure = match codec {
            Codec::Aac(aac) => Measure::Same(entry::aac_frame(private, aac.object_type)),
            Codec::Opus => Measure::Opus,
            codec if codec.is_packaged() => Measure::Picture,
            _ => Measure::Skip,
        };
        Self {
            list: Vec::new(),
            measure,
            first: Vec::new(),
            last: (NO_TIME, None),
            padding: 0,
        }
    }

    pub(super) fn are_wanted(&self) -> bool {
        self.measure != Measure::Skip
    }

    pub(super) fn are_pictures(&self) -> bool {
        self.measure == Measure::Picture
    }

    /// Adds a frame that begins with `look`.
    pub(super) fn push(&mut self, offset: u64, size: u32, time: i64, look: &[u8]) {
        let mark = match self.measure {
            Measure::Same(samples) => samples,
            Measure::Opus => opus_samples(look),
            Measure::Picture | Measure::Skip => 0,
        };
        if self.list.is_empty() {
            self.first = look[..look.len().min(vp9::FIRST)].to_vec();
        }
        if time > self.last.0 {
            self.last = (time, None);
        }
        self.list.push(Frame {
            offset,
            time,
            size,
            mark,
        });
    }

    /// What is known of the block whose frames were added from `from` on, once it is read whole.
    pub(super) fn settle(&mut self, from: usize, key: bool, lasts: Option<i64>) {
        let Some(block) = self.list.get_mut(from..) else {
            return;
        };
        if self.measure == Measure::Picture {
            for frame in block.iter_mut() {
                frame.mark = key.into();
            }
        }
        if block.first().is_some_and(|first| first.time == self.last.0) {
            self.last.1 = lasts;
        }
    }
}

/// Samples at 48 kHz in a packet of Opus (RFC 6716 §3.1): the length of its frames, and how many.
fn opus_samples(packet: &[u8]) -> u32 {
    let Some(toc) = packet.first() else {
        return 960;
    };
    let frame = match toc >> 3 {
        kind @ 0..=11 => [480, 960, 1920, 2880][usize::from(kind & 3)],
        kind @ 12..=15 => [480, 960][usize::from(kind & 1)],
        kind => [120, 240, 480, 960][usize::from(kind & 3)],
    };
    let count = match toc & 3 {
        0 => 1,
        1 | 2 => 2,
        _ => packet.get(1).map_or(1, |count| u32::from(count & 0x3f)),
    };
    // No packet is longer than 120 ms, nor shorter than a frame.
    (frame * count).clamp(120, 5760)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn packets_of_opus_tell_their_length() {
        // SILK 60 ms, hybrid 20 ms, CELT 2.5 ms; one frame, two, and three by their count.
        assert_eq!(opus_samples(&[3 << 3]), 2880);
        assert_eq!(opus_samples(&[15 << 3]), 960);
        assert_eq!(opus_samples(&[16 << 3]), 120);
        assert_eq!(opus_samples(&[19 << 3 | 1]), 1920);
        assert_eq!(opus_samples(&[19 << 3 | 3, 0x83]), 2880);
        assert_eq!(opus_samples(&[19 << 3 | 3, 63]), 5760);
        assert_eq!(opus_samples(&[]), 960);
    }
}

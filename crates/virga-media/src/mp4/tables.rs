//! The sample tables of a copied track.

use super::Copied;
use crate::bmff::Writer;
use crate::movie::Sizes;

/// `stts`, `ctts`, `stss` and `stsz`, as in the source but for a last frame that is held.
pub(super) fn write_samples(w: &mut Writer, copied: &Copied<'_>) {
    let samples = &copied.track.samples;
    w.full(*b"stts", 0, 0, |w| {
        let durations = copied.durations();
        w.count(durations.len());
        for (count, ticks) in durations {
            w.u32(count);
            w.u32(ticks);
        }
    });
    let lift = copied.lift();
    if !samples.offsets.is_empty() {
        w.full(*b"ctts", 1, 0, |w| {
            w.count(samples.offsets.len());
            for (count, offset) in &samples.offsets {
                w.u32(*count);
                // Lifted offsets stay small: their earliest sum with a decode time is 0 or more.
                w.i32(i32::try_from(i64::from(*offset) - lift).unwrap_or(i32::MAX));
            }
        });
    }
    if let Some(sync) = &samples.sync {
        w.full(*b"stss", 0, 0, |w| {
            w.count(sync.len());
            for number in sync {
                w.u32(*number);
            }
        });
    }
    w.full(*b"stsz", 0, 0, |w| match &samples.sizes {
        Sizes::Same(size) => {
            w.u32(*size);
            w.u32(samples.count);
        }
        Sizes::Each(sizes) => {
            w.u32(0);
            w.count(sizes.len());
            for size in sizes {
                w.u32(*size);
            }
        }
    });
}

/// `stsc` and `stco`, or `co64` in a `wide` file whose media begins at `media`.
pub(super) fn write_chunks(w: &mut Writer, copied: &Copied<'_>, wide: bool, media: u64) {
    w.full(*b"stsc", 0, 0, |w| {
        w.count(copied.runs.len());
        for (chunk, samples) in &copied.runs {
            w.u32(*chunk);
            w.u32(*samples);
            w.u32(1);
        }
    });
    w.full(if wide { *b"co64" } else { *b"stco" }, 0, 0, |w| {
        w.count(copied.chunks.len());
        for chunk in &copied.chunks {
            let at = media + chunk;
            if wide {
                w.u64(at);
            } else {
                w.u32(u32::try_from(at).unwrap_or(u32::MAX));
            }
        }
    });
}

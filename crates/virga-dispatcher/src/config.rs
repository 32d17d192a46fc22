//! The dispatcher's configuration section.

use std::{num::NonZeroUsize, path::PathBuf, time::Duration};

use serde::{Deserialize, Serialize};

/// `[dispatcher]`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct DispatcherConfig {
    /// The encoder: a name looked up in `PATH`, or a path.
    pub ffmpeg: PathBuf,
    /// Its prober: a name looked up in `PATH`, or a path.
    pub ffprobe: PathBuf,
    /// The highest rung's short side, pixels.
    pub max_height: u32,
    /// Threads of one encode; 0: as many as there are cores, up to 8, beyond which they cost more
    /// memory than they save time.
    pub threads: u32,
    /// Jobs at once that mostly read and write.
    pub light_jobs: usize,
    /// Jobs at once that encode: as many first rungs, and as many ladders, which let those go first.
    pub heavy_jobs: usize,
    /// A film of more than twice this length is encoded in spans of about this length, by as many
    /// dispatchers as there are; seconds, 0: never.
    pub span_seconds: u32,
    /// Whether trial encodes of a film say which rungs it gets, and how fine they are.
    pub per_title: bool,
    /// How long the first viewers of a video that plays at once have the machine to themselves
    /// before its further versions are made, milliseconds.
    pub head_start_ms: u64,
    /// Encode even where the kernel offers neither Landlock nor a network namespace to confine
    /// the encoder with.
    pub unconfined: bool,
    /// Bounds of one job.
    pub limits: SourceLimitsConfig,
}

/// `[dispatcher.limits]`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct SourceLimitsConfig {
    /// Pixels of one decoded picture.
    pub max_pixels: u64,
    /// Address space of one ffmpeg, bytes; large pictures on many threads get what they need beyond it.
    pub memory: u64,
    /// ffmpeg is killed after this long without progress.
    pub stall_seconds: u64,
    /// Pixels of all frames of a video together; what would take longer to encode is refused.
    pub max_pixel_frames: u64,
    /// Longer videos are refused, seconds.
    pub max_duration_seconds: u64,
    /// Bytes of the scratch disk that no job takes.
    pub scratch_reserve: u64,
}

impl Default for DispatcherConfig {
    fn default() -> Self {
        Self {
            ffmpeg: "ffmpeg".into(),
            ffprobe: "ffprobe".into(),
            max_height: 1080,
            threads: 0,
            light_jobs: 2,
            heavy_jobs: 1,
            span_seconds: 60,
            per_title: true,
            head_start_ms: 3000,
            unconfined: false,
            limits: SourceLimitsConfig::default(),
        }
    }
}

impl Default for SourceLimitsConfig {
    fn default() -> Self {
        Self {
            max_pixels: 40_000_000,
            memory: 4 << 30,
            stall_seconds: 60,
            // Twelve hours of 1080p at 60 frames a second.
            max_pixel_frames: 1920 * 1080 * 60 * 12 * 3600,
            max_duration_seconds: 12 * 3600,
            scratch_reserve: 256 << 20,
        }
    }
}

/// The most threads that an encode uses by itself.
const MOST_THREADS: u32 = 8;

impl DispatcherConfig {
    /// See `threads`.
    pub(crate) fn threads(&self) -> u32 {
        if self.threads > 0 {
            return self.threads;
        }
        let cores = std::thread::available_parallelism().map_or(1, NonZeroUsize::get);
        u32::try_from(cores).map_or(MOST_THREADS, |cores| cores.min(MOST_THREADS))
    }

    /// Address space for encoding pictures of this size. Measured: a ladder of four rungs out of
    /// 3840x2160 at 10 bits takes 3 to 4 GiB on 8 threads and 6 to 8 GiB on 32.
    pub(crate) fn memory(&self, pixels: u64) -> u64 {
        const BASE: u64 = 3 << 29;
        const PER_THREAD: u64 = 128 << 20;
        let threads = u64::from(self.threads());
        let need = BASE + threads * (PER_THREAD + 6 * pixels) + 200 * pixels;
        self.limits.memory.max(need)
    }
}

impl DispatcherConfig {
    /// Memory that an encoder takes of a source of this many pixels for rungs of so many pixels together.
    ///
    /// Measured of HEVC and H.264 of 10 bits with 1, 2 and 8 threads: within a tenth.
    pub(crate) fn resident(&self, source: u64, rungs: u64) -> u64 {
        const BASE: u64 = 65 << 20;
        let threads = u64::from(self.threads());
        let need = BASE + source * (17 + 4 * threads) + rungs * (75 + 12 * threads);
        need / 10 * 11
    }
}

impl SourceLimitsConfig {
    /// See `stall_seconds`.
    pub(crate) fn stall(&self) -> Duration {
        Duration::from_secs(self.stall_seconds.max(1))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_resident_memory_is_what_was_measured() {
        let with = |threads, source, rungs| {
            let config = DispatcherConfig {
                threads,
                ..DispatcherConfig::default()
            };
            config.resident(source, rungs) >> 20
        };
        let (hd, uhd) = (1920 * 1080, 3840 * 2160);
        let ladder = 852 * 480 + 1280 * 720 + hd;
        for (threads, source, rungs, measured) in [
            (1, hd, hd, 258),
            (2, hd, hd, 318),
            (2, hd, ladder, 459),
            (2, uhd, 640 * 360, 292),
            (8, hd, ladder, 718),
            (8, uhd, hd, 808),
        ] {
            let estimated = with(threads, source, rungs);
            assert!(
                (measured..measured * 5 / 4).contains(&estimated),
                "{threads} {estimated} {measured}"
            );
        }
    }

    #[test]
    fn memory_grows_with_the_picture_and_the_threads() {
        let with = |threads| DispatcherConfig {
            threads,
            ..DispatcherConfig::default()
        };
        let (hd, uhd) = (1920 * 1080, 3840 * 2160);
        assert_eq!(with(2).memory(hd), SourceLimitsConfig::default().memory);
        assert!(with(8).memory(uhd) >= 4 << 30);
        assert!(with(32).memory(uhd) >= 8 << 30);
        assert!((1..=MOST_THREADS).contains(&with(0).threads()));
    }
}

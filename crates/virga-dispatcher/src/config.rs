//! The dispatcher's configuration section.

use std::{path::PathBuf, time::Duration};

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
    /// Threads of one encode; 0: as many as there are cores.
    pub threads: u32,
    /// Jobs at once that mostly read and write.
    pub light_jobs: usize,
    /// Jobs at once that encode: as many first rungs, and as many ladders, which let those go first.
    pub heavy_jobs: usize,
    /// How long the first viewers of a video that plays at once have the machine to themselves
    /// before its further versions are made, milliseconds.
    pub head_start_ms: u64,
    /// Encode even where the kernel offers neither Landlock nor a network namespace to confine
    /// the encoder with.
    pub unconfined: bool,
    /// Bounds of one job.
    pub limits: LimitsConfig,
}

/// `[dispatcher.limits]`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct LimitsConfig {
    /// Pixels of one decoded picture.
    pub max_pixels: u64,
    /// Address space of one ffmpeg, bytes.
    pub memory: u64,
    /// ffmpeg is killed after this long without progress.
    pub stall_seconds: u64,
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
            head_start_ms: 3000,
            unconfined: false,
            limits: LimitsConfig::default(),
        }
    }
}

impl Default for LimitsConfig {
    fn default() -> Self {
        Self {
            max_pixels: 40_000_000,
            memory: 4 << 30,
            stall_seconds: 60,
            max_duration_seconds: 12 * 3600,
            scratch_reserve: 256 << 20,
        }
    }
}

impl LimitsConfig {
    /// See `stall_seconds`.
    pub(crate) fn stall(&self) -> Duration {
        Duration::from_secs(self.stall_seconds.max(1))
    }
}

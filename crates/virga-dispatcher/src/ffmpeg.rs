//! The only place that starts processes. ffmpeg reads one fixed scratch name with one demuxer that
//! our own parser chose, and no client text is ever among its arguments.

mod answer;
mod check;
mod codecs;
mod copy;
mod copyable;
mod diagnosis;
mod encode;
mod filters;
mod launcher;
mod loudness;
mod picture;
mod probe;
mod process;
mod sandbox;
mod sounds;
mod storyboard;
mod stretch;
mod texts;
mod trial;

pub use check::{SandboxFinding, can_encode, check_programs};
pub use launcher::{Launcher, launch};
pub use sandbox::Layers;

pub(crate) use copy::{copied_path, copy, most_copied};
pub(crate) use copyable::Copyable;
pub(crate) use encode::{
    Encode, SOUND_RATE, SoundAlone, encode, fitting, most_bytes, rung_path, sound_alone, sound_path,
};
pub(crate) use filters::MOST_FRAMES;
pub(crate) use loudness::loudness;
pub(crate) use picture::picture;
pub(crate) use probe::{Probed, probe};
pub(crate) use sounds::{SoundStream, encode_sounds, find_sounds};
pub(crate) use storyboard::{TILES, storyboard};
pub(crate) use stretch::Stretch;
pub(crate) use texts::{TextStream, extract_texts, find_texts};
pub(crate) use trial::trial;

use std::{ffi::OsString, path::Path, time::Duration};

use virga_core::{Code, job::JobKind};
use virga_media::Container;

use crate::{
    DispatcherConfig, EncoderMemory,
    job_result::JobError,
    media::Junk,
    work::{Lease, Work},
};

/// The path of ffmpeg's input, the only one it gets: next to its working folder, so that it
/// can be read and not written. It may be the store's own file under a second name.
pub(crate) const INPUT: &str = "../in";

/// What every start of ffmpeg on one input needs.
#[derive(Clone, Copy, Debug)]
pub(crate) struct FfmpegRun<'a> {
    pub(crate) launcher: &'a Launcher,
    pub(crate) config: &'a DispatcherConfig,
    pub(crate) lease: &'a Lease,
    /// ffmpeg's working folder. [`INPUT`] is next to it; outputs are written to it.
    pub(crate) folder: &'a Path,
    pub(crate) container: Container,
    /// What is in front of it in the input.
    pub(crate) junk: Junk,
    /// What its encoders and those of other jobs take together.
    pub(crate) memory: &'a EncoderMemory,
    /// Which part of the job's progress it is.
    pub(crate) share: Share,
    /// How much it lets other encodes have first, as `nice` counts it.
    pub(crate) nice: i32,
}

impl<'a> FfmpegRun<'a> {
    /// `input`: what it is, and what is in front of it.
    pub(crate) fn new(work: &Work<'a>, folder: &'a Path, input: (Container, Junk)) -> Self {
        let (container, junk) = input;
        Self {
            junk,
            container,
            launcher: &work.dispatcher.launcher,
            config: work.config(),
            lease: work.lease,
            memory: &work.dispatcher.memory,
            share: Share::WHOLE,
            folder,
            nice: if matches!(
                work.job.kind(),
                JobKind::Ladder
                    | JobKind::Span
                    | JobKind::Storyboard
                    | JobKind::Texts
                    | JobKind::Loudness
                    | JobKind::Sounds
            ) {
                launcher::NICE_LADDER
            } else {
                launcher::NICE
            },
        }
    }

    /// The run as a part of its job's progress.
    pub(crate) fn sharing(&self, share: Share) -> Self {
        Self { share, ..*self }
    }

    /// How each run begins.
    fn begin(&self) -> Arguments {
        let mut arguments = Arguments::default();
        quietly(&mut arguments);
        self.guard(&mut arguments, &[]);
        arguments
    }

    /// The arguments before the outputs. `seek`: where to begin, at the key frame before it.
    fn input(&self, seek: Option<Duration>, key_frames_only: bool) -> Arguments {
        let mut arguments = self.begin();
        if key_frames_only {
            arguments.words("-skip_frame nokey");
        }
        if let Some(seek) = seek {
            arguments.words("-noaccurate_seek");
            arguments.pair("-ss", format!("{:.3}", seek.as_secs_f64()));
        }
        arguments.pair("-threads", self.config.threads());
        self.open(&mut arguments);
        arguments
    }

    /// Opens the input.
    fn open(&self, arguments: &mut Arguments) {
        match self.junk {
            Junk { len: 0, .. } => arguments.pair("-i", INPUT),
            Junk { len, counted: true } => {
                arguments.pair("-skip_initial_bytes", len);
                arguments.pair("-i", INPUT);
            }
            Junk { len, .. } => {
                arguments.pair("-i", format!("subfile,,start,{len},end,0,,:{INPUT}"));
            }
        }
    }

    /// What keeps a hostile input within its own file and within bounds. `more`: names of decoders
    /// in addition to our list.
    fn guard(&self, arguments: &mut Arguments, more: &[String]) {
        let demuxer = self.container.demuxer();
        let behind_junk = self.junk.len > 0 && !self.junk.counted;
        let protocols = if behind_junk {
            "file,pipe,subfile"
        } else {
            "file,pipe"
        };
        arguments.pair("-protocol_whitelist", protocols);
        arguments.pair("-format_whitelist", demuxer);
        arguments.pair("-codec_whitelist", codecs::whitelist(more));
        arguments.pair("-max_pixels", self.config.limits.max_pixels);
        arguments.pair("-f", demuxer);
    }
}

/// A part of a job's progress: one of several equal ones.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Share {
    /// How many come before it.
    pub(crate) done: i32,
    /// How many there are.
    pub(crate) of: i32,
}

impl Share {
    /// All of the job.
    pub(crate) const WHOLE: Self = Self { done: 0, of: 1 };
    /// What comes before it is nothing yet.
    pub(crate) const NONE: Self = Self {
        done: 0,
        of: i32::MAX,
    };

    fn permille(self, own: i32) -> i32 {
        (self.done * 1000 + own) / self.of.max(1)
    }
}

/// Arguments being put together. Only numbers and words of this program go in.
#[derive(Clone, Debug, Default)]
struct Arguments(Vec<OsString>);

impl Arguments {
    fn words(&mut self, words: &str) {
        self.0.extend(words.split(' ').map(OsString::from));
    }

    #[expect(
        clippy::needless_pass_by_value,
        reason = "callers hand over numbers and fresh text"
    )]
    fn pair(&mut self, name: &str, value: impl ToString) {
        self.0.push(name.into());
        self.0.push(value.to_string().into());
    }

    fn last(mut self, name: &str) -> Self {
        self.0.push(name.into());
        self
    }

    fn append(&mut self, other: Self) {
        self.0.extend(other.0);
    }
}

/// What is said of a run: its progress, and complaints.
fn quietly(arguments: &mut Arguments) {
    arguments.words("-nostdin -hide_banner -nostats -loglevel warning -y");
    arguments.words("-progress pipe:1 -stats_period 1");
}

/// How long an encode of `media` may take in all.
fn deadline(media: Duration) -> Duration {
    /// Where the length is not known.
    const UNKNOWN: Duration = Duration::from_secs(6 * 3600);
    if media.is_zero() {
        UNKNOWN
    } else {
        Duration::from_secs(60) + media * 20
    }
}

/// Microseconds of media as a span.
pub(crate) fn span(micros: i64) -> Duration {
    Duration::from_micros(u64::try_from(micros).unwrap_or(0))
}

fn damaged() -> JobError {
    JobError::fail(
        Code::Damaged,
        "The file is damaged, or it has no picture that this site can decode. \
         Upload another copy, or convert the video to MP4 and upload that.",
    )
}

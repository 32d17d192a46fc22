//! Looks at what ffmpeg copies, sample by sample, before it is published: whatever browsers would stumble
//! over must be encoded instead, and nobody conceals damage in a copy. An error says why.

use std::{collections::VecDeque, sync::Arc};

use virga_media::{
    Aac, Codec, MAX_KEY_FRAME_GAP, Movie, Sample, SampleFault, Track, TranscodeReason,
    check_sample, is_refresh, may_copy,
};

use super::tail::FragmentTail;
use crate::job_result::JobError;

/// As many frames back no time is shown twice.
const NEAR: usize = 32;
/// Samples of sound in a packet of AAC.
const PACKET: i64 = 1024;
/// Clocks of containers are coarse: a packet so close to where the one before ends is there, microseconds.
const JITTER: i64 = 10_000;
/// A longer hole than this, or more of them together, is filled by encoding.
const HOLE: i64 = 100_000;
const HOLES: i64 = 500_000;
/// Sound of other than two channels may end so much before the picture.
const EARLY_END: i64 = 1_000_000;

/// What is known of a copied track.
#[derive(Debug)]
pub(super) enum Copied {
    Picture(Pictures),
    Sound(Sounds),
}

/// The picture so far, in ticks of its file.
#[derive(Debug, Default)]
pub(super) struct Pictures {
    first: Option<i64>,
    last_key: i64,
    timescale: i64,
    shown: VecDeque<i64>,
}

/// The sound so far, in ticks of its file.
#[derive(Debug, Default)]
pub(super) struct Sounds {
    timescale: i64,
    channels: u8,
    /// The last packet, whose end shows by the next one.
    held: Option<Sample>,
    holes: i64,
}

impl Copied {
    pub(super) fn picture() -> Self {
        Self::Picture(Pictures::default())
    }

    pub(super) fn sound() -> Self {
        Self::Sound(Sounds::default())
    }

    /// Samples of a fragment as they may be published.
    pub(super) async fn pass(
        &mut self,
        tail: &mut FragmentTail,
        samples: Vec<Sample>,
    ) -> Result<Vec<Sample>, JobError> {
        let begins = samples.iter().map(|it| it.offset).min().unwrap_or(0);
        let ends = samples
            .iter()
            .map(|it| it.offset + u64::from(it.size))
            .max();
        let bytes = tail.read(begins, ends.unwrap_or(begins) - begins).await?;
        let movie = tail.movie().await?.ok_or_else(JobError::no_file)?;
        let bytes_of = |sample: &Sample| {
            let at = usize::try_from(sample.offset - begins).unwrap_or(usize::MAX);
            bytes.get(at..at + sample.size as usize).unwrap_or_default()
        };
        let mut passed = Vec::with_capacity(samples.len());
        for mut sample in samples {
            let bytes = bytes_of(&sample);
            match self {
                Self::Picture(pictures) => {
                    pictures.check(&movie, &mut sample, bytes)?;
                    passed.push(sample);
                }
                Self::Sound(sounds) => passed.extend(sounds.check(&movie, sample, bytes)?),
            }
        }
        Ok(passed)
    }

    /// What was held back, when nothing follows.
    pub(super) fn rest(&mut self) -> Option<Sample> {
        match self {
            Self::Picture(_) => None,
            Self::Sound(sounds) => sounds.held.take(),
        }
    }

    /// Whether silence may follow the sound, which ends `missing` microseconds before the picture.
    pub(super) fn may_be_continued(&self, missing: i64) -> Result<bool, JobError> {
        match self {
            Self::Sound(sounds) if sounds.channels != 2 && missing > EARLY_END => {
                Err(TranscodeReason::AudioGaps.into())
            }
            Self::Sound(sounds) => Ok(sounds.channels == 2),
            Self::Picture(_) => Ok(false),
        }
    }

    /// Whether the last group of pictures may be shown until `held` microseconds.
    pub(super) fn check_end(&self, held: i64) -> Result<(), JobError> {
        match self {
            Self::Picture(pictures)
                if held - pictures.micros(pictures.last_key) > MAX_KEY_FRAME_GAP =>
            {
                Err(TranscodeReason::SparseKeyFrames.into())
            }
            _ => Ok(()),
        }
    }
}

impl Pictures {
    fn check(
        &mut self,
        movie: &Arc<Movie>,
        sample: &mut Sample,
        bytes: &[u8],
    ) -> Result<(), JobError> {
        let track = track_of(movie, movie.video())?;
        let Codec::Avc(avc) = &track.codec else {
            return Err(TranscodeReason::VideoCodec.into());
        };
        let time = sample.pts();
        // Of an open group: some browsers cannot start there.
        let sync = sample.sync && is_refresh(bytes, avc);
        check_sample(bytes, avc, sync).map_err(|fault| match fault {
            SampleFault::Changed => TranscodeReason::ChangingParameters,
            SampleFault::Damaged | SampleFault::NotSync => TranscodeReason::NoLeadingKeyFrame,
        })?;
        sample.sync = sync;
        if self.first.is_none() {
            may_copy(track)?;
            if !sync {
                return Err(TranscodeReason::NoLeadingKeyFrame.into());
            }
            self.timescale = track.timescale.into();
            self.first = Some(time);
            self.last_key = time;
        }
        if self.shown.contains(&time) || time < self.last_key {
            return Err(JobError::fail(
                virga_core::Code::Damaged,
                "Its frames are not in order.",
            ));
        }
        if self.micros(time) - self.micros(self.last_key) > MAX_KEY_FRAME_GAP {
            return Err(TranscodeReason::SparseKeyFrames.into());
        }
        if sync {
            self.last_key = time;
        }
        self.shown.push_back(time);
        if self.shown.len() > NEAR {
            self.shown.pop_front();
        }
        Ok(())
    }

    /// Since the first frame.
    fn micros(&self, time: i64) -> i64 {
        (time - self.first.unwrap_or(0)) * 1_000_000 / self.timescale.max(1)
    }
}

impl Sounds {
    /// Takes a packet; answers the one before it, which lasts until this one.
    fn check(
        &mut self,
        movie: &Arc<Movie>,
        mut sample: Sample,
        bytes: &[u8],
    ) -> Result<Option<Sample>, JobError> {
        let track = track_of(movie, movie.audio())?;
        let Codec::Aac(Aac {
            object_type: 2,
            channel_configuration: channels @ 1..=7,
            ..
        }) = track.codec
        else {
            return Err(TranscodeReason::AudioCodec.into());
        };
        self.channels = channels;
        self.timescale = i64::from(track.timescale).max(1);
        if !is_of(channels, bytes) {
            return Err(TranscodeReason::ChangingParameters.into());
        }
        sample.duration = u32::try_from(PACKET).unwrap_or(sample.duration);
        if let Some(mut before) = self.held.take() {
            let ticks = |micros: i64| micros * self.timescale / 1_000_000;
            let off = sample.dts - (before.dts + PACKET);
            if off.abs() <= ticks(JITTER) {
                sample.dts -= off;
            } else {
                self.holes += off;
                if off < 0 || off > ticks(HOLE) || self.holes > ticks(HOLES) {
                    return Err(TranscodeReason::AudioGaps.into());
                }
            }
            let lasts = sample.dts - before.dts;
            before.duration = u32::try_from(lasts).unwrap_or(before.duration);
            self.held = Some(sample);
            return Ok(Some(before));
        }
        self.held = Some(sample);
        Ok(None)
    }
}

fn track_of(movie: &Movie, index: Option<usize>) -> Result<&Track, JobError> {
    let track = index.and_then(|index| movie.tracks.get(index));
    track.ok_or_else(JobError::no_file)
}

/// Whether a packet of AAC begins as one of so many channels does: with a pair where there are two, with a
/// single one otherwise (ISO/IEC 14496-3, table 4.71). A broadcast may change that on its way.
fn is_of(channels: u8, packet: &[u8]) -> bool {
    const SINGLE: u8 = 0;
    const PAIR: u8 = 1;
    let wanted = if channels == 2 { PAIR } else { SINGLE };
    packet.first().is_some_and(|first| {
        let element = first >> 5;
        element == wanted || element > PAIR
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_packet_tells_its_channels() {
        assert!(is_of(2, &[0x21, 0x10]) && !is_of(2, &[0x01, 0x40]));
        assert!(is_of(1, &[0x01, 0x40]) && !is_of(1, &[0x21, 0x10]));
        // Data or filling comes before either.
        assert!(is_of(1, &[0xde]) && is_of(2, &[0xde]) && !is_of(2, &[]));
    }
}

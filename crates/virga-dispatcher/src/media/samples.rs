//! A look at the samples of a file that is to be served as it is: before it plays, at all of a small
//! file and at some of a large one from its beginning to its end; later at all of the large one too.

use bytes::Bytes;
use virga_media::{Codec, Movie, Sample, check_sample};

use super::Media;
use crate::job_result::JobError;

/// Files up to this size are read whole. No single sample that is larger is read at all.
pub(super) const WHOLE: u64 = 64 << 20;
/// As many samples of a larger one, key frames first.
const SOME: usize = 48;
/// Bytes in one read.
const WINDOW: u64 = 4 << 20;

/// How many samples of a large file are looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Extent {
    Some,
    All,
}

/// Whether the picture's samples look like H.264 of one coding, and its key frames like key frames.
pub(super) async fn are_right(
    media: &Media,
    movie: &Movie,
    track: usize,
    extent: Extent,
) -> Result<bool, JobError> {
    let track = &movie.tracks[track];
    let Codec::Avc(avc) = &track.codec else {
        return Ok(true);
    };
    let whole = extent == Extent::All || media.len <= WHOLE;
    let every = if whole {
        1
    } else {
        track.samples.extent().sync_samples.div_ceil(SOME).max(1)
    };
    let chosen = track.samples.iter().filter(|sample| whole || sample.sync);
    let mut window = Window::default();
    for sample in chosen.step_by(every) {
        if u64::from(sample.size) > WHOLE {
            let size = sample.size;
            tracing::info!(size, "a sample is too large to be served as it is");
            return Ok(false);
        }
        let bytes = window.sample(media, &sample, whole).await?;
        if let Err(fault) = check_sample(&bytes, avc, sample.sync) {
            let (offset, size) = (sample.offset, sample.size);
            tracing::info!(?fault, offset, size, "the picture is not served as it is");
            return Ok(false);
        }
    }
    Ok(true)
}

/// The stretch of the file that was read last.
#[derive(Default)]
struct Window {
    begins: u64,
    bytes: Bytes,
}

impl Window {
    async fn sample(
        &mut self,
        media: &Media,
        sample: &Sample,
        whole: bool,
    ) -> Result<Bytes, JobError> {
        let (begins, len) = (sample.offset, u64::from(sample.size));
        let held = self.begins..=self.begins + self.bytes.len() as u64;
        if !(held.contains(&begins) && held.contains(&(begins + len))) {
            let ahead = if whole { len.max(WINDOW) } else { len };
            let ahead = ahead.min(media.len.saturating_sub(begins));
            self.bytes = media.read(begins, ahead).await?;
            self.begins = begins;
        }
        let at = usize::try_from(begins - self.begins).unwrap_or(usize::MAX);
        let end = at
            .saturating_add(sample.size as usize)
            .min(self.bytes.len());
        Ok(self.bytes.slice(at.min(end)..end))
    }
}

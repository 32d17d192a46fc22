//! Movie fragments (`moof`, ISO/IEC 14496-12 §8.8): the samples of a file that lists them piece by
//! piece, as recorders, browsers and streaming encoders write it.

mod hints;
mod index;
mod traf;
mod walk;

use crate::MediaError;
use crate::bmff::boxes;
use crate::locate::MAX_MOOV;
use crate::movie::{Defaults, MAX_SAMPLES, Movie, Sample, TrackKind};

pub use index::FragmentIndex;
pub use walk::{FragmentStep, FragmentWalk};

/// No real fragment has more: a whole film of three hours is about this many samples.
const MAX_FRAGMENT_SAMPLES: usize = 1 << 20;

/// The samples that one fragment has of one track, in decode order. Decode times are the track's own
/// (they need not begin at 0), offsets count from the beginning of the file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FragmentSamples {
    /// The track, by its place in [`Movie::tracks`].
    pub track: usize,
    /// The samples.
    pub samples: Vec<Sample>,
}

/// Reads fragments one after another, as they come.
#[derive(Debug, Clone)]
pub struct Fragments {
    tracks: Vec<FragmentedTrack>,
}

/// What is known of a track between two fragments.
#[derive(Debug, Clone, Copy)]
struct FragmentedTrack {
    id: u32,
    kind: TrackKind,
    /// Whether its samples are of use; the others only take up room.
    wanted: bool,
    defaults: Defaults,
    /// The decode time of its next sample where the fragment does not say.
    next: i64,
    samples: usize,
}

impl Fragments {
    /// Begins after the samples that the index itself lists.
    pub fn new(movie: &Movie) -> Self {
        let track = |track: &crate::movie::Track| FragmentedTrack {
            id: track.id,
            kind: track.kind,
            wanted: track.codec.has_samples(),
            defaults: track.defaults,
            next: track.samples.duration(),
            samples: track.samples.len(),
        };
        Self {
            tracks: movie.tracks.iter().map(track).collect(),
        }
    }

    /// Reads a whole `moof` box, header included, that lies at `offset`. After an error this is as it
    /// was before: the fragment counts for nothing.
    ///
    /// Whether the file has the bytes that the samples name is for the caller to check, who knows how
    /// much of it there is.
    pub fn read(&mut self, moof: &[u8], offset: u64) -> Result<Vec<FragmentSamples>, MediaError> {
        if moof.len() as u64 > MAX_MOOV {
            return Err(MediaError::too_large("a fragment's index is over 256 MiB"));
        }
        let root = boxes(moof).next().transpose()?;
        let root = root
            .filter(|root| &root.kind == b"moof")
            .ok_or(MediaError::malformed("a fragment (moof) is missing"))?;
        let mut tracks = self.tracks.clone();
        let mut found = Vec::new();
        let mut room = MAX_FRAGMENT_SAMPLES;
        // Where a track's bytes begin that are said to follow the track's before.
        let mut follows = offset;
        for child in boxes(root.body) {
            let child = child?;
            if &child.kind != b"traf" {
                continue;
            }
            let (index, samples, end) = traf::read(child.body, &mut tracks, offset, follows, room)?;
            follows = end;
            room -= samples.len();
            let track = &mut tracks[index];
            track.samples += samples.len();
            if track.samples > MAX_SAMPLES {
                return Err(MediaError::too_large("it has too many samples"));
            }
            if track.wanted && !samples.is_empty() {
                found.push(FragmentSamples {
                    track: index,
                    samples,
                });
            }
        }
        self.tracks = tracks;
        Ok(found)
    }
}

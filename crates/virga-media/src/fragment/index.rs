//! All fragments of a file put together into the sample tables of its tracks.

use super::{FragmentSamples, Fragments};
use crate::MediaError;
use crate::movie::{Movie, TableBuilder, Track};
use crate::time;

/// An edit may end so much after the samples that it was written for.
const ROUNDING: i64 = 500_000;

const MORE_THAN_BYTES: MediaError = MediaError::malformed("it has more samples than bytes");

/// Gathers the fragments of one file in their order.
#[derive(Debug)]
pub struct FragmentIndex {
    file_size: u64,
    fragments: Fragments,
    tables: Vec<TableBuilder>,
}

impl FragmentIndex {
    /// Begins with the samples that the index itself lists.
    pub fn new(movie: &Movie, file_size: u64) -> Result<Self, MediaError> {
        let own = movie.tracks.iter().map(|track| track.samples.len());
        within(file_size, own.sum())?;
        let own = movie.tracks.iter();
        let own = own.map(|track| TableBuilder::of(&track.samples));
        Ok(Self {
            file_size,
            fragments: Fragments::new(movie),
            tables: own.collect::<Result<_, _>>()?,
        })
    }

    /// Adds a whole `moof` box that lies at `offset`. `false`: the file ends before some of its
    /// samples, and none of it is added.
    pub fn add(&mut self, moof: &[u8], offset: u64) -> Result<bool, MediaError> {
        let found = self.fragments.read(moof, offset)?;
        let more: usize = found.iter().map(|found| found.samples.len()).sum();
        within(self.file_size, self.len() + more)?;
        let mut samples = found.iter().flat_map(|found| &found.samples);
        let outside = samples.any(|sample| {
            let end = sample.offset.checked_add(sample.size.into());
            end.is_none_or(|end| end > self.file_size)
        });
        if outside {
            return Ok(false);
        }
        for FragmentSamples { track, samples } in found {
            for sample in samples {
                self.tables[track].push(sample)?;
            }
        }
        Ok(true)
    }

    /// How many samples there are, of all tracks.
    pub(super) fn len(&self) -> usize {
        self.tables.iter().map(TableBuilder::len).sum()
    }

    /// Gives the movie's tracks their samples.
    pub fn finish(self, movie: &mut Movie) -> Result<(), MediaError> {
        for (track, table) in movie.tracks.iter_mut().zip(self.tables) {
            forget_first_length(track);
            track.place(table)?;
        }
        movie.fragmented = false;
        movie.settle(self.file_size)
    }
}

/// A fragment can list a million samples of no bytes in a hundred bytes; a film has fewer samples than
/// bytes. So the tables are no larger than the file allows.
fn within(file_size: u64, samples: usize) -> Result<(), MediaError> {
    if samples as u64 > file_size {
        return Err(MORE_THAN_BYTES);
    }
    Ok(())
}

/// An edit that ends with the samples of the index was written before there were any others.
fn forget_first_length(track: &mut Track) {
    let end = time::to_micros(track.samples.extent().end, track.timescale);
    let start = time::to_micros(track.edit.media_start, track.timescale);
    let before = |length: &i64| start.saturating_add(*length) <= end.saturating_add(ROUNDING);
    track.edit.length_micros = track.edit.length_micros.filter(|length| !before(length));
}

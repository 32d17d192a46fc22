//! All fragments of a file put together into the sample tables of its tracks.

use super::{FragmentSamples, Fragments};
use crate::MediaError;
use crate::movie::{Movie, TableBuilder};

/// Gathers the fragments of one file in their order.
#[derive(Debug)]
pub struct FragmentIndex {
    fragments: Fragments,
    tables: Vec<TableBuilder>,
}

impl FragmentIndex {
    /// Begins with the samples that the index itself lists.
    pub fn new(movie: &Movie) -> Result<Self, MediaError> {
        let own = movie.tracks.iter();
        let own = own.map(|track| TableBuilder::of(&track.samples));
        Ok(Self {
            fragments: Fragments::new(movie),
            tables: own.collect::<Result<_, _>>()?,
        })
    }

    /// Adds a whole `moof` box that lies at `offset`.
    pub fn add(&mut self, moof: &[u8], offset: u64) -> Result<(), MediaError> {
        for FragmentSamples { track, samples } in self.fragments.read(moof, offset)? {
            for sample in samples {
                self.tables[track].push(sample)?;
            }
        }
        Ok(())
    }

    /// Gives the movie's tracks their samples.
    pub fn finish(self, movie: &mut Movie, file_size: u64) -> Result<(), MediaError> {
        for (track, table) in movie.tracks.iter_mut().zip(self.tables) {
            track.place(table)?;
        }
        movie.settle(file_size)
    }
}

//! A sample table made from samples one by one, for files that list them in fragments or blocks: the
//! same runs that a progressive file's own index has, and no more memory.

use super::stbl::{Sizes, runs_push};
use super::{MAX_SAMPLES, Sample, SampleTable};
use crate::MediaError;

/// Decode times beyond this are nonsense (36,000 years in microseconds), and keeping below it keeps
/// all sums within `i64`.
const MAX_TIME: i64 = 1 << 60;
const TOO_MANY: MediaError = MediaError::too_large("a track has over 8 million samples");

/// Takes samples in decode order. A sample lasts until the next one is decoded, whatever duration it
/// came with: so holes between fragments stay where they are. The last one keeps its own duration,
/// or that of the one before if it has none.
#[derive(Debug, Default)]
pub(crate) struct TableBuilder {
    base: i64,
    last: Option<Sample>,
    durations: Vec<(u32, u32)>,
    offsets: Vec<(u32, i32)>,
    sizes: Vec<u32>,
    sync: Vec<u32>,
    chunks: Vec<u64>,
    runs: Vec<(u32, u32)>,
    /// Samples and end of the chunk that grows.
    chunk: (u32, u64),
}

impl TableBuilder {
    /// Holds these samples already, in decode order.
    pub(crate) fn of(samples: impl IntoIterator<Item = Sample>) -> Result<Self, MediaError> {
        let mut builder = Self::default();
        for sample in samples {
            builder.push(sample)?;
        }
        Ok(builder)
    }

    /// How many samples there are.
    pub(crate) fn len(&self) -> usize {
        self.sizes.len()
    }

    /// Adds the sample decoded next. Decode times may stand still and may not go back: a file with
    /// two samples for the same time has no one right order, and is for ffmpeg to make sense of.
    pub(crate) fn push(&mut self, sample: Sample) -> Result<(), MediaError> {
        if self.len() == MAX_SAMPLES {
            return Err(TOO_MANY);
        }
        if !(-MAX_TIME..=MAX_TIME).contains(&sample.dts) {
            return Err(MediaError::malformed("its sample times"));
        }
        match self.last {
            None => self.base = sample.dts,
            Some(last) => {
                let since = u32::try_from(sample.dts - last.dts).map_err(|_| {
                    if sample.dts < last.dts {
                        MediaError::malformed("its decode times go back")
                    } else {
                        MediaError::unsupported("a hole of many hours between two samples")
                    }
                })?;
                runs_push(&mut self.durations, since);
            }
        }
        runs_push(&mut self.offsets, sample.cts);
        self.sizes.push(sample.size);
        if sample.sync {
            // Bounded by MAX_SAMPLES.
            self.sync
                .push(u32::try_from(self.sizes.len()).unwrap_or(u32::MAX));
        }
        if self.chunk.0 == 0 || self.chunk.1 != sample.offset {
            self.close_chunk();
            self.chunks.push(sample.offset);
        }
        let end = sample
            .offset
            .checked_add(sample.size.into())
            .ok_or(MediaError::malformed("a sample beyond the end of any file"))?;
        self.chunk = (self.chunk.0 + 1, end);
        self.last = Some(sample);
        Ok(())
    }

    fn close_chunk(&mut self) {
        let count = std::mem::take(&mut self.chunk.0);
        if count > 0 && self.runs.last().is_none_or(|run| run.1 != count) {
            let chunk = u32::try_from(self.chunks.len() - 1).unwrap_or(u32::MAX);
            self.runs.push((chunk, count));
        }
    }

    /// The table, whose decode times count from 0 as in every table, and the first decode time that
    /// was thereby taken away. [`Track::place`](super::Track::place) keeps it.
    pub(crate) fn finish(mut self) -> Result<(SampleTable, i64), MediaError> {
        self.close_chunk();
        if let Some(last) = self.last {
            let before = self.durations.last().map_or(0, |run| run.1);
            let own = Some(last.duration).filter(|own| *own > 0);
            runs_push(&mut self.durations, own.unwrap_or(before));
        }
        if let [(_, 0)] = self.offsets[..] {
            self.offsets.clear();
        }
        // Bounded by MAX_SAMPLES.
        let count = u32::try_from(self.sizes.len()).unwrap_or(u32::MAX);
        let all_sync = self.sync.len() == self.sizes.len();
        let sizes = match self.sizes.first() {
            Some(first) if *first > 0 && self.sizes.iter().all(|size| size == first) => {
                Sizes::Same(*first)
            }
            _ => Sizes::Each(self.sizes),
        };
        let table = SampleTable {
            count,
            sizes,
            durations: self.durations,
            offsets: self.offsets,
            sync: (!all_sync).then_some(self.sync),
            chunks: self.chunks,
            runs: self.runs,
            ..SampleTable::default()
        };
        Ok((table.measured()?, self.base))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn collect(
        samples: impl IntoIterator<Item = Sample>,
    ) -> Result<(SampleTable, i64), MediaError> {
        TableBuilder::of(samples)?.finish()
    }

    /// Samples as a table lists them: each decoded when the one before ends, in a file in which some
    /// follow one another and some do not.
    fn samples() -> impl Strategy<Value = Vec<Sample>> {
        let one = (
            prop_oneof![Just(1024_u32), 0..5000_u32],
            prop_oneof![Just(0), -3000..3000_i32],
            prop_oneof![Just(417_u32), 0..100_000_u32],
            prop_oneof![4 => Just(0_u64), 1 => 1..1_000_000_u64],
            any::<bool>(),
        );
        prop::collection::vec(one, 0..200).prop_map(|rows| {
            let (mut dts, mut offset) = (0, 48);
            let row = |(duration, cts, size, gap, sync)| {
                let sample = Sample {
                    dts,
                    duration,
                    cts,
                    size,
                    offset: offset + gap,
                    sync,
                };
                dts += i64::from(duration);
                offset += gap + u64::from(size);
                sample
            };
            let mut samples: Vec<Sample> = rows.into_iter().map(row).collect();
            if let Some(last) = samples.last_mut() {
                last.duration = last.duration.max(1);
            }
            samples
        })
    }

    proptest! {
        #[test]
        fn a_table_lists_the_samples_it_was_made_of(samples in samples(), base in -9_i64..1 << 50) {
            let moved = samples.iter().map(|sample| Sample { dts: sample.dts + base, ..*sample });
            let (table, first) = collect(moved).unwrap();
            prop_assert_eq!(first, if samples.is_empty() { 0 } else { base });
            prop_assert_eq!(table.iter().collect::<Vec<_>>(), samples.clone());
            let (again, first) = collect(&table).unwrap();
            prop_assert_eq!(first, 0);
            prop_assert_eq!(again.iter().collect::<Vec<_>>(), samples);
            prop_assert_eq!(again.extent(), table.extent());
        }
    }

    fn at(dts: i64, duration: u32) -> Sample {
        Sample {
            dts,
            duration,
            cts: 0,
            size: 10,
            offset: 0,
            sync: true,
        }
    }

    #[test]
    fn holes_lengthen_the_sample_before_and_times_that_go_back_are_refused() {
        let (table, base) = collect([at(90, 10), at(100, 10), at(150, 0), at(150, 0)]).unwrap();
        let times: Vec<(i64, u32)> = table.iter().map(|one| (one.dts, one.duration)).collect();
        assert_eq!(
            (times, base),
            (vec![(0, 10), (10, 50), (60, 0), (60, 0)], 90)
        );
        let (table, _) = collect([at(0, 0), at(40, 0)]).unwrap();
        assert_eq!(
            table.extent().end,
            80,
            "the last lasts as long as the one before"
        );
        assert!(collect([at(10, 10), at(9, 10)]).is_err());
        assert!(collect([at(0, 1), at(1 << 40, 1)]).is_err());
        assert!(collect([at(i64::MAX, 1)]).is_err());
        let far = Sample {
            offset: u64::MAX,
            ..at(0, 1)
        };
        assert!(collect([far]).is_err());
    }

    #[test]
    fn what_all_samples_share_is_kept_once() {
        let samples = (0..1000).map(|index| Sample {
            offset: 100 + 10 * u64::try_from(index).unwrap(),
            ..at(index * 5, 5)
        });
        let (table, _) = collect(samples).unwrap();
        assert!(matches!(table.sizes, Sizes::Same(10)));
        assert_eq!(table.durations, [(1000, 5)]);
        assert_eq!((&table.offsets[..], &table.sync), (&[][..], &None));
        assert_eq!(
            (&table.chunks[..], &table.runs[..]),
            (&[100][..], &[(0, 1000)][..])
        );
    }
}

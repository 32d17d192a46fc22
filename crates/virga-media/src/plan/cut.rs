//! Where segments begin.

use crate::MediaError;
use crate::movie::Track;
use crate::time;

/// How long segments should be, in seconds: short ones first, so that playing starts soon.
const TARGETS: [i64; 4] = [1, 2, 2, 4];
/// How long segments of sound are where nothing says otherwise.
const SOUND_TARGET_MICROS: i64 = 4_000_000;

/// The first sample of each segment and when it is shown, in ticks from 0.
#[derive(Debug)]
pub(super) struct Cuts {
    pub(super) samples: Vec<u32>,
    times: Vec<i64>,
    pub(super) end: i64,
}

impl Cuts {
    fn new(end: i64) -> Self {
        // What comes before 0 (priming) is decoded but not shown: the first segment begins at 0.
        Self {
            samples: vec![0],
            times: vec![0],
            end,
        }
    }

    fn start(&self) -> (u32, i64) {
        (
            self.samples.last().copied().unwrap_or(0),
            self.times.last().copied().unwrap_or(0),
        )
    }

    fn cut(&mut self, at: Candidate) {
        self.samples.push(at.sample);
        self.times.push(at.time);
    }

    /// How long each segment is shown.
    pub(super) fn durations(&self) -> Result<Vec<u32>, MediaError> {
        let ends = self.times.iter().skip(1).chain(std::iter::once(&self.end));
        let spans = self
            .times
            .iter()
            .zip(ends)
            .map(|(start, end)| u32::try_from(end - start));
        spans
            .collect::<Result<_, _>>()
            .map_err(|_| MediaError::unsupported("its sample times"))
    }
}

/// A sample where a segment may begin.
#[derive(Debug, Clone, Copy)]
struct Candidate {
    sample: u32,
    time: i64,
}

/// Cuts at the sync samples nearest to the targets, up to `end`.
pub(super) fn at_key_frames(track: &Track, shift: i64, end: i64) -> Cuts {
    let mut cuts = Cuts::new(end);
    let mut passed: Option<Candidate> = None;
    let syncs = (0_u32..)
        .zip(&track.samples)
        .skip(1)
        .filter(|(_, sample)| sample.sync);
    for (index, sample) in syncs {
        let here = Candidate {
            sample: index,
            time: sample.pts() - shift,
        };
        if here.time <= passed.map_or(cuts.start().1, |passed| passed.time) || here.time >= end {
            continue;
        }
        if let Some(earlier) = passed.take_if(|earlier| nearer(&cuts, *earlier, here.time, track)) {
            cuts.cut(earlier);
        }
        if here.time - cuts.start().1 >= target(&cuts, track) {
            cuts.cut(here);
            passed = None;
        } else {
            passed = Some(here);
        }
    }
    if let Some(earlier) = passed.filter(|earlier| nearer(&cuts, *earlier, end, track)) {
        cuts.cut(earlier);
    }
    cuts
}

fn target(cuts: &Cuts, track: &Track) -> i64 {
    let number = cuts.samples.len() - 1;
    let seconds = TARGETS[number.min(TARGETS.len() - 1)];
    seconds * i64::from(track.timescale)
}

/// Whether a cut at `earlier` comes nearer to the target than one at `later` beyond it, without
/// making a sliver.
fn nearer(cuts: &Cuts, earlier: Candidate, later: i64, track: &Track) -> bool {
    let target = target(cuts, track);
    let start = cuts.start().1;
    let (short, long) = (earlier.time - start, later - start);
    long > target && short * 2 >= target && target - short <= long - target
}

/// Cuts at the samples nearest to the given times and every 4 s after the last.
pub(super) fn near(track: &Track, shift: i64, starts: &[i64]) -> Cuts {
    let ticks = |micros| time::from_micros(micros, track.timescale);
    let end = track.samples.extent().end - shift;
    let every = ticks(SOUND_TARGET_MICROS);
    let mut after = starts.last().copied().map_or(0, ticks);
    let mut wanted = starts.iter().copied().map(ticks).peekable();
    let mut cuts = Cuts::new(end);
    let mut before = Candidate { sample: 0, time: 0 };
    for (index, sample) in (0_u32..).zip(&track.samples) {
        let here = Candidate {
            sample: index,
            time: sample.pts() - shift,
        };
        while let Some(time) = wanted.next_if(|time| *time <= here.time) {
            let nearest = if time - before.time < here.time - time {
                before
            } else {
                here
            };
            let (start, start_time) = cuts.start();
            if nearest.sample > start && nearest.time > start_time && nearest.time < end {
                cuts.cut(nearest);
            }
        }
        if wanted.peek().is_none() && here.time - after >= every && end - here.time >= every / 2 {
            after = here.time;
            cuts.cut(here);
        }
        before = here;
    }
    cuts
}

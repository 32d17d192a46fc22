//! Where segments begin.

use crate::MediaError;
use crate::direct_play::MAX_KEY_FRAME_GAP;
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

    fn cut(&mut self, at: SampleAt) {
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

/// A sample where a segment may begin, and when it is shown, in ticks from 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct SampleAt {
    pub(crate) sample: u32,
    pub(crate) time: i64,
}

/// Cuts at the sync samples nearest to the targets, as they come.
#[derive(Debug)]
pub(crate) struct KeyFrameCutter {
    timescale: i64,
    cuts: usize,
    start: i64,
    /// A sync sample before the target, which may prove nearer to it than the next one.
    passed: Option<SampleAt>,
}

impl KeyFrameCutter {
    pub(crate) fn new(timescale: u32) -> Self {
        Self {
            timescale: timescale.into(),
            cuts: 0,
            start: 0,
            passed: None,
        }
    }

    /// The next sync sample: where to cut now, in order.
    pub(crate) fn offer(&mut self, here: SampleAt) -> [Option<SampleAt>; 2] {
        if here.time <= self.passed.map_or(self.start, |passed| passed.time) {
            return [None; 2];
        }
        let earlier = self.take_nearer(here.time);
        if here.time - self.start >= self.target() {
            self.cut(here);
            return [earlier, Some(here)];
        }
        self.passed = Some(here);
        [earlier, None]
    }

    /// No sync sample follows: where to cut before `end`.
    pub(crate) fn end(&mut self, end: i64) -> Option<SampleAt> {
        self.take_nearer(end)
    }

    fn cut(&mut self, at: SampleAt) {
        self.cuts += 1;
        self.start = at.time;
        self.passed = None;
    }

    fn target(&self) -> i64 {
        TARGETS[self.cuts.min(TARGETS.len() - 1)] * self.timescale
    }

    /// The sample that was passed, if a cut there comes nearer to the target than one at `later` beyond it,
    /// without making a sliver, or if none there makes a segment too long.
    fn take_nearer(&mut self, later: i64) -> Option<SampleAt> {
        let earlier = self.passed?;
        let target = self.target();
        let (short, long) = (earlier.time - self.start, later - self.start);
        let nearer = short * 2 >= target && target - short <= long - target;
        let nearer =
            long > target && (nearer || long > MAX_KEY_FRAME_GAP / 1_000_000 * self.timescale);
        nearer.then(|| {
            self.cut(earlier);
            earlier
        })
    }
}

/// Cuts at the sync samples nearest to the targets, up to `end`.
pub(super) fn at_key_frames(track: &Track, shift: i64, end: i64) -> Cuts {
    let mut cuts = Cuts::new(end);
    let mut cutter = KeyFrameCutter::new(track.timescale);
    let syncs = (0_u32..)
        .zip(&track.samples)
        .skip(1)
        .filter(|(_, sample)| sample.sync);
    for (index, sample) in syncs {
        let here = SampleAt {
            sample: index,
            time: sample.pts() - shift,
        };
        if here.time < end {
            for at in cutter.offer(here).into_iter().flatten() {
                cuts.cut(at);
            }
        }
    }
    if let Some(at) = cutter.end(end) {
        cuts.cut(at);
    }
    cuts
}

/// Cuts at the samples nearest to the given times and every 4 s after the last.
pub(super) fn near(track: &Track, shift: i64, starts: &[i64]) -> Cuts {
    let ticks = |micros| time::from_micros(micros, track.timescale);
    let end = track.samples.extent().end - shift;
    let every = ticks(SOUND_TARGET_MICROS);
    let mut after = starts.last().copied().map_or(0, ticks);
    let mut wanted = starts.iter().copied().map(ticks).peekable();
    let mut cuts = Cuts::new(end);
    let mut before = SampleAt { sample: 0, time: 0 };
    for (index, sample) in (0_u32..).zip(&track.samples) {
        let here = SampleAt {
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

//! Numbers that the parts of a process keep and `/metrics` prints. They are of the process, as the
//! metrics are.

use std::{
    collections::BTreeMap,
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::Duration,
};

/// Requests that the bucket did not answer as it should.
pub static BUCKET_ERRORS: Count = Count::new();
/// Blocks of segments that were in memory.
pub static SEGMENT_HITS: Count = Count::new();
/// Blocks of segments that had to be read.
pub static SEGMENT_MISSES: Count = Count::new();
/// Segments that went from a file of this machine to the viewer, through no memory of ours.
pub static SEGMENT_FILES: Count = Count::new();
/// Pieces of media that waited for their turn (`limits.egress`).
pub static EGRESS_WAITS: Count = Count::new();
/// Event streams that are open.
pub static EVENT_STREAMS: Count = Count::new();

/// How often this process had to drop its state from the feed of changes.
pub static FEED_RESYNCS: Count = Count::new();

/// A number.
#[derive(Debug, Default)]
pub struct Count(AtomicU64);

impl Count {
    /// Zero.
    pub const fn new() -> Self {
        Self(AtomicU64::new(0))
    }

    /// One more.
    pub fn add(&self) {
        self.0.fetch_add(1, Relaxed);
    }

    /// One more until the value is dropped.
    pub fn hold(&'static self) -> Holding {
        self.add();
        Holding(self)
    }

    /// The number now.
    pub fn get(&self) -> u64 {
        self.0.load(Relaxed)
    }
}

/// One of a [`Count`].
#[derive(Debug)]
pub struct Holding(&'static Count);

impl Drop for Holding {
    fn drop(&mut self) {
        self.0.0.fetch_sub(1, Relaxed);
    }
}

/// Kind of a job, and how it ended.
pub type JobEnd = (&'static str, &'static str);

static JOBS: Mutex<BTreeMap<JobEnd, (u64, Duration)>> = Mutex::new(BTreeMap::new());

/// Notes that a try of a job ended so, after this time.
pub fn job_ended(end: JobEnd, took: Duration) {
    let mut jobs = JOBS.lock().unwrap_or_else(PoisonError::into_inner);
    let (count, time) = jobs.entry(end).or_default();
    *count += 1;
    *time += took;
}

/// How many tries ended, and how long they took together.
pub fn jobs_ended() -> Vec<(JobEnd, u64, Duration)> {
    let jobs = JOBS.lock().unwrap_or_else(PoisonError::into_inner);
    let all = jobs
        .iter()
        .map(|(end, (count, time))| (*end, *count, *time));
    all.collect()
}

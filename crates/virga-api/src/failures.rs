//! Counts failures in windows: after so many, the next try is refused before anything is checked.

use std::{
    collections::HashMap,
    fmt::Debug,
    hash::Hash,
    sync::{Mutex, PoisonError},
    time::Duration,
};
use virga_core::{Failure, Kind, Result, Timestamp};

/// Above this many keys, windows that are over are forgotten.
const PRUNE_AT: usize = 10_000;

/// Failures by key.
#[derive(Debug)]
pub(crate) struct Failures<K> {
    counts: Mutex<HashMap<K, (u32, Timestamp)>>,
    most: u32,
    window: Duration,
}

impl<K: Hash + Eq + Debug> Failures<K> {
    pub(crate) fn new(most: u32, window: Duration) -> Self {
        Self {
            counts: Mutex::default(),
            most,
            window,
        }
    }

    /// Refuses while the window of too many failures lasts.
    pub(crate) fn check(&self, key: &K, now: Timestamp) -> Result<()> {
        let counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        let Some((count, since)) = counts.get(key) else {
            return Ok(());
        };
        let age = now.since(*since);
        if *count < self.most || age >= self.window {
            return Ok(());
        }
        let seconds = (self.window.saturating_sub(age)).as_secs() + 1;
        let detail = format!("Too many failed tries. Try again in {seconds} s.");
        Err(Failure::new(Kind::TooMany, "sign-in.too-many", detail).after(seconds))
    }

    /// Notes a failure.
    pub(crate) fn note(&self, key: K, now: Timestamp) {
        let mut counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        if counts.len() >= PRUNE_AT {
            counts.retain(|_, (_, since)| now.since(*since) < self.window);
        }
        let entry = counts.entry(key).or_insert((0, now));
        if now.since(entry.1) >= self.window {
            *entry = (0, now);
        }
        entry.0 += 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_window_ends() {
        let failures = Failures::new(2, Duration::from_secs(300));
        let start = Timestamp::from_seconds(1000);
        failures.note("a", start);
        failures.check(&"a", start).unwrap();
        failures.note("a", start);
        let refused = failures
            .check(&"a", start.plus(Duration::from_secs(100)))
            .unwrap_err();
        assert_eq!(refused.retry_after, Some(201));
        failures.check(&"b", start).unwrap();
        failures
            .check(&"a", start.plus(Duration::from_secs(300)))
            .unwrap();
    }
}

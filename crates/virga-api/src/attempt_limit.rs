//! Counts failures in windows: after so many, the next try is refused before anything is checked.

use std::{
    collections::HashMap,
    fmt::Debug,
    hash::Hash,
    sync::{Mutex, PoisonError},
    time::Duration,
};
use virga_core::{Code, Failure, Result, Timestamp};

/// Above this many keys, windows that are over are forgotten.
const PRUNE_AT: usize = 10_000;

/// Failures by key.
#[derive(Debug)]
pub(crate) struct Failures<K> {
    counts: Mutex<HashMap<K, (u32, Timestamp)>>,
    pub(crate) most: u32,
    pub(crate) window: Duration,
    pub(crate) name: &'static str,
}

impl<K: Hash + Eq + Debug> Failures<K> {
    /// At most so many in a window; the name tells counters apart.
    pub(crate) fn new(name: &'static str, most: u32, window: Duration) -> Self {
        Self {
            counts: Mutex::default(),
            most,
            window,
            name,
        }
    }

    /// Counts a try; refuses while the window of too many failures lasts. A try that turns out
    /// right is given back. Counting first is what keeps tries at the same time from slipping by.
    pub(crate) fn take(&self, key: K, now: Timestamp) -> Result<()> {
        let mut counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        if counts.len() >= PRUNE_AT {
            counts.retain(|_, (_, since)| now.since(*since) < self.window);
        }
        let entry = counts.entry(key).or_insert((0, now));
        let age = now.since(entry.1);
        if age >= self.window {
            *entry = (0, now);
        } else if entry.0 >= self.most {
            return Err(too_many(self.window.saturating_sub(age)));
        }
        entry.0 += 1;
        Ok(())
    }

    /// The try was right: it does not count.
    pub(crate) fn give_back(&self, key: &K) {
        let mut counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((count, _)) = counts.get_mut(key) {
            *count = count.saturating_sub(1);
        }
    }
}

/// The refusal, with the time to wait.
pub(crate) fn too_many(wait: Duration) -> Failure {
    let seconds = wait.as_secs() + 1;
    let detail = format!("Too many failed tries. Try again in {seconds} s.");
    Failure::new(Code::SignInTooMany, detail).after(seconds)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_window_ends_and_right_tries_do_not_count() {
        let failures = Failures::new("test", 2, Duration::from_secs(300));
        let start = Timestamp::from_seconds(1000);
        for _ in 0..5 {
            failures.take("a", start).unwrap();
            failures.give_back(&"a");
        }
        failures.take("a", start).unwrap();
        failures.take("a", start).unwrap();
        let later = start.plus(Duration::from_secs(100));
        assert_eq!(
            failures.take("a", later).unwrap_err().retry_after,
            Some(201)
        );
        failures.take("b", start).unwrap();
        failures
            .take("a", start.plus(Duration::from_secs(300)))
            .unwrap();
    }
}

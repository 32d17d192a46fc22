//! Rate limits in this process: keyed buckets that answer 429 with `Retry-After`.

use governor::{
    Quota, RateLimiter,
    clock::{Clock, DefaultClock},
    state::keyed::DashMapStateStore,
};
use std::{fmt, hash::Hash, num::NonZeroU32, time::Duration};
use virga_core::{Code, Failure};

/// A bucket a key.
pub struct Limit<K: Hash + Eq + Clone> {
    inner: RateLimiter<K, DashMapStateStore<K>, DefaultClock>,
    /// The refusal's code.
    pub code: Code,
    /// One comes free every so long.
    pub gap: Duration,
    /// So many can be saved up.
    pub most: NonZeroU32,
}

impl<K: Hash + Eq + Clone> fmt::Debug for Limit<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Limit({})", self.code)
    }
}

fn positive(value: u32) -> NonZeroU32 {
    NonZeroU32::new(value).unwrap_or(NonZeroU32::MIN)
}

impl<K: Hash + Eq + Clone> Limit<K> {
    /// `rate` a second, saved up for `burst` seconds.
    pub fn per_second(code: Code, rate: u32, burst: u32) -> Self {
        let most = positive(rate.saturating_mul(burst.max(1)));
        let rate = positive(rate);
        Self::new(code, Duration::from_secs(1) / rate.get(), most)
    }

    /// `count` in each `window`, all of them at once if need be.
    pub fn per_window(code: Code, count: u32, window: Duration) -> Self {
        let count = positive(count);
        Self::new(code, window / count.get(), count)
    }

    fn new(code: Code, gap: Duration, most: NonZeroU32) -> Self {
        let gap = gap.max(Duration::from_nanos(1));
        let quota = Quota::with_period(gap).unwrap_or(Quota::per_second(NonZeroU32::MAX));
        Self {
            inner: RateLimiter::keyed(quota.allow_burst(most)),
            code,
            gap,
            most,
        }
    }

    /// Takes one; refuses with the seconds to wait.
    pub fn take(&self, key: &K) -> Result<(), Failure> {
        self.take_many(key, 1)
    }

    /// Takes so many at once, or as many as can be saved up; refuses with the seconds to wait.
    pub fn take_many(&self, key: &K, count: u32) -> Result<(), Failure> {
        let count = positive(count).min(self.most);
        let taken = self.inner.check_key_n(key, count);
        // More than can be saved up were never asked for.
        taken.unwrap_or(Ok(())).map_err(|refused| {
            let wait = refused.wait_time_from(DefaultClock::default().now());
            too_many(self.code, wait)
        })
    }

    /// Forgets keys that have been quiet; call now and then.
    pub fn shrink(&self) {
        self.inner.retain_recent();
    }
}

/// The refusal, with the time to wait.
pub fn too_many(code: Code, wait: Duration) -> Failure {
    let seconds = wait.as_secs() + 1;
    let detail = format!("Too many requests. Try again in {seconds} s.");
    Failure::new(code, detail).after(seconds)
}

#[cfg(test)]
mod tests {
    use super::*;
    use virga_core::Kind;

    #[test]
    fn the_one_too_many_is_told_when_to_come_back() {
        let limit = Limit::per_window(Code::RateReads, 3, Duration::from_secs(300));
        for _ in 0..3 {
            limit.take(&"a").unwrap();
        }
        let refused = limit.take(&"a").unwrap_err();
        assert_eq!(refused.kind(), Kind::TooMany);
        assert!((1..=101).contains(&refused.retry_after.unwrap()));
        limit.take(&"b").unwrap();
    }

    #[test]
    fn many_are_taken_whole_or_not_at_all() {
        let limit = Limit::per_window(Code::RateReads, 10, Duration::from_secs(3600));
        limit.take_many(&"a", 8).unwrap();
        assert!(limit.take_many(&"a", 3).is_err());
        limit.take_many(&"a", 2).unwrap();
        limit.take_many(&"b", 1000).unwrap();
        assert!(limit.take(&"b").is_err());
    }
}

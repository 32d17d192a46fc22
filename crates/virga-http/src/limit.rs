//! Rate limits in this process: keyed buckets that answer 429 with `Retry-After`.

use governor::{
    Quota, RateLimiter,
    clock::{Clock, DefaultClock},
    state::keyed::DashMapStateStore,
};
use std::{fmt, hash::Hash, num::NonZeroU32, time::Duration};
use virga_core::{Failure, Kind};

/// A bucket a key.
pub struct Limit<K: Hash + Eq + Clone> {
    inner: RateLimiter<K, DashMapStateStore<K>, DefaultClock>,
    code: &'static str,
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
    pub fn per_second(code: &'static str, rate: u32, burst: u32) -> Self {
        let quota = Quota::per_second(positive(rate))
            .allow_burst(positive(rate.saturating_mul(burst.max(1))));
        Self {
            inner: RateLimiter::keyed(quota),
            code,
        }
    }

    /// `count` in each `window`, all of them at once if need be.
    pub fn per_window(code: &'static str, count: u32, window: Duration) -> Self {
        let count = positive(count);
        let quota = Quota::with_period(window / count.get())
            .unwrap_or(Quota::per_hour(count))
            .allow_burst(count);
        Self {
            inner: RateLimiter::keyed(quota),
            code,
        }
    }

    /// Takes one; refuses with the seconds to wait.
    pub fn take(&self, key: &K) -> Result<(), Failure> {
        self.inner.check_key(key).map_err(|refused| {
            let wait = refused.wait_time_from(DefaultClock::default().now());
            let seconds = wait.as_secs() + 1;
            let detail = format!("Too many requests. Try again in {seconds} s.");
            Failure::new(Kind::TooMany, self.code, detail).after(seconds)
        })
    }

    /// Forgets keys that have been quiet; call now and then.
    pub fn shrink(&self) {
        self.inner.retain_recent();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_one_too_many_is_told_when_to_come_back() {
        let limit = Limit::per_window("test", 3, Duration::from_secs(300));
        for _ in 0..3 {
            limit.take(&"a").unwrap();
        }
        let refused = limit.take(&"a").unwrap_err();
        assert_eq!(refused.kind, Kind::TooMany);
        assert!((1..=101).contains(&refused.retry_after.unwrap()));
        limit.take(&"b").unwrap();
    }
}

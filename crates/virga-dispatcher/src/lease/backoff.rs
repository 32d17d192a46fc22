//! How long a notified worker waits before it looks for jobs. A notification reaches all workers at
//! once, and all but one look in vain: whoever did so waits a random while before the next look, longer
//! each time. A job is taken by the one that waits least.

use std::time::Duration;

use virga_core::Entropy;

/// The longest wait after the first look in vain; it doubles with each further one.
const FIRST: Duration = Duration::from_millis(10);
/// How often it doubles: the longest wait is 320 ms.
const DOUBLINGS: u32 = 5;

/// Looks in vain since the last job, or since a quiet second.
#[derive(Debug, Default)]
pub(super) struct Backoff(u32);

impl Backoff {
    /// A notification led to a look that found nothing.
    pub(super) fn grow(&mut self) {
        self.0 = (self.0 + 1).min(DOUBLINGS + 1);
    }

    /// A job was found, or nobody was notified for a while.
    pub(super) fn reset(&mut self) {
        self.0 = 0;
    }

    /// The wait before the next look; none after a success.
    pub(super) fn wait(&self, entropy: &dyn Entropy) -> Duration {
        let Some(doublings) = self.0.checked_sub(1) else {
            return Duration::ZERO;
        };
        let longest = FIRST * 2_u32.pow(doublings);
        longest * u32::from(u16::from_le_bytes(entropy.bytes())) / u32::from(u16::MAX)
    }
}

#[cfg(test)]
mod tests {
    use virga_core::OsEntropy;

    use super::*;

    fn longest(backoff: &Backoff) -> Duration {
        let waits = (0..200).map(|_| backoff.wait(&OsEntropy));
        waits.max().unwrap()
    }

    #[test]
    fn a_worker_that_looks_in_vain_waits_longer_and_one_that_finds_a_job_does_not_wait() {
        let mut backoff = Backoff::default();
        assert_eq!(longest(&backoff), Duration::ZERO);
        backoff.grow();
        let first = longest(&backoff);
        assert!(first > Duration::ZERO && first <= FIRST, "{first:?}");
        for _ in 0..20 {
            backoff.grow();
        }
        let last = longest(&backoff);
        assert!(last > 10 * FIRST && last <= 32 * FIRST, "{last:?}");
        backoff.reset();
        assert_eq!(longest(&backoff), Duration::ZERO);
    }
}

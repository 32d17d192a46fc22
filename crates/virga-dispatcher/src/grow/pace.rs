//! When a track that is still being made may be shown: a player that starts then must not catch up with its
//! maker.

use std::{collections::VecDeque, time::Duration};

use tokio::time::Instant;

/// The least that is made before a film is shown, microseconds of film.
const LEAST: i64 = 6_000_000;
/// The slowest stretch of this time counts.
const WINDOW: Duration = Duration::from_secs(30);
/// A stretch shorter than this says nothing of the pace: pieces come in lumps.
const SHORTEST: Duration = Duration::from_secs(1);
/// What a player's look for news and a piece on its way may cost, microseconds.
const SLACK: i64 = 8_000_000;
/// A maker that is so much faster than the film needs nothing in advance.
const FAST: f64 = 1.2;

/// How fast film is made.
#[derive(Debug)]
pub(super) struct Pace {
    /// Length of the whole, microseconds.
    total: i64,
    /// What was made by when, oldest first; the first is from before the window. Empty before the first
    /// piece: how long that takes says nothing of the pace either.
    made: VecDeque<(Instant, i64)>,
    /// What stood before this maker began.
    found: i64,
}

impl Pace {
    pub(super) fn new(total: i64) -> Self {
        Self {
            total,
            made: VecDeque::new(),
            found: 0,
        }
    }

    /// So much stood before this maker began: that says nothing of its pace.
    pub(super) fn found(&mut self, made: i64) {
        self.found = made;
    }

    /// So much stands now.
    pub(super) fn note(&mut self, now: Instant, made: i64) {
        self.made.push_back((now, made));
        while self
            .made
            .get(1)
            .is_some_and(|(at, _)| now.duration_since(*at) > WINDOW)
        {
            self.made.pop_front();
        }
    }

    /// Film made in a unit of time, on the slowest stretch of late that ends now; `None` before the second
    /// piece.
    fn rate(&self, now: Instant) -> Option<f64> {
        let made = self.standing();
        let rate = |(at, before): &(Instant, i64)| {
            let took = now.duration_since(*at).max(Duration::from_millis(1));
            seconds(made - before) / took.as_secs_f64()
        };
        let long = |(at, _): &&(Instant, i64)| now.duration_since(*at) >= SHORTEST;
        let slowest = self.made.iter().filter(long).map(rate).reduce(f64::min);
        // Or all of it came within a moment.
        slowest.or_else(|| self.made.front().filter(|_| self.made.len() > 1).map(rate))
    }

    /// How much stands.
    pub(super) fn standing(&self) -> i64 {
        self.made.back().map_or(self.found, |(_, made)| *made)
    }

    /// How long to wait yet: zero where a player may start now, `None` where nobody can tell.
    ///
    /// A film of length T that is made at rate r < 1 plays without a halt if it starts when
    /// T × (1 − r) stands.
    pub(super) fn wait(&self, now: Instant) -> Option<Duration> {
        let (made, rate) = (self.standing(), self.rate(now)?);
        let enough = if rate >= FAST {
            LEAST
        } else {
            let rest = seconds(self.total) * (1.0 - rate);
            LEAST.max(micros(rest).saturating_add(SLACK))
        };
        let missing = enough.min(self.total) - made;
        if missing <= 0 {
            return Some(Duration::ZERO);
        }
        let wait = seconds(missing) / rate.max(0.001);
        Some(Duration::from_secs_f64(wait.clamp(0.001, 1e6)))
    }
}

#[expect(clippy::cast_precision_loss, reason = "seconds of film, not exact")]
fn seconds(micros: i64) -> f64 {
    micros as f64 / 1e6
}

#[expect(clippy::cast_possible_truncation, reason = "a film's length fits")]
fn micros(seconds: f64) -> i64 {
    (seconds * 1e6) as i64
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Makes film at these rates, some seconds each, in pieces; answers how long a player that starts as soon
    /// as it may has to wait later on.
    fn halts(total: i64, rates: &[(f64, u64)]) -> (Option<u64>, f64) {
        let begin = Instant::now();
        let mut pace = Pace::new(total);
        let (mut made, mut started) = (0.0_f64, None);
        let (mut played, mut halted) = (0.0_f64, 0.0_f64);
        let whole = seconds(total);
        let last = rates.last().map_or(1.0, |it| it.0);
        let all = rates
            .iter()
            .flat_map(|(rate, long)| (0..*long).map(|_| *rate));
        for (second, rate) in (1_u64..100_000).zip(all.chain(std::iter::repeat(last))) {
            made = (made + rate).min(whole);
            let now = begin + Duration::from_secs(second);
            pace.note(now, micros(made));
            if started.is_some() {
                let next = (played + 1.0).min(made);
                if made < whole {
                    halted += (played + 1.0 - next).max(0.0);
                }
                played = next;
            } else if pace.wait(now) == Some(Duration::ZERO) {
                started = Some(second);
            }
            if made >= whole {
                break;
            }
        }
        (started, halted)
    }

    #[test]
    fn a_fast_maker_is_shown_after_six_seconds_of_film() {
        assert_eq!(halts(7_200_000_000, &[(3.0, 9)]), (Some(2), 0.0));
    }

    #[test]
    fn a_slow_maker_is_shown_when_the_rest_will_be_in_time() {
        let (started, halted) = halts(600_000_000, &[(0.5, 1)]);
        // 300 s and the slack must stand.
        assert_eq!(started, Some(616));
        assert!(halted.abs() < f64::EPSILON, "{halted}");
    }

    #[test]
    fn what_another_maker_left_says_nothing_of_the_pace() {
        let begin = Instant::now();
        let mut pace = Pace::new(600_000_000);
        pace.found(100_000_000);
        assert_eq!(pace.standing(), 100_000_000);
        assert_eq!(pace.wait(begin), None);
        pace.note(begin, 100_000_000);
        let now = begin + Duration::from_secs(10);
        pace.note(now, 105_000_000);
        // At half the film's pace 308 s must stand.
        let wait = pace.wait(now).unwrap().as_secs_f64();
        assert!((wait - (308.0 - 105.0) / 0.5).abs() < 1.0, "{wait}");
    }

    #[test]
    fn what_it_says_of_the_wait_is_right_within_a_fifth() {
        let begin = Instant::now();
        let mut pace = Pace::new(600_000_000);
        for second in 1..=30 {
            pace.note(
                begin + Duration::from_secs(second),
                i64::try_from(second).unwrap() * 700_000,
            );
        }
        let wait = pace
            .wait(begin + Duration::from_secs(30))
            .unwrap()
            .as_secs_f64();
        let right = (600.0 * 0.3 + 8.0 - 21.0) / 0.7;
        assert!(
            (wait / right - 1.0).abs() < 0.2,
            "{wait} instead of {right}"
        );
    }

    proptest! {
        /// Whatever steady pace a maker has, nobody who starts when told has to wait.
        #[test]
        fn nobody_halts_at_a_steady_pace(rate in 0.05_f64..4.0, total in 8_i64..4_000) {
            let (started, halted) = halts(total * 1_000_000, &[(rate, 1)]);
            prop_assert!(halted < 1e-6, "started at {started:?}, halted {halted} s");
        }
    }
}

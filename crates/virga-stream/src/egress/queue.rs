//! Whose bytes leave next, where they may not all leave at once. Viewers take turns; players come before
//! downloads.

use std::{
    collections::{HashMap, VecDeque},
    hash::Hash,
    net::IpAddr,
    time::{Duration, Instant},
};

use tokio::sync::oneshot;
use virga_core::VideoId;

use super::{CHUNK, EgressLimits, Lane};

/// How far ahead of its rate anything may be, so that timers of a millisecond reach high rates.
const SLACK: Duration = Duration::from_millis(5);
/// Of so many turns that both want, a download gets one.
const SHARE_OF_DOWNLOADS: u32 = 8;
/// The most that something can be ahead of its rate, bytes: a turn, and one more for the slack.
const LONGEST: u64 = 2 * CHUNK as u64;
/// How often what is forgotten is looked for.
const SWEEP: Duration = Duration::from_secs(10);

/// Bytes that wait for their turn.
#[derive(Debug)]
struct Waiter {
    video: VideoId,
    bytes: u64,
    go: oneshot::Sender<()>,
}

/// What one viewer waits for.
#[derive(Debug, Default)]
struct Viewer {
    players: VecDeque<Waiter>,
    downloads: VecDeque<Waiter>,
}

impl Viewer {
    fn of(&mut self, download: bool) -> &mut VecDeque<Waiter> {
        if download {
            &mut self.downloads
        } else {
            &mut self.players
        }
    }

    fn len(&self) -> usize {
        self.players.len() + self.downloads.len()
    }
}

/// When each of something is due again: it has had its bytes until then.
#[derive(Debug)]
struct Due<K>(HashMap<K, Instant>);

impl<K: Eq + Hash + Copy> Due<K> {
    /// At a rate that was raised, nobody waits longer than at that rate.
    fn of(&self, key: K, rate: u64, now: Instant) -> Instant {
        match self.0.get(&key) {
            Some(due) if rate > 0 => (*due).min(now + lasts(LONGEST, rate)),
            _ => now,
        }
    }

    fn charge(&mut self, key: K, bytes: u64, rate: u64, now: Instant) {
        if rate > 0 {
            let from = self.0.get(&key).copied().unwrap_or(now).max(earlier(now));
            self.0.insert(key, from + lasts(bytes, rate));
        }
    }

    fn sweep(&mut self, now: Instant) {
        self.0.retain(|_, due| *due > now);
    }
}

/// Everything that waits.
#[derive(Debug)]
pub(super) struct Queue {
    waiting: HashMap<IpAddr, Viewer>,
    /// Viewers in the order of their turns.
    turns: VecDeque<IpAddr>,
    total: Due<()>,
    viewers: Due<IpAddr>,
    films: Due<VideoId>,
    /// Turns of players since the last one of a download.
    players: u32,
    swept: Instant,
}

impl Queue {
    pub(super) fn new(now: Instant) -> Self {
        Self {
            waiting: HashMap::new(),
            turns: VecDeque::new(),
            total: Due(HashMap::new()),
            viewers: Due(HashMap::new()),
            films: Due(HashMap::new()),
            players: 0,
            swept: now,
        }
    }

    /// Viewers that wait.
    pub(super) fn viewers(&self) -> usize {
        self.turns.len()
    }

    /// What this one has waiting.
    pub(super) fn waiters(&self, viewer: IpAddr) -> usize {
        self.waiting.get(&viewer).map_or(0, Viewer::len)
    }

    /// Puts bytes last among those of their viewer; told when they may leave.
    pub(super) fn push(&mut self, lane: Lane, bytes: u64) -> oneshot::Receiver<()> {
        let (go, told) = oneshot::channel();
        let Lane { viewer, video, .. } = lane;
        let waiting = self.waiting.entry(viewer).or_default();
        if waiting.len() == 0 {
            self.turns.push_back(viewer);
        }
        let waiter = Waiter { video, bytes, go };
        waiting.of(lane.download).push_back(waiter);
        told
    }

    /// Lets go what may leave now; when to look again, if anything is left.
    pub(super) fn advance(&mut self, limits: &EgressLimits, now: Instant) -> Option<Instant> {
        if now.saturating_duration_since(self.swept) > SWEEP {
            self.swept = now;
            self.viewers.sweep(now);
            self.films.sweep(now);
        }
        loop {
            let due = self.total.of((), limits.total, now);
            if !self.turns.is_empty() && due > now + SLACK {
                return Some(due);
            }
            let downloads_turn = self.players >= SHARE_OF_DOWNLOADS - 1;
            let order = [downloads_turn, !downloads_turn];
            let next = order
                .into_iter()
                .find_map(|download| Some((self.next(download, limits, now)?, download)));
            let Some((at, download)) = next else {
                return self.earliest(limits, now);
            };
            self.take(at, download, limits, now);
        }
    }

    /// Lets everything go.
    pub(super) fn release(&mut self) {
        self.turns.clear();
        for waiter in self
            .waiting
            .drain()
            .flat_map(|(_, it)| [it.players, it.downloads])
        {
            for waiter in waiter {
                let _ = waiter.go.send(());
            }
        }
    }

    /// Whose turn it is among viewers with bytes of this kind that may leave.
    fn next(&self, download: bool, limits: &EgressLimits, now: Instant) -> Option<usize> {
        self.turns.iter().position(|viewer| {
            let first = self.first(*viewer, download);
            first.is_some_and(|first| self.due(*viewer, first.video, limits, now) <= now + SLACK)
        })
    }

    fn first(&self, viewer: IpAddr, download: bool) -> Option<&Waiter> {
        let waiting = self.waiting.get(&viewer)?;
        let kind = if download {
            &waiting.downloads
        } else {
            &waiting.players
        };
        kind.front()
    }

    fn due(&self, viewer: IpAddr, video: VideoId, limits: &EgressLimits, now: Instant) -> Instant {
        let own = self.viewers.of(viewer, limits.per_viewer, now);
        own.max(self.films.of(video, limits.per_film, now))
    }

    /// When the first of all may leave, as far as viewers and films go.
    fn earliest(&self, limits: &EgressLimits, now: Instant) -> Option<Instant> {
        let firsts = self.turns.iter().flat_map(|viewer| {
            let kinds = [false, true].map(|download| self.first(*viewer, download));
            kinds.into_iter().flatten().map(|it| (*viewer, it.video))
        });
        firsts
            .map(|(viewer, video)| self.due(viewer, video, limits, now))
            .min()
    }

    /// Lets the first bytes of this kind go, of the viewer at this place; it is last in turn then.
    fn take(&mut self, at: usize, download: bool, limits: &EgressLimits, now: Instant) {
        let Some(viewer) = self.turns.remove(at) else {
            return;
        };
        let Some(waiting) = self.waiting.get_mut(&viewer) else {
            return;
        };
        let waiter = waiting.of(download).pop_front();
        if waiting.len() == 0 {
            self.waiting.remove(&viewer);
        } else {
            self.turns.push_back(viewer);
        }
        let Some(Waiter { video, bytes, go }) = waiter else {
            return;
        };
        // Who has gone meanwhile costs nothing.
        if go.send(()).is_err() {
            return;
        }
        self.players = if download { 0 } else { self.players + 1 };
        self.total.charge((), bytes, limits.total, now);
        self.viewers.charge(viewer, bytes, limits.per_viewer, now);
        self.films.charge(video, bytes, limits.per_film, now);
    }
}

fn earlier(now: Instant) -> Instant {
    now.checked_sub(SLACK).unwrap_or(now)
}

/// How long these bytes take at so many a second.
fn lasts(bytes: u64, rate: u64) -> Duration {
    Duration::from_nanos(bytes.saturating_mul(1_000_000_000) / rate.max(1))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::Ipv4Addr;

    const CHUNK: u64 = super::CHUNK as u64;

    fn lane(viewer: u8, video: u8, download: bool) -> Lane {
        Lane {
            viewer: Ipv4Addr::new(10, 0, 0, viewer).into(),
            video: VideoId::from_bytes([video; 8]),
            download,
        }
    }

    /// Bytes that each lane got in so many seconds, if each always wants more.
    fn run(limits: &EgressLimits, lanes: &[Lane], seconds: u64) -> Vec<u64> {
        let mut now = Instant::now();
        let end = now + Duration::from_secs(seconds);
        let mut queue = Queue::new(now);
        let mut got = vec![0; lanes.len()];
        let mut asked: Vec<_> = lanes.iter().map(|lane| queue.push(*lane, CHUNK)).collect();
        while now < end {
            let again = queue.advance(limits, now);
            let mut went = false;
            for (n, told) in asked.iter_mut().enumerate() {
                if told.try_recv().is_ok() {
                    got[n] += CHUNK;
                    *told = queue.push(lanes[n], CHUNK);
                    went = true;
                }
            }
            if !went {
                now = again
                    .expect("something waits")
                    .max(now + Duration::from_micros(100));
            }
        }
        got
    }

    fn near(got: u64, expected: u64) -> bool {
        got.abs_diff(expected) <= expected / 20 + 2 * CHUNK
    }

    #[test]
    fn many_connections_of_one_viewer_get_no_more_than_another_ones() {
        let limits = EgressLimits {
            total: 10_000_000,
            ..EgressLimits::default()
        };
        let mut lanes = vec![lane(1, 1, false); 20];
        lanes.push(lane(2, 2, false));
        let got = run(&limits, &lanes, 10);
        let greedy: u64 = got[..20].iter().sum();
        assert!(
            near(greedy, 50_000_000) && near(got[20], 50_000_000),
            "{got:?}"
        );
    }

    #[test]
    fn a_viewer_and_a_film_have_rates_of_their_own() {
        let limits = EgressLimits {
            total: 0,
            per_viewer: 2_000_000,
            per_film: 3_000_000,
        };
        let lanes = [lane(1, 1, false), lane(2, 1, false), lane(3, 2, false)];
        let got = run(&limits, &lanes, 10);
        assert!(near(got[0] + got[1], 30_000_000), "{got:?}");
        assert!(near(got[2], 20_000_000), "{got:?}");
    }

    #[test]
    fn downloads_leave_players_seven_eighths() {
        let limits = EgressLimits {
            total: 8_000_000,
            ..EgressLimits::default()
        };
        let lanes = [lane(1, 1, false), lane(2, 2, true), lane(3, 2, true)];
        let got = run(&limits, &lanes, 10);
        assert!(near(got[0], 70_000_000), "{got:?}");
        assert!(near(got[1] + got[2], 10_000_000), "{got:?}");
        let alone = run(&limits, &lanes[1..], 10);
        assert!(near(alone.iter().sum(), 80_000_000), "{alone:?}");
    }

    #[test]
    fn who_has_gone_costs_nothing() {
        let (limits, now) = (
            EgressLimits {
                total: 1000,
                ..EgressLimits::default()
            },
            Instant::now(),
        );
        let mut queue = Queue::new(now);
        for n in 0..100 {
            drop(queue.push(lane(n, 1, false), CHUNK));
        }
        let mut told = queue.push(lane(200, 1, false), CHUNK);
        assert_eq!(queue.advance(&limits, now), None);
        assert!(told.try_recv().is_ok());
        assert_eq!((queue.viewers(), queue.waiting.len()), (0, 0));
    }

    #[test]
    fn a_limit_that_is_raised_or_lifted_holds_up_nobody() {
        let now = Instant::now();
        let slow = EgressLimits {
            total: 1,
            per_viewer: 1,
            per_film: 1,
        };
        let mut queue = Queue::new(now);
        let mut first = queue.push(lane(1, 1, false), CHUNK);
        let mut second = queue.push(lane(1, 1, false), CHUNK);
        assert!(queue.advance(&slow, now).is_some());
        assert!(first.try_recv().is_ok() && second.try_recv().is_err());
        let fast = EgressLimits {
            total: 10_000_000,
            ..EgressLimits::default()
        };
        let again = queue.advance(&fast, now).expect("it waits");
        assert!(again < now + Duration::from_millis(20));
        assert_eq!(queue.advance(&EgressLimits::default(), now), None);
        assert!(second.try_recv().is_ok());
    }
}

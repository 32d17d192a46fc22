//! The ends of sessions that the feed of changes reported to this process, and whether what was read
//! of a session earlier still holds.

use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};
use tokio::sync::watch;
use virga_core::UserId;
use virga_db::changes::Ended;

/// How long ends are remembered; no copy that may be used is older.
const KEPT: Duration = Duration::from_secs(180);
/// The feed was read this short a time ago, or copies are not believed.
const FRESH: Duration = Duration::from_millis(750);

/// The ends of sessions that the feed reported.
#[derive(Debug)]
pub(crate) struct Ends {
    known: Mutex<Known>,
    grown: watch::Sender<u64>,
}

#[derive(Debug)]
struct Known {
    /// Of ends after this place in the feed none is forgotten.
    from: i64,
    /// Everything up to this place was read.
    head: i64,
    /// The feed had no more than that at this time.
    read: Option<Instant>,
    /// Where in the feed, and when this process heard.
    ends: HashMap<Ended, (i64, Instant)>,
}

impl Ends {
    /// From this place in the feed on.
    pub(crate) fn after(head: i64) -> Self {
        Self {
            known: Mutex::new(Known {
                from: head,
                head,
                read: None,
                ends: HashMap::new(),
            }),
            grown: watch::Sender::new(0),
        }
    }

    fn with<T>(&self, look: impl FnOnce(&mut Known) -> T) -> T {
        look(&mut self.known.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Records that the feed was read up to this position and reported these ends; `whole`: there
    /// was nothing more at that time.
    pub(crate) fn note(
        &self,
        ends: impl Iterator<Item = (i64, Ended)>,
        head: i64,
        whole: Option<Instant>,
    ) {
        let now = Instant::now();
        let any = self.with(|known| {
            let before = known.ends.len();
            known.ends.extend(ends.map(|(seq, end)| (end, (seq, now))));
            let any = known.ends.len() > before;
            known.head = head;
            known.read = whole.or(known.read);
            known.forget(now);
            any
        });
        if any {
            self.grown.send_modify(|count| *count += 1);
        }
    }

    /// Sessions were ended here just now: copies of them are not believed, even before the feed is
    /// read again.
    pub(crate) fn ended_here(&self, end: Ended) {
        self.with(|known| known.ends.insert(end, (i64::MAX, Instant::now())));
    }

    pub(crate) fn head(&self) -> i64 {
        self.with(|known| known.head)
    }

    /// Whether what was read of this session at that place in the feed still holds.
    pub(crate) fn holds(&self, hash: &str, user: UserId, seq: i64) -> bool {
        self.with(|known| {
            let fresh = known.read.is_some_and(|read| read.elapsed() < FRESH);
            let since = |end| known.ends.get(&end).is_some_and(|(at, _)| *at > seq);
            fresh
                && seq >= known.from
                && !since(Ended::Session(hash.to_owned()))
                && !since(Ended::Account(user))
        })
    }

    /// Whether the feed recently reported the end of this session or of its account's sessions.
    pub(crate) fn name(&self, hash: &str, user: UserId) -> bool {
        self.with(|known| {
            known.ends.contains_key(&Ended::Session(hash.to_owned()))
                || known.ends.contains_key(&Ended::Account(user))
        })
    }

    /// Changes with each end that is reported.
    pub(crate) fn watch(&self) -> watch::Receiver<u64> {
        self.grown.subscribe()
    }
}

impl Known {
    fn forget(&mut self, now: Instant) {
        let mut from = self.from;
        self.ends.retain(|_, (seq, heard)| {
            let keep = now.duration_since(*heard) < KEPT;
            if !keep && *seq < i64::MAX {
                from = from.max(*seq);
            }
            keep
        });
        self.from = from;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use virga_core::OsEntropy;

    fn session(hash: &str) -> Ended {
        Ended::Session(hash.to_owned())
    }

    #[test]
    fn a_copy_holds_while_the_feed_is_read_and_names_no_later_end() {
        let (ann, bob) = (UserId::random(&OsEntropy), UserId::random(&OsEntropy));
        let ends = Ends::after(10);
        assert!(!ends.holds("a", ann, 10), "the feed was not read yet");
        ends.note(std::iter::empty(), 12, Some(Instant::now()));
        assert!(ends.holds("a", ann, 10) && ends.holds("a", ann, 12));
        assert!(
            !ends.holds("a", ann, 9),
            "what ended before it is not known"
        );

        let told = [(13, session("a")), (14, Ended::Account(bob))];
        ends.note(told.into_iter(), 14, Some(Instant::now()));
        assert!(!ends.holds("a", ann, 12) && ends.holds("a", ann, 13));
        assert!(ends.holds("b", ann, 12), "another session of hers");
        assert!(!ends.holds("c", bob, 13) && ends.holds("c", bob, 14));

        ends.ended_here(session("b"));
        assert!(!ends.holds("b", ann, 14), "before the feed reports it");
        ends.note([(15, session("b"))].into_iter(), 15, Some(Instant::now()));
        assert!(ends.holds("b", ann, 15), "it could have signed in again");

        let long_ago = Instant::now().checked_sub(2 * FRESH);
        ends.with(|known| known.read = long_ago);
        assert!(!ends.holds("b", ann, 15), "the feed was not read of late");
    }

    #[test]
    fn ends_are_forgotten_after_a_while_and_with_them_older_copies() {
        let ann = UserId::random(&OsEntropy);
        let ends = Ends::after(0);
        ends.note([(5, session("a"))].into_iter(), 6, Some(Instant::now()));
        assert!(ends.holds("b", ann, 4));
        ends.with(|known| known.forget(Instant::now() + KEPT));
        assert!(ends.with(|known| known.ends.is_empty()));
        assert!(!ends.holds("b", ann, 4) && ends.holds("b", ann, 5));
    }
}

//! Fair shares of a fixed number of places: connections, requests in flight, event streams.
//!
//! While places are free, any holder may take them, so that a school behind one address is served.
//! When none is left, the holder with the most gives up its longest idle place to one with fewer.
//! A holder keeps an eighth of the places whatever others ask, unless so many large holders are
//! there that these shares would exceed half of all places: then the half is divided among them.

use std::{
    collections::HashMap,
    net::IpAddr,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, AtomicUsize, Ordering},
    },
};
use tokio_util::sync::CancellationToken;

/// A holder's share that others cannot take, as a part of all places.
const SHARE: usize = 8;

/// A number of places. Cheap to clone.
#[derive(Clone, Debug)]
pub struct FairPool(Arc<Pool>);

#[derive(Debug)]
struct Pool {
    capacity: AtomicUsize,
    /// Orders uses of places.
    uses: AtomicU64,
    held: Mutex<Held>,
}

#[derive(Debug, Default)]
struct Held {
    count: usize,
    next: u64,
    holders: HashMap<IpAddr, HashMap<u64, Slot>>,
}

#[derive(Debug)]
struct Slot {
    last_used: Arc<AtomicU64>,
    revoked: CancellationToken,
}

/// A place; given back when dropped.
#[derive(Debug)]
pub struct Permit {
    pool: FairPool,
    holder: IpAddr,
    id: u64,
    last_used: Arc<AtomicU64>,
    revoked: CancellationToken,
}

impl FairPool {
    /// A pool of at least one place.
    pub fn new(capacity: usize) -> Self {
        Self(Arc::new(Pool {
            capacity: AtomicUsize::new(capacity.max(1)),
            uses: AtomicU64::new(0),
            held: Mutex::default(),
        }))
    }

    /// Changes how many places there are; at least one. Holders beyond a smaller number keep theirs.
    pub fn resize(&self, capacity: usize) {
        self.0.capacity.store(capacity.max(1), Ordering::Relaxed);
    }

    /// A place for this holder: a free one, or one that a larger holder gives up.
    pub fn take(&self, holder: IpAddr) -> Option<Permit> {
        let mut held = self.held();
        let capacity = self.0.capacity.load(Ordering::Relaxed);
        if held.count >= capacity {
            held.give_up(capacity, holder)?.revoked.cancel();
        }
        let permit = Permit {
            pool: self.clone(),
            holder,
            id: held.next,
            last_used: Arc::new(AtomicU64::new(self.now())),
            revoked: CancellationToken::new(),
        };
        held.next += 1;
        held.count += 1;
        let slot = Slot {
            last_used: Arc::clone(&permit.last_used),
            revoked: permit.revoked.clone(),
        };
        held.holders
            .entry(holder)
            .or_default()
            .insert(permit.id, slot);
        Some(permit)
    }

    fn now(&self) -> u64 {
        self.0.uses.fetch_add(1, Ordering::Relaxed)
    }

    fn held(&self) -> MutexGuard<'_, Held> {
        self.0.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Held {
    /// Takes the longest idle place from the largest holder, if it has more than its share and
    /// more than the one who asks.
    fn give_up(&mut self, capacity: usize, asking: IpAddr) -> Option<Slot> {
        let own = self.holders.get(&asking).map_or(0, HashMap::len);
        let even = capacity / (self.holders.len() + usize::from(own == 0));
        let large = self
            .holders
            .values()
            .filter(|it| it.len() > even.max(1))
            .count();
        let share = (capacity / SHARE).min(capacity / 2 / large.max(1)).max(1);
        let (&holder, slots) = self.holders.iter().max_by_key(|(_, slots)| slots.len())?;
        if slots.len() <= share || slots.len() <= own + 1 {
            return None;
        }
        let idle = |slot: &Slot| slot.last_used.load(Ordering::Relaxed);
        let (&id, _) = slots.iter().min_by_key(|(_, slot)| idle(slot))?;
        self.remove(holder, id)
    }

    fn remove(&mut self, holder: IpAddr, id: u64) -> Option<Slot> {
        let slots = self.holders.get_mut(&holder)?;
        let slot = slots.remove(&id)?;
        if slots.is_empty() {
            self.holders.remove(&holder);
        }
        self.count -= 1;
        Some(slot)
    }
}

impl Permit {
    /// Marks the place as in use now: the longest idle one is given up first.
    pub fn touch(&self) {
        self.last_used.store(self.pool.now(), Ordering::Relaxed);
    }

    /// Waits until the place is taken away.
    pub async fn revoked(&self) {
        self.revoked.cancelled().await;
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        let _ = self.pool.held().remove(self.holder, self.id);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(n: u8) -> IpAddr {
        IpAddr::from([192, 0, 2, n])
    }

    fn fill(pool: &FairPool, holder: u8, count: usize) -> Vec<Permit> {
        let taken = (0..count).map(|_| pool.take(address(holder)).expect("a place"));
        taken.collect()
    }

    fn lost(permits: &[Permit]) -> Vec<usize> {
        let revoked = |it: &(usize, &Permit)| it.1.revoked.is_cancelled();
        let lost = permits.iter().enumerate().filter(revoked);
        lost.map(|(index, _)| index).collect()
    }

    #[test]
    fn one_holder_may_take_all_and_gives_up_the_longest_idle() {
        let pool = FairPool::new(16);
        let first = fill(&pool, 1, 16);
        assert!(pool.take(address(1)).is_none());
        first[0].touch();
        let other = fill(&pool, 2, 2);
        assert_eq!((lost(&first), lost(&other)), (vec![1, 2], vec![]));
        drop((first, other));
        assert_eq!(fill(&pool, 3, 16).len(), 16, "all places came back");
    }

    #[test]
    fn a_holder_keeps_its_share_against_many_small_ones() {
        let pool = FairPool::new(80);
        let school = fill(&pool, 1, 40);
        let small: Vec<_> = (2..=255).map(|n| pool.take(address(n))).collect();
        assert_eq!(school.len() - lost(&school).len(), 10, "an eighth of 80");
        assert_eq!(small.iter().flatten().count(), 70);
    }

    #[test]
    fn many_equal_holders_make_room_for_a_new_one() {
        let pool = FairPool::new(64);
        let many: Vec<_> = (1..=16).flat_map(|n| fill(&pool, n, 4)).collect();
        let new = fill(&pool, 99, 2);
        assert_eq!((lost(&many).len(), lost(&new).len()), (2, 0));
    }

    #[test]
    fn holders_of_equal_size_do_not_take_from_each_other() {
        let pool = FairPool::new(16);
        let (first, second) = (fill(&pool, 1, 8), fill(&pool, 2, 8));
        assert!(pool.take(address(1)).is_none() && pool.take(address(2)).is_none());
        assert!(lost(&first).is_empty() && lost(&second).is_empty());
    }
}

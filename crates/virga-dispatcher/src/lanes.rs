//! How many jobs of which weight run at once. What makes a video playable never waits behind what
//! takes minutes: a first rung has a lane of its own, and a ladder running at the same time has the lowest
//! priority.

use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use virga_core::job::{JobKind, Lane};

use crate::DispatcherConfig;

/// Uploads that are waited for at once; more take turns.
const WAITING: usize = 8;
/// Probes and publications at once.
const QUICK: usize = 2;

/// Room for jobs.
#[derive(Debug)]
pub(crate) struct Lanes {
    waiting: Arc<Semaphore>,
    quick: Arc<Semaphore>,
    light: Arc<Semaphore>,
    first: Arc<Semaphore>,
    heavy: Arc<Semaphore>,
}

impl Lanes {
    pub(crate) fn new(config: &DispatcherConfig) -> Self {
        Self {
            waiting: Arc::new(Semaphore::new(WAITING)),
            quick: Arc::new(Semaphore::new(QUICK)),
            light: Arc::new(Semaphore::new(config.light_jobs)),
            first: Arc::new(Semaphore::new(config.heavy_jobs)),
            heavy: Arc::new(Semaphore::new(config.heavy_jobs)),
        }
    }

    fn of(&self, lane: Lane) -> &Arc<Semaphore> {
        match lane {
            Lane::Waiting => &self.waiting,
            Lane::Quick => &self.quick,
            Lane::Light => &self.light,
            Lane::First => &self.first,
            Lane::Heavy => &self.heavy,
        }
    }

    /// The kinds that there is room for.
    pub(crate) fn open(&self) -> Vec<JobKind> {
        let open = |kind: &JobKind| self.of(kind.lane()).available_permits() > 0;
        JobKind::ALL.iter().copied().filter(open).collect()
    }

    /// Takes a place; only the lease loop does, so what was open stays open until then.
    pub(crate) fn enter(&self, kind: JobKind) -> Option<OwnedSemaphorePermit> {
        Arc::clone(self.of(kind.lane())).try_acquire_owned().ok()
    }
}

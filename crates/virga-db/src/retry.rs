//! Running a transaction again that another one was in the way of.

use std::{
    future::Future,
    time::{Duration, Instant},
};
use virga_core::{Code, Entropy, Failure, OsEntropy};

use crate::DbError;

const TRIES: u32 = 4;
const FIRST_PAUSE: Duration = Duration::from_millis(10);
/// A caller that has waited this long gets the error. PostgreSQL takes a second to notice a deadlock.
const PATIENCE: Duration = Duration::from_secs(4);

/// Errors that tell whether the engine has undone the whole transaction for another one's sake.
pub trait Undone {
    /// Whether nothing of it happened and it may be run again.
    fn is_undone(&self) -> bool;
}

impl Undone for DbError {
    fn is_undone(&self) -> bool {
        matches!(self, Self::Busy(_))
    }
}

impl Undone for Failure {
    fn is_undone(&self) -> bool {
        self.code == Code::DatabaseBusy
    }
}

/// Runs `work`, exactly one transaction from `begin` to `commit`, again if the engine rolled it
/// back: a deadlock, a serialization failure, a lock timeout. Nothing of a rolled-back transaction
/// happened, so everything inside it may be run again; anything outside it may not,
/// and a commit whose answer was lost is never among these errors.
pub async fn retried<T, E, F>(work: impl Fn() -> F) -> Result<T, E>
where
    F: Future<Output = Result<T, E>>,
    E: Undone,
{
    let start = Instant::now();
    let mut tries = 1;
    loop {
        match work().await {
            Err(error) if error.is_undone() && tries < TRIES && start.elapsed() < PATIENCE => {
                tokio::time::sleep(pause(tries)).await;
                tries += 1;
            }
            done => return done,
        }
    }
}

/// Doubled each time, and up to twice as long by chance: two that met do not meet again.
fn pause(tries: u32) -> Duration {
    let mut byte = [0];
    OsEntropy.fill(&mut byte);
    let pause = FIRST_PAUSE * 2_u32.pow(tries);
    pause + pause * u32::from(byte[0]) / 255
}

//! Trying again what got no answer, and the errors that mean so.

use std::time::Duration;

use tokio::time::sleep;
use virga_core::{Entropy, OsEntropy, with_causes};
use virga_objects::{ObjectError, Result};

/// How often a request is tried.
pub(super) const TRIES: u32 = 4;
const FIRST_PAUSE: Duration = Duration::from_millis(100);

/// Tries so often until there is an answer. Only for what may be done twice.
pub(super) async fn retried<T, F>(tries: u32, attempt: impl Fn() -> F) -> Result<T>
where
    F: Future<Output = Result<T>>,
{
    let mut tried = 0;
    loop {
        let done = attempt().await;
        tried += 1;
        match done {
            Err(error) if error.is_unanswered() && tried < tries => pause(tried).await,
            done => return done,
        }
    }
}

/// Waits before the next try: longer each time, and never at the same moment as the others.
pub(super) async fn pause(tried: u32) {
    let entropy: &dyn Entropy = &OsEntropy;
    let most = FIRST_PAUSE * 2_u32.saturating_pow(tried);
    let share = u32::from(u16::from_le_bytes(entropy.bytes()));
    sleep(most / 2 + most / 2 * share / u32::from(u16::MAX)).await;
}

pub(super) fn unavailable(doing: &'static str, why: impl Into<String>) -> ObjectError {
    ObjectError::Unavailable {
        doing,
        why: why.into(),
    }
}

/// A connection that did not come about or broke.
pub(super) fn broken(doing: &'static str, error: reqwest::Error) -> ObjectError {
    unavailable(doing, with_causes(&error.without_url()))
}

/// An answer that keeps to no dialect.
pub(super) fn unexpected(doing: &'static str, status: u16, code: &str) -> ObjectError {
    ObjectError::Bucket {
        doing,
        status,
        code: code.to_owned(),
    }
}

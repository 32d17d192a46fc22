//! One log line a request. Health checks are left out, and so is the flood that a refusal comes in:
//! of those one line a second says how many there were.

use http::{Method, StatusCode};
use serde::{Deserialize, Serialize};
use std::{
    net::IpAddr,
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

/// Which requests are logged.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Access {
    /// All of them.
    #[default]
    All,
    /// Those that failed: statuses from 500 on, and refusals of limits.
    Errors,
    /// None. Errors of the site are logged by the part that has them.
    Off,
}

/// A request that was answered.
#[derive(Debug)]
pub(crate) struct Answered<'a> {
    pub(crate) method: &'a Method,
    pub(crate) path: &'a str,
    pub(crate) status: StatusCode,
    pub(crate) took: Duration,
    pub(crate) request_id: &'a str,
    pub(crate) address: IpAddr,
}

/// The log of one listener.
#[derive(Debug)]
pub(crate) struct AccessLog {
    access: Access,
    refusals: Mutex<Sample>,
}

/// Between two lines on refusals.
const EVERY: Duration = Duration::from_secs(1);

/// Refusals since the last line.
#[derive(Debug, Default)]
struct Sample {
    last: Option<Instant>,
    left_out: u64,
}

impl Sample {
    /// Whether this refusal is logged, and how many were not before it.
    fn take(&mut self, now: Instant) -> Option<u64> {
        if self
            .last
            .is_some_and(|last| now.duration_since(last) < EVERY)
        {
            self.left_out += 1;
            return None;
        }
        self.last = Some(now);
        Some(std::mem::take(&mut self.left_out))
    }
}

/// Asked every second by balancers and service managers.
fn is_health(path: &str) -> bool {
    matches!(path, "/livez" | "/readyz" | "/metrics")
}

/// A refusal by a limit, by missing space or by a full pool: a flood causes many of them.
fn is_refusal(status: StatusCode) -> bool {
    matches!(
        status,
        StatusCode::TOO_MANY_REQUESTS
            | StatusCode::SERVICE_UNAVAILABLE
            | StatusCode::INSUFFICIENT_STORAGE
    )
}

impl AccessLog {
    pub(crate) fn new(access: Access) -> Self {
        Self {
            access,
            refusals: Mutex::default(),
        }
    }

    pub(crate) fn write(&self, it: &Answered<'_>) {
        let (method, path, status) = (it.method, it.path, it.status.as_u16());
        let duration_ms = u64::try_from(it.took.as_millis()).unwrap_or(u64::MAX);
        let (request_id, address) = (it.request_id, it.address);
        if is_health(path) {
            tracing::debug!(%method, path, status, duration_ms, request_id, %address, "request");
            return;
        }
        let failed = status >= 500 || is_refusal(it.status);
        let logged = match self.access {
            Access::All => true,
            Access::Errors => failed,
            Access::Off => false,
        };
        if !logged {
            return;
        }
        if is_refusal(it.status) {
            let mut sample = self.refusals.lock().unwrap_or_else(PoisonError::into_inner);
            if let Some(left_out) = sample.take(Instant::now()) {
                tracing::warn!(%method, path, status, duration_ms, request_id, %address, left_out, "request refused");
            }
        } else if failed {
            tracing::warn!(%method, path, status, duration_ms, request_id, %address, "request");
        } else {
            tracing::info!(%method, path, status, duration_ms, request_id, %address, "request");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_a_flood_of_refusals_one_a_second_is_logged_with_the_count_of_the_others() {
        let (mut sample, start) = (Sample::default(), Instant::now());
        let at = |millis| start + Duration::from_millis(millis);
        assert_eq!(sample.take(at(0)), Some(0));
        for millis in 1..=50 {
            assert_eq!(sample.take(at(millis)), None);
        }
        assert_eq!(sample.take(at(1000)), Some(50));
        assert_eq!(sample.take(at(3000)), Some(0));
    }
}

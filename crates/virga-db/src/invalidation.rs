//! Which connections of a pool may still be used.

use sea_orm::sqlx::pool::PoolConnectionMetadata;
use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Instant,
};

/// When connections were last found to be unreliable. A pool does not say which of its connections
/// a failed commit used, so all that were open at that moment are replaced before their next use.
#[derive(Clone, Debug, Default)]
pub(crate) struct Invalidation(Arc<Mutex<Option<Instant>>>);

impl Invalidation {
    /// No connection that is open now is used again.
    pub(crate) fn invalidate(&self) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(Instant::now());
    }

    /// Whether a connection was opened after the last invalidation.
    pub(crate) fn allows(&self, connection: &PoolConnectionMetadata) -> bool {
        let last = *self.0.lock().unwrap_or_else(PoisonError::into_inner);
        last.is_none_or(|last| last.elapsed() > connection.age)
    }
}

//! The queue as walks along an index: due jobs of one kind, the oldest first, and leases by their end.
//! `jobs_due` stays for a release before.

use sea_orm::DatabaseBackend;

use crate::dialect;

pub(super) fn statements(backend: DatabaseBackend) -> Vec<String> {
    let due = dialect::add_index(backend, "jobs_queue", "jobs", "kind, state, run_at, id");
    let leases = dialect::add_index(backend, "jobs_leases", "jobs", "state, lease_until");
    due.into_iter().chain(leases).collect()
}

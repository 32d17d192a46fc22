//! The queue as walks along an index: due jobs of one kind, the oldest first, and leases by their end.
//! `jobs_due` stays for a release before.

use sea_orm::DatabaseBackend;

use crate::dialect;

const INDEXES: [[&str; 3]; 2] = [
    ["jobs_queue", "jobs", "kind, state, run_at, id"],
    ["jobs_leases", "jobs", "state, lease_until"],
];

pub(super) fn statements(backend: DatabaseBackend) -> Vec<String> {
    dialect::add_indexes(backend, &INDEXES)
}

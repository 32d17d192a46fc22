//! What was done of late, for fair turns; where a session was started, for its account to see.

use sea_orm::DatabaseBackend;

use crate::dialect;

const INDEXES: [[&str; 3]; 2] = [
    ["jobs_recent", "jobs", "updated_at"],
    ["sessions_user_seen", "sessions", "user_id, seen_at"],
];
const COLUMNS: [[&str; 3]; 2] = [
    ["sessions", "device", "VARCHAR(200)"],
    ["sessions", "network", "VARCHAR(200)"],
];

pub(super) fn statements(backend: DatabaseBackend) -> Vec<String> {
    let indexes = dialect::add_indexes(backend, &INDEXES);
    [indexes, dialect::add_columns(backend, &COLUMNS)].concat()
}

//! What the sweeper looks for, along indexes: videos whose published object is behind their rows,
//! sessions that ended or are unused, drafts by age, closed jobs by age.

use sea_orm::DatabaseBackend;

use crate::dialect;

const BEHIND: &str = "CASE WHEN published_version < presentation_version THEN 1 ELSE 0 END";
const INDEXES: [[&str; 3]; 5] = [
    ["videos_behind", "videos", "behind, id"],
    ["videos_state", "videos", "state, created_at"],
    ["sessions_expires", "sessions", "expires_at"],
    ["sessions_seen", "sessions", "seen_at"],
    ["jobs_closed", "jobs", "state, updated_at"],
];

pub(super) fn statements(backend: DatabaseBackend) -> Vec<String> {
    let column = dialect::add_computed(backend, "videos", "behind", BEHIND);
    [column, dialect::add_indexes(backend, &INDEXES)].concat()
}

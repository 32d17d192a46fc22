//! What was done of late, for fair turns; where a session was started, for its account to see.

use sea_orm::DatabaseBackend;

use crate::dialect;

pub(super) fn statements(backend: DatabaseBackend) -> Vec<String> {
    let recent = dialect::add_index(backend, "jobs_recent", "jobs", "updated_at");
    let by_user = dialect::add_index(
        backend,
        "sessions_user_seen",
        "sessions",
        "user_id, seen_at",
    );
    let columns = ["device", "network"]
        .iter()
        .flat_map(|column| dialect::add_column(backend, "sessions", column, "VARCHAR(200)"));
    recent.into_iter().chain(by_user).chain(columns).collect()
}

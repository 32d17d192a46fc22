//! Jobs of jobs: whose child one is, and what follows when all of its own are done. NULL for rows of
//! releases that do not know the columns.

use sea_orm::DatabaseBackend;

use crate::dialect;

pub(super) fn statements(backend: DatabaseBackend) -> Vec<String> {
    let parent = dialect::add_column(backend, "jobs", "parent", "BIGINT");
    let follow_up = dialect::add_column(backend, "jobs", "follow_up", "TEXT");
    let index = dialect::add_index(backend, "jobs_parent", "jobs", "parent, state");
    parent.into_iter().chain(follow_up).chain(index).collect()
}

//! Jobs of jobs: whose child one is, and what follows when all of its own are done. NULL for rows of
//! releases that do not know the columns.

use sea_orm::DatabaseBackend;

use crate::dialect;

const COLUMNS: [[&str; 3]; 2] = [["jobs", "parent", "BIGINT"], ["jobs", "follow_up", "TEXT"]];
const INDEX: [&str; 3] = ["jobs_parent", "jobs", "parent, state"];

pub(super) fn statements(backend: DatabaseBackend) -> Vec<String> {
    let columns = dialect::add_columns(backend, &COLUMNS);
    [columns, dialect::add_indexes(backend, &[INDEX])].concat()
}

//! What an account uses beyond its sources: the bytes of what was made of each video, and the time that
//! its jobs took. NULL: not counted yet, or written by a release that does not know the columns.

use sea_orm::DatabaseBackend;

use crate::dialect;

const COLUMNS: [[&str; 3]; 2] = [
    ["videos", "made_bytes", "BIGINT"],
    ["jobs", "spent_ms", "BIGINT"],
];

pub(super) fn statements(backend: DatabaseBackend) -> Vec<String> {
    dialect::add_columns(backend, &COLUMNS)
}

//! What an account uses beyond its sources: the bytes of what was made of each video, and the time that
//! its jobs took. NULL: not counted yet, or written by a release that does not know the columns.

use sea_orm::DatabaseBackend;

use crate::dialect;

const COLUMNS: [(&str, &str); 2] = [("videos", "made_bytes"), ("jobs", "spent_ms")];

pub(super) fn statements(backend: DatabaseBackend) -> Vec<String> {
    COLUMNS
        .iter()
        .flat_map(|(table, column)| dialect::add_column(backend, table, column, "BIGINT"))
        .collect()
}

//! How loud the sound is, hundredths of LUFS. NULL where that is not known, and for rows of releases that do not
//! know the column.

use sea_orm::DatabaseBackend;

use crate::dialect;

const COLUMNS: [[&str; 3]; 1] = [["videos", "loudness", "INTEGER"]];

pub(super) fn statements(backend: DatabaseBackend) -> Vec<String> {
    dialect::add_columns(backend, &COLUMNS)
}

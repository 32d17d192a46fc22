//! Sounds of a film that has several, JSON. NULL for rows of releases that do not know the column.

use sea_orm::DatabaseBackend;

use crate::dialect;

const COLUMNS: [[&str; 3]; 1] = [["videos", "sounds", "TEXT"]];

pub(super) fn statements(backend: DatabaseBackend) -> Vec<String> {
    dialect::add_columns(backend, &COLUMNS)
}

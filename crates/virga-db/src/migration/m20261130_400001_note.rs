//! What the owner should know of the uploaded file: a code, and microseconds that it says to be long. NULL for
//! nothing, and for rows of releases that do not know the columns.

use sea_orm::DatabaseBackend;

use crate::dialect;

const COLUMNS: [[&str; 3]; 2] = [
    ["videos", "note", "VARCHAR(32)"],
    ["videos", "announced", "BIGINT"],
];

pub(super) fn statements(backend: DatabaseBackend) -> Vec<String> {
    dialect::add_columns(backend, &COLUMNS)
}

//! What a track is for, which rung it is, its language, and where its bytes are, in one form that can
//! grow. NULL for rows of releases that do not know the columns.

use sea_orm::DatabaseBackend;

use crate::dialect;

const COLUMNS: [[&str; 3]; 4] = [
    ["tracks", "role", "VARCHAR(64)"],
    ["tracks", "rung", "VARCHAR(64)"],
    ["tracks", "language", "VARCHAR(64)"],
    ["tracks", "body", "TEXT"],
];

pub(super) fn statements(backend: DatabaseBackend) -> Vec<String> {
    dialect::add_columns(backend, &COLUMNS)
}

//! What a track is for, which rung it is, its language, and where its bytes are, in one form that can
//! grow. NULL for rows of releases that do not know the columns.

use sea_orm::DatabaseBackend;

use crate::dialect;

const COLUMNS: [(&str, &str); 4] = [
    ("role", "VARCHAR(64)"),
    ("rung", "VARCHAR(64)"),
    ("language", "VARCHAR(64)"),
    ("body", "TEXT"),
];

pub(super) fn statements(backend: DatabaseBackend) -> Vec<String> {
    COLUMNS
        .iter()
        .flat_map(|(column, kind)| dialect::add_column(backend, "tracks", column, kind))
        .collect()
}

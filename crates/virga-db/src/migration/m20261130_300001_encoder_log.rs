//! What the encoder said last, of a job whose try failed. NULL for rows of releases that do not know the
//! column.

use sea_orm::DatabaseBackend;

use crate::dialect;

pub(super) fn statements(backend: DatabaseBackend) -> Vec<String> {
    dialect::add_columns(backend, &[["jobs", "encoder_log", "TEXT"]])
}

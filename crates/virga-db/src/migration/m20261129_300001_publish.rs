//! Videos that stay private until their owner publishes them, and what an account's uploads start
//! with. All nullable: a release that does not know the columns keeps writing rows.

use sea_orm::DatabaseBackend;

use crate::dialect;

const COLUMNS: [[&str; 3]; 3] = [
    ["videos", "publish_as", "VARCHAR(16)"],
    ["users", "upload_visibility", "VARCHAR(16)"],
    ["users", "publish_at_once", "INTEGER"],
];

pub(super) fn statements(backend: DatabaseBackend) -> Vec<String> {
    dialect::add_columns(backend, &COLUMNS)
}

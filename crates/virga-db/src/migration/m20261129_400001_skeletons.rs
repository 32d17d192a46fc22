//! What account names look like, so that no two look alike. NULL for rows of releases that do not
//! know the column, until the dispatcher fills it in, and for names that collided before.

use sea_orm::DatabaseBackend;

use crate::dialect;

const COLUMN: [&str; 3] = ["users", "name_skeleton", "VARCHAR(190)"];
const UNIQUE: [&str; 3] = ["users_skeleton", "users", "name_skeleton"];

pub(super) fn statements(backend: DatabaseBackend) -> Vec<String> {
    let column = dialect::add_columns(backend, &[COLUMN]);
    [column, dialect::add_unique(backend, UNIQUE)].concat()
}

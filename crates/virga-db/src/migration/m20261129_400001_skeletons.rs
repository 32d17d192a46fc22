//! What account names look like, so that no two look alike. NULL for rows of releases that do not
//! know the column, until the dispatcher fills it in, and for names that collided before.

use sea_orm::DatabaseBackend;

use crate::dialect;

pub(super) fn statements(backend: DatabaseBackend) -> Vec<String> {
    let column = dialect::add_column(backend, "users", "name_skeleton", "VARCHAR(190)");
    let unique = dialect::add_unique(backend, "users_skeleton", "users", "name_skeleton");
    column.into_iter().chain(unique).collect()
}

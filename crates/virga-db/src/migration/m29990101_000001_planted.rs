//! What a later release might add, in the binary of the fault tests only: a column with a value for
//! existing rows and for those that this release keeps writing, and an index on it.

use sea_orm::DatabaseBackend;

use crate::dialect;

pub(super) fn statements(backend: DatabaseBackend) -> Vec<String> {
    let add = "ALTER TABLE videos ADD COLUMN planted bigint DEFAULT 7 NOT NULL".to_owned();
    let fill = "UPDATE videos SET planted = 8".to_owned();
    let index = dialect::add_indexes(backend, &[["videos_planted", "videos", "planted"]]);
    [add, fill].into_iter().chain(index).collect()
}

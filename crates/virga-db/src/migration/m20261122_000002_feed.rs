//! The row that writers of the feed lock, one after another. See docs/adr/0006-sql-engines.md.

use sea_orm::DatabaseBackend;

use crate::changes::TURN;

pub(super) fn statements(backend: DatabaseBackend) -> Vec<String> {
    let (table, name, value) = match backend {
        DatabaseBackend::MySql => ("`settings`", "`name`", "`value`"),
        _ => ("\"settings\"", "\"name\"", "\"value\""),
    };
    vec![format!(
        "INSERT INTO {table} ({name}, {value}) SELECT '{TURN}', '' FROM (SELECT 1 AS one) AS once \
         WHERE NOT EXISTS (SELECT 1 FROM {table} WHERE {name} = '{TURN}')"
    )]
}

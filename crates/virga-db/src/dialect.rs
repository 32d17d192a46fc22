//! Where SQLite, MariaDB/MySQL and PostgreSQL differ: all of it, and nothing else.

use sea_orm::{
    ActiveModelTrait, ConnectOptions, ConnectionTrait, DatabaseBackend, DbErr, Insert, QueryTrait,
    RuntimeErr, SqlxError, SqlxMySqlError, Statement,
    sea_query::{Expr, IntoIden, OnConflict, TableCreateStatement},
    sqlx::{Database, Executor, pool::PoolOptions},
};

use crate::{Result, invalidation::Invalidation};

/// One lock a database on PostgreSQL: any number that nobody else takes ("virga").
const ADVISORY: &str = "SELECT pg_advisory_xact_lock(508911183713)";
/// MySQL's named locks belong to the whole server: one a database, in at most 64 signs.
const NAMED: &str = "CONCAT('virga.', MD5(DATABASE()))";

/// An engine's name for people.
pub(crate) fn name(backend: DatabaseBackend) -> &'static str {
    match backend {
        DatabaseBackend::MySql => "MariaDB/MySQL",
        DatabaseBackend::Postgres => "PostgreSQL",
        _ => "SQLite",
    }
}

/// The question for the engine's version.
pub(crate) fn version(backend: DatabaseBackend) -> &'static str {
    match backend {
        DatabaseBackend::MySql => "SELECT VERSION()",
        DatabaseBackend::Postgres => "SELECT current_setting('server_version')",
        _ => "SELECT sqlite_version()",
    }
}

/// The oldest release that Virga is made for, major and minor: `SKIP LOCKED`, whole `CREATE TABLE`.
pub(crate) fn oldest(backend: DatabaseBackend, version: &str) -> (u32, u32) {
    match backend {
        DatabaseBackend::MySql if version.contains("MariaDB") => (10, 6),
        DatabaseBackend::MySql => (8, 0),
        DatabaseBackend::Postgres => (14, 0),
        _ => (3, 35),
    }
}

/// Prepares every connection to a server. READ COMMITTED: under MariaDB's default two who take
/// jobs from one range of rows deadlock. Strict: what does not fit is refused, never cut. Waiting
/// for another's row ends within seconds, so that a request is answered. A connection that is older
/// than the last invalidation is replaced; before its use the others are pinged.
pub(crate) fn prepare(options: &mut ConnectOptions, invalidation: &Invalidation) {
    let (mysql, postgres) = (invalidation.clone(), invalidation.clone());
    options
        .map_sqlx_mysql_pool_opts(move |pool| prepared(pool, &mysql, &MYSQL_SESSION))
        .map_sqlx_postgres_pool_opts(move |pool| prepared(pool, &postgres, &POSTGRES_SESSION));
}

const MYSQL_SESSION: [&str; 2] = [
    "SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED",
    "SET SESSION sql_mode = CONCAT(@@sql_mode, ',STRICT_ALL_TABLES'), \
     SESSION innodb_lock_wait_timeout = 5",
];
const POSTGRES_SESSION: [&str; 2] = [
    "SET SESSION CHARACTERISTICS AS TRANSACTION ISOLATION LEVEL READ COMMITTED",
    "SET lock_timeout = '5s'",
];

fn prepared<D: Database>(
    pool: PoolOptions<D>,
    invalidation: &Invalidation,
    session: &'static [&'static str],
) -> PoolOptions<D>
where
    for<'c> &'c mut D::Connection: Executor<'c, Database = D>,
{
    let valid = invalidation.clone();
    pool.after_connect(move |connection, _| {
        Box::pin(async move {
            for statement in session {
                connection.execute(*statement).await?;
            }
            Ok(())
        })
    })
    .before_acquire(move |_, about| {
        let allowed = valid.allows(&about);
        Box::pin(async move { Ok(allowed) })
    })
}

/// The sum of a column of bytes, 0 where there is no row: a 64-bit integer everywhere (servers
/// answer `DECIMAL` or `NUMERIC` to a plain `SUM`).
pub(crate) fn sum_of(c: &impl ConnectionTrait, column: &str) -> Expr {
    let integer = match c.get_database_backend() {
        DatabaseBackend::MySql => "SIGNED",
        _ => "BIGINT",
    };
    Expr::cust(format!("CAST(COALESCE(SUM({column}), 0) AS {integer})"))
}

/// Inserts a row unless `key` is taken; whether it did. MySQL knows no `DO NOTHING`, and counts a
/// row that `ON DUPLICATE KEY` leaves alone as touched.
pub(crate) async fn insert_new<A, K>(
    c: &impl ConnectionTrait,
    row: A,
    key: impl IntoIterator<Item = K>,
) -> Result<bool>
where
    A: ActiveModelTrait,
    K: IntoIden,
{
    let mut insert = Insert::one(row);
    let known = OnConflict::columns(key).do_nothing().to_owned();
    let backend = c.get_database_backend();
    if backend != DatabaseBackend::MySql {
        insert.query().on_conflict(known);
    }
    let mut statement: Statement = insert.build(backend);
    if backend == DatabaseBackend::MySql {
        statement.sql = statement.sql.replacen("INSERT", "INSERT IGNORE", 1);
    }
    Ok(c.execute_raw(statement).await?.rows_affected() == 1)
}

/// A table in an engine's words. On MySQL names and keys compare byte by byte, as elsewhere, and
/// the indexes stand in the table's own statement: DDL is not undone there with its transaction, so
/// a table is made whole or not at all.
pub(crate) fn create_table(
    backend: DatabaseBackend,
    mut table: TableCreateStatement,
    indexes: Vec<sea_orm::sea_query::IndexCreateStatement>,
) -> Vec<String> {
    table.if_not_exists();
    if backend == DatabaseBackend::MySql {
        table
            .engine("InnoDB")
            .character_set("utf8mb4")
            .collate("utf8mb4_bin");
        for mut index in indexes {
            table.index(&mut index);
        }
        return vec![backend.build(&table).sql];
    }
    let table = backend.build(&table).sql;
    let indexes = indexes.into_iter().map(|mut index| {
        index.if_not_exists();
        backend.build(&index).sql
    });
    [table].into_iter().chain(indexes).collect()
}

/// A small number that the database works out from the rest of its row.
pub(crate) fn add_computed(
    backend: DatabaseBackend,
    table: &str,
    column: &str,
    from: &str,
) -> Vec<String> {
    match backend {
        DatabaseBackend::MySql => {
            let add = format!(
                "ALTER TABLE {table} ADD COLUMN {column} SMALLINT GENERATED ALWAYS AS ({from}) \
                 VIRTUAL"
            );
            unless_there(&columns_named(table, column), &add)
        }
        DatabaseBackend::Postgres => vec![format!(
            "ALTER TABLE {table} ADD COLUMN IF NOT EXISTS {column} SMALLINT GENERATED ALWAYS AS \
             ({from}) STORED"
        )],
        // Its migrations are undone whole: none is met half done.
        _ => vec![format!(
            "ALTER TABLE {table} ADD COLUMN {column} INTEGER GENERATED ALWAYS AS ({from}) VIRTUAL"
        )],
    }
}

/// Columns that may be NULL, each at the end of its table: table, name, type.
pub(crate) fn add_columns(backend: DatabaseBackend, columns: &[[&str; 3]]) -> Vec<String> {
    let add = |[table, column, kind]: &[&str; 3]| match backend {
        DatabaseBackend::MySql => unless_there(
            &columns_named(table, column),
            &format!("ALTER TABLE {table} ADD COLUMN {column} {kind}"),
        ),
        DatabaseBackend::Postgres => vec![format!(
            "ALTER TABLE {table} ADD COLUMN IF NOT EXISTS {column} {kind}"
        )],
        // Its migrations are undone whole: none is met half done.
        _ => vec![format!("ALTER TABLE {table} ADD COLUMN {column} {kind}")],
    };
    columns.iter().flat_map(add).collect()
}

/// Indexes on tables that stand: name, table, columns.
pub(crate) fn add_indexes(backend: DatabaseBackend, indexes: &[[&str; 3]]) -> Vec<String> {
    let add = |index: &[&str; 3]| add_index(backend, "INDEX", *index);
    indexes.iter().flat_map(add).collect()
}

/// The same, of values of which each is there once at most; NULL does not count.
pub(crate) fn add_unique(backend: DatabaseBackend, index: [&str; 3]) -> Vec<String> {
    add_index(backend, "UNIQUE INDEX", index)
}

fn add_index(
    backend: DatabaseBackend,
    kind: &str,
    [name, table, columns]: [&str; 3],
) -> Vec<String> {
    match backend {
        DatabaseBackend::MySql => unless_there(
            &indexes_named(table, name),
            &format!("CREATE {kind} {name} ON {table} ({columns})"),
        ),
        _ => vec![format!(
            "CREATE {kind} IF NOT EXISTS {name} ON {table} ({columns})"
        )],
    }
}

/// Drops an index.
pub(crate) fn drop_index(backend: DatabaseBackend, name: &str, table: &str) -> Vec<String> {
    match backend {
        DatabaseBackend::MySql => {
            let gone = format!("NOT EXISTS (SELECT 1 FROM {})", indexes_named(table, name));
            only_if_not(&gone, &format!("DROP INDEX {name} ON {table}"))
        }
        _ => vec![format!("DROP INDEX IF EXISTS {name}")],
    }
}

fn columns_named(table: &str, column: &str) -> String {
    format!(
        "information_schema.columns WHERE table_schema = DATABASE() AND table_name = '{table}' \
         AND column_name = '{column}'"
    )
}

fn indexes_named(table: &str, name: &str) -> String {
    format!(
        "information_schema.statistics WHERE table_schema = DATABASE() AND table_name = '{table}' \
         AND index_name = '{name}'"
    )
}

fn unless_there(rows: &str, statement: &str) -> Vec<String> {
    only_if_not(&format!("EXISTS (SELECT 1 FROM {rows})"), statement)
}

/// MySQL knows no `IF NOT EXISTS` for columns and indexes, and does not undo them with their
/// transaction: a step that a crash cut in two runs again and skips what it did.
fn only_if_not(done: &str, statement: &str) -> Vec<String> {
    vec![
        format!(
            "SET @step = IF({done}, 'DO 0', '{}')",
            statement.replace('\'', "''")
        ),
        "PREPARE step FROM @step".to_owned(),
        "EXECUTE step".to_owned(),
        "DEALLOCATE PREPARE step".to_owned(),
    ]
}

/// Whether a table is there. Needs no right to change anything.
pub(crate) async fn has_table(c: &impl ConnectionTrait, table: &str) -> Result<bool> {
    let backend = c.get_database_backend();
    let ask = match backend {
        DatabaseBackend::MySql => {
            "SELECT 1 FROM information_schema.tables WHERE table_schema = DATABASE() AND table_name = "
        }
        DatabaseBackend::Postgres => {
            "SELECT 1 FROM pg_tables WHERE schemaname = current_schema() AND tablename = "
        }
        _ => "SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = ",
    };
    let ask = Statement::from_string(backend, format!("{ask}'{table}'"));
    Ok(c.query_one_raw(ask).await?.is_some())
}

/// Takes the lock for changing tables and waits for its holder; returns whether it was granted. On
/// SQLite the transaction itself is that lock.
pub(crate) async fn take_turn(c: &impl ConnectionTrait) -> Result<bool> {
    let backend = c.get_database_backend();
    match backend {
        DatabaseBackend::MySql => {
            let ask = format!("SELECT GET_LOCK({NAMED}, 120)");
            let row = c
                .query_one_raw(Statement::from_string(backend, ask))
                .await?;
            let got = row.map(|row| row.try_get_by_index::<Option<i64>>(0));
            Ok(got.transpose()?.flatten() == Some(1))
        }
        DatabaseBackend::Postgres => {
            c.execute_unprepared("SET LOCAL lock_timeout = '120s'")
                .await?;
            c.execute_unprepared(ADVISORY).await?;
            Ok(true)
        }
        _ => Ok(true),
    }
}

/// Gives it back. Elsewhere it ends with the transaction; on MySQL it would stay with the
/// connection, in the pool.
pub(crate) async fn end_turn(c: &impl ConnectionTrait) -> Result<()> {
    if c.get_database_backend() == DatabaseBackend::MySql {
        let ask = format!("DO RELEASE_LOCK({NAMED})");
        c.execute_unprepared(&ask).await?;
    }
    Ok(())
}

/// What an engine's error means for who asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Trouble {
    /// Another transaction was in the way: this one is undone whole and may be run again.
    Busy,
    /// Another process has held SQLite's file for as long as one waits for it.
    Locked,
    /// The engine cannot be reached, or is going.
    Away,
    /// No room on the engine's disk.
    Full,
    /// The database file is damaged.
    Malformed,
    /// Text that PostgreSQL does not hold: U+0000.
    Text,
    /// A bug, or a database that is not ours.
    Other,
}

/// Reads an engine's error.
pub(crate) fn trouble(error: &DbErr) -> Trouble {
    let sqlx = match error {
        DbErr::ConnectionAcquire(_) => return Trouble::Away,
        DbErr::Conn(RuntimeErr::SqlxError(sqlx))
        | DbErr::Exec(RuntimeErr::SqlxError(sqlx))
        | DbErr::Query(RuntimeErr::SqlxError(sqlx)) => sqlx,
        _ => return Trouble::Other,
    };
    let SqlxError::Database(refused) = sqlx.as_ref() else {
        return match sqlx.as_ref() {
            SqlxError::Io(_)
            | SqlxError::Tls(_)
            | SqlxError::Protocol(_)
            | SqlxError::PoolTimedOut
            | SqlxError::PoolClosed
            | SqlxError::BeginFailed
            | SqlxError::WorkerCrashed => Trouble::Away,
            _ => Trouble::Other,
        };
    };
    if let Some(refused) = refused.try_downcast_ref::<SqlxMySqlError>() {
        return match refused.number() {
            1205 | 1213 => Trouble::Busy,
            1040 | 1053 | 1077 | 1203 | 1290 | 1927 => Trouble::Away,
            1021 | 1114 => Trouble::Full,
            _ => Trouble::Other,
        };
    }
    code(&refused.code().unwrap_or_default())
}

/// Reads a code: PostgreSQL's have five characters, SQLite's are numbers of at most four digits whose
/// last byte is the primary code (<https://www.sqlite.org/rescode.html>).
fn code(code: &str) -> Trouble {
    if code.len() == 5 {
        return match code {
            // An idle transaction that the server ended: nothing of it happened.
            "40001" | "40P01" | "55P03" | "25P03" => Trouble::Busy,
            "57P01" | "57P02" | "57P03" | "57P05" | "53300" | "25006" => Trouble::Away,
            "53100" => Trouble::Full,
            "22021" => Trouble::Text,
            _ => Trouble::Other,
        };
    }
    match code.parse::<u32>().map(|code| code & 0xff) {
        // BUSY, LOCKED
        Ok(5 | 6) => Trouble::Locked,
        // NOMEM, READONLY, IOERR, CANTOPEN
        Ok(7 | 8 | 10 | 14) => Trouble::Away,
        // CORRUPT, NOTADB
        Ok(11 | 26) => Trouble::Malformed,
        Ok(13) => Trouble::Full,
        _ => Trouble::Other,
    }
}

/// Whether an error says that its connection is lost, or that the next ones on it may fail as well.
pub(crate) fn ends_connection(error: &DbErr) -> bool {
    matches!(
        trouble(error),
        Trouble::Away | Trouble::Full | Trouble::Malformed
    )
}

//! What `commit` says is what is stored, whatever ends a transaction or its connection.

use std::path::Path;
use virga_db::{ConnectionTrait, Db, DbError, Tx, settings};

use crate::store::Store;

async fn stored(db: &Db, name: &str) -> Option<String> {
    settings::get(db.read(), name).await.unwrap()
}

/// Commits one setting, as a use case does.
async fn write(db: &Db, name: &str, value: &str) -> Result<(), DbError> {
    let tx = db.begin().await?;
    settings::set(&tx, name, value).await?;
    Ok(tx.commit().await?)
}

pub(crate) async fn a_transaction_with_a_failed_statement_stores_nothing(store: &Store) {
    let tx = store.db.begin().await.unwrap();
    settings::set(&tx, "failed.one", "1").await.unwrap();
    tx.execute_unprepared("INSERT INTO nowhere VALUES (1)")
        .await
        .unwrap_err();
    settings::set(&tx, "failed.two", "2").await.unwrap_err();
    tx.commit().await.unwrap_err();
    assert_eq!(stored(&store.db, "failed.one").await, None);
    assert_eq!(stored(&store.db, "failed.two").await, None);
    write(&store.db, "failed.after", "3").await.unwrap();
    assert_eq!(
        stored(&store.db, "failed.after").await.as_deref(),
        Some("3")
    );
}

/// As a full disk does on SQLite, and a shutdown on a server: the driver still counts it as open. The
/// next one would be a savepoint, and rolling that back would leave a transaction open for good.
pub(crate) async fn a_transaction_that_the_engine_ended_spoils_none_after_it(store: &Store) {
    for n in 0..20 {
        let tx = store.db.begin().await.unwrap();
        tx.execute_unprepared("ROLLBACK").await.unwrap();
        if n % 2 == 0 {
            let _ = tx.commit().await;
        } else {
            drop(tx);
        }
        let undone = store.db.begin().await.unwrap();
        settings::set(&undone, "ended.undone", "no").await.unwrap();
        drop(undone);
        let name = format!("ended.{n}");
        write(&store.db, &name, "kept").await.unwrap();
        assert_eq!(stored(&store.db, &name).await.as_deref(), Some("kept"));
    }
}

/// The server's number of a transaction's connection.
async fn connection(tx: &Tx, own: &str) -> i64 {
    let ask = sea_orm::Statement::from_string(tx.get_database_backend(), own);
    let row = tx.query_one_raw(ask).await.unwrap().unwrap();
    row.try_get_by_index::<i32>(0)
        .map(i64::from)
        .or_else(|_| row.try_get_by_index::<i64>(0))
        .unwrap()
}

/// A server that ends connections in the middle of a transaction: the caller hears of it, nothing of
/// it is stored, and the next ones are.
pub(crate) async fn a_connection_lost_in_a_transaction_spoils_none_after_it(store: &Store) {
    let db = &store.db;
    let (own, end) = match db.engine().to_string().as_str() {
        "PostgreSQL" => ("SELECT pg_backend_pid()", "SELECT pg_terminate_backend"),
        "MariaDB/MySQL" => ("SELECT CAST(CONNECTION_ID() AS SIGNED)", "KILL "),
        _ => return,
    };
    for n in 0..5 {
        let (tx, other) = (db.begin().await.unwrap(), db.begin().await.unwrap());
        let (lost, after) = (format!("lost.{n}"), format!("after.{n}"));
        settings::set(&tx, &lost, "no").await.unwrap();
        let id = connection(&tx, own).await;
        let before = [id, connection(&other, own).await];
        other.commit().await.unwrap();
        db.read()
            .execute_unprepared(&format!("{end}({id})"))
            .await
            .unwrap();
        tx.commit().await.unwrap_err();
        let fresh = db.begin().await.unwrap();
        let fresh_id = connection(&fresh, own).await;
        assert!(!before.contains(&fresh_id), "an older connection was used");
        drop(fresh);
        write(db, &after, "kept").await.unwrap();
        assert_eq!(stored(db, &lost).await, None);
        assert_eq!(stored(db, &after).await.as_deref(), Some("kept"));
    }
}

/// PostgreSQL ends sessions that idle in a transaction if `idle_in_transaction_session_timeout` is set.
pub(crate) async fn a_transaction_that_idled_too_long_is_told_apart(store: &Store) {
    let db = &store.db;
    if db.engine().to_string() != "PostgreSQL" {
        return;
    }
    let tx = db.begin().await.unwrap();
    tx.execute_unprepared("SET LOCAL idle_in_transaction_session_timeout = 20")
        .await
        .unwrap();
    let ask = "SELECT 1 FROM pg_stat_activity WHERE state = 'idle in transaction'";
    let ask = || sea_orm::Statement::from_string(tx.get_database_backend(), ask);
    while db.read().query_one_raw(ask()).await.unwrap().is_some() {
        tokio::task::yield_now().await;
    }
    let error = settings::set(&tx, "idle", "no").await.unwrap_err();
    assert!(
        matches!(error, DbError::Busy(_) | DbError::Away(_)),
        "{error:?}"
    );
    drop(tx);
    write(db, "idle.after", "kept").await.unwrap();
    assert_eq!(stored(db, "idle.after").await.as_deref(), Some("kept"));
}

/// SQLite without room for another page: refused as such, and well again when there is room.
#[tokio::test]
async fn a_full_sqlite_refuses_and_keeps_what_it_took() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("full.sqlite");
    let db = Db::open_sqlite(&file).await.unwrap();
    db.migrate().await.unwrap();
    let taken = fill(&db).await;
    // Without the limit again: it belonged to a connection, which may be another now.
    limit(&db, 1 << 30).await;
    for n in 0..60 {
        write(&db, &format!("after.{n}"), "kept").await.unwrap();
    }
    db.close().await;
    reads_back(&file, taken).await;
}

async fn limit(db: &Db, pages: u32) {
    let limit = format!("PRAGMA max_page_count = {pages}");
    db.write().execute_unprepared(&limit).await.unwrap();
}

/// Writes until it is refused; how many were taken.
async fn fill(db: &Db) -> usize {
    limit(db, 1).await; // SQLite takes the present size, where that is more.
    let text = "x".repeat(900);
    for n in 0..1000 {
        match write(db, &format!("fill.{n}"), &text).await {
            Ok(()) => {}
            Err(DbError::Full(_)) => return n,
            Err(error) => panic!("{error:?}"),
        }
    }
    panic!("it never was full");
}

async fn reads_back(file: &Path, taken: usize) {
    let db = Db::open_sqlite(file).await.unwrap();
    for n in 0..taken {
        assert!(stored(&db, &format!("fill.{n}")).await.is_some(), "{n}");
    }
    assert_eq!(stored(&db, &format!("fill.{taken}")).await, None);
    for n in 0..60 {
        let name = format!("after.{n}");
        assert_eq!(stored(&db, &name).await.as_deref(), Some("kept"), "{n}");
    }
    db.close().await;
}

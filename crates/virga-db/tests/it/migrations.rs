//! Bringing tables up to date: by many at once, by hand from the printed script, and beside a
//! newer release.

use futures_util::future::join_all;
use sea_orm::{ConnectionTrait, DatabaseBackend, Statement};
use virga_db::Db;

use crate::{Bench, store::Store};

pub(crate) async fn ten_starts_at_once_migrate_once(bench: &Bench) {
    let database = bench.database("ten").await;
    let start = async |_| {
        let db = bench.open(&database).await;
        db.migrate().await.unwrap();
        assert_eq!(db.pending_migrations().await.unwrap(), 0);
        db.close().await;
    };
    join_all((0..10).map(start)).await;
    Store::on(bench.open(&database).await)
        .await
        .db
        .close()
        .await;
}

pub(crate) async fn ten_open_a_new_file_at_once(bench: &Bench) {
    if !matches!(bench, Bench::Sqlite(_)) {
        return; // A server's files are its own.
    }
    for round in 0..40 {
        let database = bench.database(&format!("new-{round}")).await;
        let opened = join_all((0..10).map(|_| bench.open(&database))).await;
        join_all(opened.into_iter().map(Db::close)).await;
    }
}

pub(crate) async fn the_printed_script_makes_the_same_tables(bench: &Bench) {
    let (by_hand, migrated) = (
        bench.database("by_hand").await,
        bench.database("migrated").await,
    );
    let db = bench.open(&migrated).await;
    db.migrate().await.unwrap();
    let expected = tables(&db).await;
    assert!(expected.len() > 100, "{expected:?}");
    db.close().await;
    let db = bench.open(&by_hand).await;
    // One session, as an administrator's client has.
    let tx = db.begin().await.unwrap();
    for statement in db.engine().script().split(";\n") {
        let lines = statement.lines().filter(|line| !line.starts_with("--"));
        let statement: String = lines.collect();
        if !statement.is_empty() {
            tx.execute_unprepared(&statement).await.unwrap();
        }
    }
    tx.commit().await.unwrap();
    assert_eq!(tables(&db).await, expected);
    assert_eq!(db.pending_migrations().await.unwrap(), 0);
    Store::on(db).await.video("By hand").await;
}

pub(crate) async fn a_step_that_was_cut_in_two_runs_again(bench: &Bench) {
    if matches!(bench, Bench::Sqlite(_)) {
        return; // There it is undone whole.
    }
    let store = Store::on(bench.open(&bench.database("cut").await).await).await;
    let expected = tables(&store.db).await;
    let forget = "DELETE FROM seaql_migrations WHERE version LIKE '%lists'";
    let db = &store.db;
    db.write().execute_unprepared(forget).await.unwrap();
    assert_eq!(db.pending_migrations().await.unwrap(), 1);
    db.migrate().await.unwrap();
    assert_eq!(tables(db).await, expected);
}

pub(crate) async fn a_newer_releases_migration_is_no_concern_of_an_older_one(bench: &Bench) {
    let store = Store::on(bench.open(&bench.database("newer").await).await).await;
    for statement in [
        "INSERT INTO seaql_migrations (version, applied_at) VALUES ('m29990101_000001_later', 0)",
        "ALTER TABLE videos ADD COLUMN later bigint",
        "CREATE INDEX videos_later ON videos (later)",
    ] {
        store
            .db
            .write()
            .execute_unprepared(statement)
            .await
            .unwrap();
    }
    assert_eq!(store.db.pending_migrations().await.unwrap(), 0);
    store.db.migrate().await.unwrap();
    let video = store.video("Beside a newer release").await;
    store.bump(video).await;
}

pub(crate) async fn an_account_that_may_not_change_tables_can_start(bench: &Bench) {
    let Bench::Server(server) = bench else {
        return; // A file's owner may do everything.
    };
    let database = bench.database("bound").await;
    Store::on(bench.open(&database).await)
        .await
        .db
        .close()
        .await;
    let (grants, user) = if database.starts_with("mysql") {
        let grants = "CREATE USER bound@'127.0.0.1' IDENTIFIED BY 'a:b@c/d';
            GRANT SELECT, INSERT, UPDATE, DELETE ON bound.* TO bound@'127.0.0.1'";
        (grants, database.replace("//root@", "//bound@"))
    } else {
        let grants = "CREATE ROLE bound LOGIN";
        (grants, database.replace("//virga@", "//bound@"))
    };
    for grant in grants.split(";\n") {
        server.execute(grant).await;
    }
    if database.starts_with("postgres") {
        let owner = bench.open(&database).await;
        let grant = "GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO bound";
        owner.write().execute_unprepared(grant).await.unwrap();
        let grant = "GRANT USAGE ON ALL SEQUENCES IN SCHEMA public TO bound";
        owner.write().execute_unprepared(grant).await.unwrap();
        owner.close().await;
    }
    let db = Db::connect(&user, Some("a:b@c/d".to_owned()))
        .await
        .unwrap();
    assert!(db.version().await.unwrap().too_old.is_none());
    db.migrate().await.unwrap();
    let refused = db
        .write()
        .execute_unprepared("CREATE TABLE t (a bigint)")
        .await;
    assert!(refused.is_err(), "it may not change tables");
    db.close().await;
}

/// Every column and index as the engine itself tells them.
async fn tables(db: &Db) -> Vec<String> {
    let c = db.read();
    let asks: &[&str] = match c.get_database_backend() {
        DatabaseBackend::MySql => &[
            "SELECT CONCAT_WS(' ', table_name, engine, table_collation) FROM
             information_schema.tables WHERE table_schema = DATABASE() ORDER BY 1",
            "SELECT CONCAT_WS(' ', table_name, column_name, column_type, is_nullable,
             column_default, collation_name, extra) FROM information_schema.columns WHERE
             table_schema = DATABASE() ORDER BY 1",
            "SELECT CONCAT_WS(' ', table_name, index_name, seq_in_index, column_name, non_unique)
             FROM information_schema.statistics WHERE table_schema = DATABASE() ORDER BY 1",
        ],
        DatabaseBackend::Postgres => &[
            "SELECT CONCAT_WS(' ', table_name, column_name, data_type, character_maximum_length,
             is_nullable, column_default) FROM information_schema.columns WHERE table_schema =
             'public' ORDER BY 1",
            "SELECT indexdef FROM pg_indexes WHERE schemaname = 'public' ORDER BY 1",
        ],
        _ => &[
            "SELECT type || ' ' || name || ' ' || COALESCE(sql, '') FROM sqlite_master ORDER BY 1",
            "SELECT m.name || ' ' || c.name || ' ' || c.type || ' ' || c.\"notnull\" FROM
             sqlite_master m, pragma_table_info(m.name) c ORDER BY 1",
        ],
    };
    let mut lines = Vec::new();
    for ask in asks {
        let ask = Statement::from_string(c.get_database_backend(), (*ask).to_owned());
        for row in c.query_all_raw(ask).await.unwrap() {
            lines.push(row.try_get_by_index::<String>(0).unwrap());
        }
    }
    lines
}

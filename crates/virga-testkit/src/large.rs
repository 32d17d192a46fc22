//! The rows of a large site, made by the engine itself within seconds: videos, a million comments,
//! accounts and jobs.

use sea_orm::{ConnectionTrait, DatabaseBackend, DbErr};

/// Accounts.
const ACCOUNTS: u64 = 20_000;
/// Accounts that have videos.
const OWNERS: u64 = 500;
/// One video in so many is private.
pub const PRIVATE: u64 = 10;
/// Ids are eleven digits; a row's is this and its number, from 1 on.
pub const FIRST_ID: u64 = 10_000_000_000;

/// `count` numbers from 1 on, as column `i` of a table.
fn numbers(backend: DatabaseBackend, count: u64) -> String {
    match backend {
        DatabaseBackend::MySql => format!("(SELECT seq AS i FROM seq_1_to_{count}) AS n"),
        DatabaseBackend::Postgres => format!("(SELECT generate_series(1, {count}) AS i) AS n"),
        _ => format!(
            "(WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {count}) \
             SELECT i FROM n) AS n"
        ),
    }
}

fn id(number: &str) -> String {
    format!("CAST({FIRST_ID} + {number} AS CHAR(11))")
}

/// Fills the tables. The larger a video's number, the newer it is; the first has most comments.
///
/// # Errors
/// Where the tables are not there, or not empty.
pub async fn fill(c: &impl ConnectionTrait, videos: u64) -> Result<(), DbErr> {
    let backend = c.get_database_backend();
    let (own, owner) = (id("i"), id(&format!("i % {OWNERS}")));
    let plays = "'ready'";
    let rows = [
        (
            "users (id, name, name_folded, password_hash, role, created_at)",
            format!("{own}, CONCAT('Name', i), CONCAT('name', i), 'x', 'user', i"),
            ACCOUNTS,
        ),
        (
            "videos (id, owner_id, title, search, description, visibility, state, created_at, \
             published_at, epoch, presentation_version, published_version, publish_lease, views, \
             comments, source_size)",
            format!(
                "{own}, {owner}, CONCAT('Rain ', i, ' 下雨'), CONCAT('rain ', i, ' 下雨'), 'Words', \
                 CASE WHEN i % {PRIVATE} = 0 THEN 'private' ELSE 'public' END, {plays}, i, i, 1, \
                 1, 1, 0, i % 977, 10, 1"
            ),
            videos,
        ),
        (
            "comments (id, video_id, author_id, text, created_at)",
            format!(
                "{own}, {}, {owner}, 'Nice rain', i",
                id(&format!(
                    "(CASE WHEN i % 5 = 0 THEN 1 ELSE i % {videos} END)"
                ))
            ),
            1_000_000,
        ),
        (
            "jobs (kind, video_id, payload, state, priority, attempts, run_at, lease_until, fence, \
             worker, progress, created_at, updated_at)",
            format!(
                "'ladder', {own}, '{{}}', CASE WHEN i % 500 = 0 THEN 'failed' ELSE 'done' END, 1, \
                 1, i, 0, 1, 'w', 0, i, i"
            ),
            videos,
        ),
    ];
    for (into, values, count) in rows {
        let from = numbers(backend, count);
        let insert = format!("INSERT INTO {into} SELECT {values} FROM {from}");
        c.execute_unprepared(&insert).await?;
    }
    // Servers see to this by themselves; SQLite has no statistics, as on a site.
    let analyze = match backend {
        DatabaseBackend::MySql => "ANALYZE TABLE users, videos, comments, jobs",
        DatabaseBackend::Postgres => "VACUUM ANALYZE",
        _ => "SELECT 1",
    };
    c.execute_unprepared(analyze).await?;
    Ok(())
}

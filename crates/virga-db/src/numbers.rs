//! Numbers for monitoring: jobs, open uploads, connections.

use sea_orm::{
    ColumnTrait, ConnectionTrait, DatabaseBackend, DatabaseConnection, EntityTrait, PaginatorTrait,
    QueryFilter, QuerySelect,
};
use virga_core::Timestamp;

use crate::{
    Db, Result,
    entity::{job, upload},
};

/// Jobs of one kind in one state.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Jobs {
    /// Their kind.
    pub kind: String,
    /// `queued`, `leased` or `failed`.
    pub state: String,
    /// How many.
    pub count: u64,
    /// When the oldest of them was made.
    pub oldest: Timestamp,
}

/// Jobs that are open or failed, by kind and state.
pub async fn jobs(c: &impl ConnectionTrait) -> Result<Vec<Jobs>> {
    use job::Column as C;
    let rows: Vec<(String, String, i64, i64)> = job::Entity::find()
        .select_only()
        .column(C::Kind)
        .column(C::State)
        .column_as(C::Id.count(), "how_many")
        .column_as(C::CreatedAt.min(), "oldest")
        .filter(C::State.is_in(["queued", "leased", "failed"]))
        .group_by(C::Kind)
        .group_by(C::State)
        .into_tuple()
        .all(c)
        .await?;
    let jobs = rows.into_iter().map(|(kind, state, count, oldest)| Jobs {
        kind,
        state,
        count: u64::try_from(count).unwrap_or(0),
        oldest: Timestamp(oldest),
    });
    Ok(jobs.collect())
}

/// Uploads that are open.
pub async fn open_uploads(c: &impl ConnectionTrait) -> Result<u64> {
    let open = upload::Entity::find().filter(upload::Column::OpenVideo.is_not_null());
    Ok(open.count(c).await?)
}

/// Connections of a pool: all, and those that nobody uses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pool {
    /// `read` or `write`.
    pub name: &'static str,
    /// Open connections.
    pub open: u32,
    /// Of these, unused.
    pub idle: u32,
}

/// The two pools of this process.
pub fn pools(db: &Db) -> [Pool; 2] {
    [("read", db.read()), ("write", db.write())].map(|(name, connection)| {
        let (open, idle) = sizes(connection);
        let idle = u32::try_from(idle).unwrap_or(u32::MAX);
        Pool { name, open, idle }
    })
}

fn sizes(connection: &DatabaseConnection) -> (u32, usize) {
    match connection.get_database_backend() {
        DatabaseBackend::Sqlite => {
            let pool = connection.get_sqlite_connection_pool();
            (pool.size(), pool.num_idle())
        }
        DatabaseBackend::MySql => {
            let pool = connection.get_mysql_connection_pool();
            (pool.size(), pool.num_idle())
        }
        DatabaseBackend::Postgres => {
            let pool = connection.get_postgres_connection_pool();
            (pool.size(), pool.num_idle())
        }
        _ => (0, 0),
    }
}

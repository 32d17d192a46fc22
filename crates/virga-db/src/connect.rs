//! Opening the database: one writer and several readers on SQLite, a pool elsewhere.

use sea_orm::{
    ConnectOptions, Database, DatabaseBackend, DatabaseConnection, DatabaseTransaction,
    IsolationLevel, SqliteTransactionMode, TransactionOptions, TransactionTrait,
};
use sea_orm_migration::MigratorTrait;
use std::{path::Path, time::Duration};

use crate::{DbError, Result, migration::Migrator};

/// A transaction.
pub type Tx = DatabaseTransaction;

/// The database.
#[derive(Clone, Debug)]
pub struct Db {
    writer: DatabaseConnection,
    readers: DatabaseConnection,
}

const READERS: u32 = 4;

impl Db {
    /// Opens a SQLite file, making it and its folder where missing. WAL; `synchronous=FULL`, so
    /// that what is acknowledged survives a power cut.
    pub async fn open_sqlite(file: &Path) -> Result<Self> {
        let writer = sqlite(file, 1).await?;
        let readers = sqlite(file, READERS).await?;
        Ok(Self { writer, readers })
    }

    /// Connects to a server: `postgres://…` or `mysql://…`.
    pub async fn connect(url: &str) -> Result<Self> {
        let mut options = ConnectOptions::new(url);
        options
            .max_connections(16)
            .acquire_timeout(Duration::from_secs(2))
            .sqlx_logging(false);
        let pool = Database::connect(options).await?;
        Ok(Self {
            writer: pool.clone(),
            readers: pool,
        })
    }

    /// Brings the tables up to date. Safe to run by several processes at once on SQLite.
    pub async fn migrate(&self) -> Result<()> {
        Ok(Migrator::up(&self.writer, None).await?)
    }

    /// Whether tables are behind this program.
    pub async fn pending_migrations(&self) -> Result<usize> {
        Ok(Migrator::get_pending_migrations(&self.readers).await?.len())
    }

    /// For queries that change nothing.
    pub fn read(&self) -> &DatabaseConnection {
        &self.readers
    }

    /// For single statements that change something.
    pub fn write(&self) -> &DatabaseConnection {
        &self.writer
    }

    /// A transaction that may write. On SQLite it takes the write lock at once, so that reading
    /// before writing cannot end in a deadlock.
    pub async fn begin(&self) -> Result<Tx> {
        let backend = sea_orm::ConnectionTrait::get_database_backend(&self.writer);
        let options = TransactionOptions {
            isolation_level: (backend != DatabaseBackend::Sqlite)
                .then_some(IsolationLevel::ReadCommitted),
            access_mode: None,
            sqlite_transaction_mode: Some(SqliteTransactionMode::Immediate),
        };
        Ok(self.writer.begin_with_options(options).await?)
    }

    /// Whether it answers.
    pub async fn ping(&self) -> Result<()> {
        self.readers.ping().await.map_err(DbError::from)
    }

    /// Ends all connections.
    pub async fn close(self) {
        let _ = self.readers.close().await;
        let _ = self.writer.close().await;
    }
}

async fn sqlite(file: &Path, connections: u32) -> Result<DatabaseConnection> {
    let mut options = ConnectOptions::new(format!("sqlite://{}?mode=rwc", file.display()));
    options
        .max_connections(connections)
        .min_connections(1)
        .acquire_timeout(Duration::from_secs(10))
        .sqlx_logging(false)
        .map_sqlx_sqlite_opts(|sqlite| {
            sqlite
                .busy_timeout(Duration::from_secs(5))
                .foreign_keys(true)
                .pragma("journal_mode", "WAL")
                .pragma("synchronous", "FULL")
        });
    Ok(Database::connect(options).await?)
}

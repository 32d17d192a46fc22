//! Opening the database: one writer and several readers on SQLite, two pools on a server.

pub(crate) mod options;

use sea_orm::{
    ConnectOptions, ConnectionTrait, Database, DatabaseBackend, DatabaseConnection, DbErr,
    SqliteTransactionMode, Statement, TransactionOptions, TransactionTrait,
};
use std::{
    fmt, io,
    path::Path,
    str::FromStr,
    sync::Arc,
    time::{Duration, Instant},
};

use virga_core::Timestamp;

use self::options::server;
use crate::{
    DbError, Result, Tx, damage,
    dialect::{self, Trouble},
    invalidation::Invalidation,
    migration,
    replica::Replica,
    settings,
    transaction::is_idle,
};

/// The database.
#[derive(Clone, Debug)]
pub struct Db {
    writer: DatabaseConnection,
    readers: DatabaseConnection,
    /// Of the connections that write; on a server of both pools.
    invalidation: Invalidation,
    /// SQLite's folder.
    folder: Option<Arc<Path>>,
    pub(crate) replica: Option<Arc<Replica>>,
}

/// A kind of database.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Engine(DatabaseBackend);

impl fmt::Display for Engine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(dialect::name(self.0))
    }
}

impl FromStr for Engine {
    type Err = String;

    fn from_str(word: &str) -> Result<Self, String> {
        match word {
            "sqlite" => Ok(Self(DatabaseBackend::Sqlite)),
            "mysql" | "mariadb" => Ok(Self(DatabaseBackend::MySql)),
            "postgres" => Ok(Self(DatabaseBackend::Postgres)),
            _ => Err(format!("{word:?} is none of sqlite, mysql, postgres")),
        }
    }
}

impl Engine {
    /// All migrations as a script for a database whose account may not change tables.
    pub fn script(self) -> String {
        migration::script(self.0)
    }
}

/// What a server says of itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Version {
    /// As it says.
    pub text: String,
    /// The oldest that Virga is made for, where this one is older.
    pub too_old: Option<(u32, u32)>,
}

const READERS: u32 = 4;
/// SQLite waits this long for another process to release the file, after a request has waited at
/// most [`SQLITE_QUEUE`] for the connection: together under 6 s.
const SQLITE_BUSY: Duration = Duration::from_millis(2500);
/// The most that a request waits for a SQLite connection of this process.
const SQLITE_QUEUE: Duration = Duration::from_secs(3);
/// How long a process waits before it tries again while another creates the file.
const OPEN_AGAIN: Duration = Duration::from_millis(20);

impl Db {
    /// Opens a SQLite file, making it and its folder where missing. WAL; `synchronous=FULL`, so
    /// that what is acknowledged survives a power cut.
    pub async fn open_sqlite(file: &Path) -> Result<Self> {
        let invalidation = Invalidation::default();
        Ok(Self {
            writer: open_file(sqlite_writer(file, &invalidation)).await?,
            readers: open_file(sqlite(file, READERS)).await?,
            invalidation,
            folder: file.parent().map(Arc::from),
            replica: None,
        })
    }

    /// Connects to a server, `postgres://…` or `mysql://…`, with this password in place of the
    /// address's own. There are two pools because a writer may read outside its transaction: with
    /// one pool, writers could hold all connections and wait for one more each.
    pub async fn connect(url: &str, password: Option<String>) -> Result<Self> {
        Self::open(server(url, password)).await
    }

    /// The same, without asking the server anything yet: only a wrong address fails.
    pub async fn connect_later(url: &str, password: Option<String>) -> Result<Self> {
        let mut options = server(url, password);
        options.connect_lazy(true);
        Self::open(options).await
    }

    async fn open(mut options: ConnectOptions) -> Result<Self> {
        let invalidation = Invalidation::default();
        dialect::prepare(&mut options, &invalidation);
        Ok(Self {
            writer: Database::connect(options.clone()).await?,
            readers: Database::connect(options).await?,
            invalidation,
            folder: None,
            replica: None,
        })
    }

    /// Which it is.
    pub fn engine(&self) -> Engine {
        Engine(self.writer.get_database_backend())
    }

    /// Bytes that can still be written on the disk of a SQLite file; `None`: a server's disk is not
    /// ours to see.
    pub async fn free_space(&self) -> io::Result<Option<u64>> {
        let Some(folder) = self.folder.clone() else {
            return Ok(None);
        };
        let ask = move || {
            let room = rustix::fs::statvfs(&*folder)?;
            Ok(Some(room.f_bavail.saturating_mul(room.f_frsize)))
        };
        tokio::task::spawn_blocking(ask).await?
    }

    /// Asks the server who it is.
    pub async fn version(&self) -> Result<Version> {
        let backend = self.engine().0;
        let ask = Statement::from_string(backend, dialect::version(backend));
        let row = self.readers.query_one_raw(ask).await?;
        let text: String = match row {
            Some(row) => row.try_get_by_index(0)?,
            None => String::new(),
        };
        let mut numbers = text
            .split(|c: char| !c.is_ascii_digit())
            .map(|number| number.parse().unwrap_or(0));
        let is = (
            numbers.next().unwrap_or(0_u32),
            numbers.next().unwrap_or(0_u32),
        );
        let oldest = dialect::oldest(backend, &text);
        let too_old = (is < oldest).then_some(oldest);
        Ok(Version { text, too_old })
    }

    /// Brings the tables up to date, one process at a time. Where they are, it asks for no right to
    /// change them.
    pub async fn migrate(&self) -> Result<()> {
        if self.pending_migrations().await? == 0 {
            return Ok(());
        }
        let tx = self.begin().await?;
        if !dialect::take_turn(&tx).await? {
            let why = "another process has been changing the tables for two minutes";
            return Err(DbError::Busy(DbErr::Custom(why.to_owned())));
        }
        let done = migration::run(&tx).await;
        dialect::end_turn(&tx).await?;
        done?;
        Ok(tx.commit().await?)
    }

    /// How many migrations of this program the tables lack.
    pub async fn pending_migrations(&self) -> Result<usize> {
        Ok(migration::pending(&self.readers).await?.len())
    }

    /// For queries that change nothing. What decides a write or what somebody may see is read here;
    /// lists may be older, see [`Db::read_lagging`].
    pub fn read(&self) -> &DatabaseConnection {
        &self.readers
    }

    /// For single statements that change something.
    pub fn write(&self) -> &DatabaseConnection {
        &self.writer
    }

    /// A transaction that may write. On SQLite it takes the write lock at once, so that reading
    /// before writing cannot end in a deadlock. On a server it is READ COMMITTED: what is read to
    /// decide a write has to be locked (`videos::lock`, `accounts::lock`), the video first.
    pub async fn begin(&self) -> Result<Tx> {
        let options = TransactionOptions {
            isolation_level: None,
            access_mode: None,
            sqlite_transaction_mode: Some(SqliteTransactionMode::Immediate),
        };
        let inner = self.writer.begin_with_options(options).await?;
        Ok(Tx::new(inner, self.invalidation.clone()))
    }

    /// Whether it answers.
    pub async fn ping(&self) -> Result<()> {
        self.readers.ping().await.map_err(DbError::from)
    }

    /// Tries whether something can be written now, in a row of its own.
    pub async fn check_write(&self, now: Timestamp) -> Result<()> {
        let tx = self.begin().await?;
        settings::set(&tx, settings::WRITE_CHECK, &now.0.to_string()).await?;
        Ok(tx.commit().await?)
    }

    /// Reads the whole SQLite file and says what is wrong with it, a line each. A server checks its
    /// own files.
    pub async fn quick_check(&self) -> Result<Vec<String>> {
        let backend = self.engine().0;
        if backend != DatabaseBackend::Sqlite {
            return Ok(Vec::new());
        }
        let ask = Statement::from_string(backend, "PRAGMA quick_check(20)");
        let rows = self.readers.query_all_raw(ask).await?;
        let lines = rows.iter().map(|row| row.try_get_by_index::<String>(0));
        let mut lines: Vec<String> = lines.collect::<Result<_, _>>()?;
        lines.retain(|line| line != "ok");
        if let Some(line) = lines.first() {
            damage::note(line);
        }
        Ok(lines)
    }

    /// Moves SQLite's log into the file and ends all connections.
    pub async fn close(self) {
        let engine = self.engine().0;
        let _ = self.readers.close().await;
        if engine == DatabaseBackend::Sqlite {
            let truncate = "PRAGMA wal_checkpoint(TRUNCATE)";
            if let Err(error) = self.writer.execute_unprepared(truncate).await {
                tracing::warn!(%error, "the database's log stays for the next start to read");
            }
        }
        let _ = self.writer.close().await;
    }
}

/// Opens the file. Of two that make it at the same moment SQLite refuses one the change to WAL at
/// once, whatever time it was given: that one tries again.
async fn open_file(options: ConnectOptions) -> Result<DatabaseConnection> {
    let begun = Instant::now();
    loop {
        match Database::connect(options.clone()).await {
            Err(error)
                if dialect::trouble(&error) == Trouble::Locked
                    && begun.elapsed() < SQLITE_QUEUE =>
            {
                tokio::time::sleep(OPEN_AGAIN).await;
            }
            opened => return Ok(opened?),
        }
    }
}

fn sqlite(file: &Path, connections: u32) -> ConnectOptions {
    let mut options = ConnectOptions::new(format!("sqlite://{}?mode=rwc", file.display()));
    options
        .max_connections(connections)
        .min_connections(1)
        .acquire_timeout(SQLITE_QUEUE)
        .sqlx_logging(false)
        .map_sqlx_sqlite_opts(|sqlite| {
            sqlite
                .busy_timeout(SQLITE_BUSY)
                .foreign_keys(true)
                .pragma("journal_mode", "WAL")
                .pragma("synchronous", "FULL")
        });
    options
}

/// The one connection that writes. It is looked at before each use.
fn sqlite_writer(file: &Path, invalidation: &Invalidation) -> ConnectOptions {
    let mut options = sqlite(file, 1);
    let invalidation = invalidation.clone();
    options.map_sqlx_sqlite_pool_opts(move |pool| {
        let invalidation = invalidation.clone();
        pool.before_acquire(move |connection, about| {
            let allowed = invalidation.allows(&about);
            Box::pin(async move { Ok(allowed && is_idle(connection).await.unwrap_or(false)) })
        })
    });
    options
}

//! A transaction that is stored whole or not at all, and the rule that a connection whose COMMIT or
//! ROLLBACK failed is closed.
//!
//! An engine may end a transaction by itself (SQLite on a full disk, a server that picks a victim
//! of a deadlock or shuts down). The driver does not notice and still counts it as open. Later
//! "transactions" on that connection would be savepoints that nobody commits, and later statements
//! of this one would be stored one by one. [`Tx`] and [`Invalidation`] rule out both.

use sea_orm::{
    ConnectionTrait, DatabaseBackend, DatabaseTransaction, DbErr, ExecResult, QueryResult,
    RuntimeErr, Statement,
    sqlx::{self, Connection, Executor, SqliteConnection},
};
use std::{
    pin::Pin,
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
};
use virga_core::fail;

use crate::{Result, changes, dialect, entity::change, invalidation::Invalidation};

/// A transaction. It rolls back when dropped.
#[derive(Debug)]
pub struct Tx {
    inner: DatabaseTransaction,
    /// A statement failed: the engine may have ended the transaction already.
    failed: AtomicBool,
    invalidation: Invalidation,
    /// Lines for the feed of changes, which are written last: their writers go one at a time.
    lines: Mutex<Vec<change::ActiveModel>>,
}

/// What a transaction ended with.
#[derive(Clone, Copy, Debug)]
pub struct Stored<T> {
    /// What it was for.
    pub value: T,
    /// Whether the feed of changes grew.
    pub changed: bool,
}

impl Tx {
    pub(crate) fn new(inner: DatabaseTransaction, invalidation: Invalidation) -> Self {
        fail::point("tx.begun");
        Self {
            inner,
            failed: AtomicBool::new(false),
            invalidation,
            lines: Mutex::default(),
        }
    }

    /// A line for the feed, written just before the transaction is stored.
    pub(crate) fn append_change(&self, line: change::ActiveModel) {
        let mut lines = self.lines.lock().unwrap_or_else(PoisonError::into_inner);
        lines.push(line);
    }

    fn has_changes(&self) -> bool {
        let lines = self.lines.lock().unwrap_or_else(PoisonError::into_inner);
        !lines.is_empty()
    }

    fn take_lines(&self) -> Vec<change::ActiveModel> {
        let mut lines = self.lines.lock().unwrap_or_else(PoisonError::into_inner);
        std::mem::take(&mut *lines)
    }

    /// Stores what was written, or nothing; `value` is what it was for.
    ///
    /// # Errors
    /// As [`commit`](Self::commit).
    pub async fn store<T>(self, value: T) -> Result<Stored<T>> {
        let changed = self.has_changes();
        self.commit().await?;
        Ok(Stored { value, changed })
    }

    /// Leaves everything as it was.
    pub fn leave<T>(self, value: T) -> Stored<T> {
        Stored {
            value,
            changed: false,
        }
    }

    /// Stores what was written, or nothing. The lines for the feed come last, so that others wait for
    /// them as short as can be.
    ///
    /// # Errors
    /// After a failed statement nothing is stored, nor where the lines cannot be written. If the
    /// commit itself fails, the connection is closed; whether the rows are stored is unknown only if
    /// the server's answer was lost.
    pub async fn commit(self) -> Result<(), DbErr> {
        let lines = self.take_lines();
        let mut refused = None;
        if !lines.is_empty() && !self.failed.load(Ordering::Relaxed) {
            refused = changes::write(&self, lines).await.err();
        }
        let failed = self.failed.load(Ordering::Relaxed);
        if fail::now("tx.commit-fails") {
            // As SQLite does when memory runs out: the transaction is over, and nothing is stored.
            self.inner.execute_unprepared("ROLLBACK").await?;
        }
        let ended = if failed {
            fail::point("tx.before-rollback");
            self.inner.rollback().await
        } else {
            fail::point("tx.before-commit");
            let stored = self.inner.commit().await;
            fail::point("tx.committed");
            stored
        };
        if ended.is_err() {
            self.invalidation.invalidate();
        }
        if failed {
            return Err(refused.unwrap_or_else(already_failed));
        }
        ended
    }

    /// Runs a statement, unless one before it failed.
    async fn run<T>(
        &self,
        statement: impl Future<Output = Result<T, DbErr>> + Send,
    ) -> Result<T, DbErr> {
        if self.failed.load(Ordering::Relaxed) {
            return Err(already_failed());
        }
        let done = if fail::now("tx.statement-fails") {
            Err(out_of_memory())
        } else {
            statement.await
        };
        fail::point("tx.statement");
        if let Err(error) = &done {
            self.failed.store(true, Ordering::Relaxed);
            if dialect::ends_connection(error) {
                self.invalidation.invalidate();
            }
        }
        done
    }
}

fn already_failed() -> DbErr {
    DbErr::Custom("a statement of this transaction failed, so nothing of it is stored".to_owned())
}

/// What a fault test makes of a statement: the engine had no memory for it.
fn out_of_memory() -> DbErr {
    DbErr::Exec(RuntimeErr::SqlxError(sqlx::Error::WorkerCrashed.into()))
}

type Answer<'a, T> = Pin<Box<dyn Future<Output = Result<T, DbErr>> + Send + 'a>>;

// The trait is declared with `async_trait`: these are the signatures that it expands to.
impl ConnectionTrait for Tx {
    fn get_database_backend(&self) -> DatabaseBackend {
        self.inner.get_database_backend()
    }

    fn execute_raw<'a, 'b>(&'a self, statement: Statement) -> Answer<'b, ExecResult>
    where
        'a: 'b,
        Self: 'b,
    {
        Box::pin(self.run(self.inner.execute_raw(statement)))
    }

    fn execute_unprepared<'a, 's, 'b>(&'a self, sql: &'s str) -> Answer<'b, ExecResult>
    where
        'a: 'b,
        's: 'b,
        Self: 'b,
    {
        Box::pin(self.run(self.inner.execute_unprepared(sql)))
    }

    fn query_one_raw<'a, 'b>(&'a self, statement: Statement) -> Answer<'b, Option<QueryResult>>
    where
        'a: 'b,
        Self: 'b,
    {
        Box::pin(self.run(self.inner.query_one_raw(statement)))
    }

    fn query_all_raw<'a, 'b>(&'a self, statement: Statement) -> Answer<'b, Vec<QueryResult>>
    where
        'a: 'b,
        Self: 'b,
    {
        Box::pin(self.run(self.inner.query_all_raw(statement)))
    }
}

/// Whether a SQLite connection is outside any transaction, for the driver and for SQLite itself.
pub(crate) async fn is_idle(connection: &mut SqliteConnection) -> Result<bool, sqlx::Error> {
    // A queued rollback runs before this, so that the driver's count is settled when it is read.
    connection.execute("BEGIN").await?;
    connection.execute("ROLLBACK").await?;
    Ok(!connection.is_in_transaction())
}

//! What can go wrong below a use case, by meaning.

use sea_orm::{DbErr, SqlErr};
use virga_core::{Failure, Kind};

/// Result of a query.
pub type Result<T, E = DbError> = std::result::Result<T, E>;

/// A query's fault.
#[derive(Debug, thiserror::Error)]
pub enum DbError {
    /// A unique key is taken.
    #[error("this already exists")]
    Duplicate(#[source] DbErr),
    /// A row that cannot be: someone wrote to the tables by hand, or we have a bug.
    #[error("impossible value in {table}.{column}: {value:?}")]
    Corrupt {
        /// Table.
        table: &'static str,
        /// Column.
        column: &'static str,
        /// What stands there.
        value: String,
    },
    /// The database cannot be opened, reached or written.
    #[error("database: {0}")]
    Database(#[source] DbErr),
}

impl From<DbErr> for DbError {
    fn from(error: DbErr) -> Self {
        match error.sql_err() {
            Some(SqlErr::UniqueConstraintViolation(_)) => Self::Duplicate(error),
            _ => Self::Database(error),
        }
    }
}

impl From<DbError> for Failure {
    fn from(error: DbError) -> Self {
        let unavailable = match &error {
            DbError::Database(DbErr::ConnectionAcquire(_) | DbErr::Conn(_)) => true,
            DbError::Database(other) => {
                let text = other.to_string();
                text.contains("database is locked") || text.contains("database or disk is full")
            }
            _ => false,
        };
        if unavailable {
            let detail = "The database does not answer. Try again in a moment.";
            Self::new(Kind::Unavailable, "database", detail)
                .after(2)
                .caused_by(error)
        } else {
            Self::internal(error)
        }
    }
}

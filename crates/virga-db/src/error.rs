//! What can go wrong below a use case, by meaning.

use sea_orm::{DbErr, SqlErr};
use virga_core::{Code, Failure};

use crate::{
    damage,
    dialect::{self, Trouble},
};

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
        /// The value found.
        value: String,
    },
    /// Another transaction was in the way; nothing of this one happened.
    #[error("the database is busy: {0}")]
    Busy(#[source] DbErr),
    /// The database cannot be reached, or cannot be written now.
    #[error("the database does not answer: {0}")]
    Away(#[source] DbErr),
    /// The database's disk has no room. Nothing was stored.
    #[error("the database has no room: {0}")]
    Full(#[source] DbErr),
    /// The database file is damaged. `virga doctor` says more.
    #[error("the database file is damaged: {0}")]
    Malformed(#[source] DbErr),
    /// Text that the database cannot hold.
    #[error("this text cannot be stored: {0}")]
    Text(#[source] DbErr),
    /// The database cannot be opened, read or written.
    #[error("database: {0}")]
    Database(#[source] DbErr),
}

impl DbError {
    /// Whether the same may well succeed later, with nobody changing the rows or the request.
    pub fn is_transient(&self) -> bool {
        match self {
            Self::Busy(_)
            | Self::Away(_)
            | Self::Full(_)
            | Self::Malformed(_)
            | Self::Database(_) => true,
            Self::Duplicate(_) | Self::Corrupt { .. } | Self::Text(_) => false,
        }
    }
}

impl From<DbErr> for DbError {
    fn from(error: DbErr) -> Self {
        if let Some(SqlErr::UniqueConstraintViolation(_)) = error.sql_err() {
            return Self::Duplicate(error);
        }
        match dialect::trouble(&error) {
            Trouble::Busy => Self::Busy(error),
            Trouble::Away | Trouble::Locked => Self::Away(error),
            Trouble::Full => Self::Full(error),
            Trouble::Malformed => {
                damage::note(&error.to_string());
                Self::Malformed(error)
            }
            Trouble::Text => Self::Text(error),
            Trouble::Other => Self::Database(error),
        }
    }
}

impl From<DbError> for Failure {
    fn from(error: DbError) -> Self {
        let code = match &error {
            DbError::Busy(_) => Code::DatabaseBusy,
            DbError::Away(_) => Code::DatabaseAway,
            DbError::Text(_) => {
                let detail = "This text has a sign that cannot be stored: U+0000.";
                return Self::new(Code::TextUnstorable, detail);
            }
            DbError::Full(_) => {
                let detail = "The database has no room, so nothing was saved. \
                              Ask the operator to free some disk space, then try again.";
                return Self::new(Code::DatabaseFull, detail).caused_by(error);
            }
            _ => return Self::internal(error),
        };
        let detail = "The database does not answer. Try again in a moment.";
        Self::new(code, detail).after(2).caused_by(error)
    }
}

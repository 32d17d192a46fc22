//! All SQL. Entities and migrations are written once for SQLite, MariaDB/MySQL and PostgreSQL;
//! each aggregate has one file of functions that take a connection or a transaction, so that a use
//! case decides what commits together. Rows become typed values here; an impossible row is an
//! error, not a guess.

pub mod accounts;
pub mod admin;
pub mod changes;
pub mod comments;
mod connect;
mod damage;
mod dialect;
pub mod digests;
mod entity;
mod error;
pub mod growing;
mod invalidation;
pub mod jobs;
mod migration;
pub mod numbers;
pub mod positions;
mod query;
mod replica;
mod retry;
mod rows;
pub mod settings;
pub mod sitemap;
pub mod tracks;
mod transaction;
pub mod uploads;
pub mod usage;
pub mod videos;
pub mod views;

pub use connect::{Db, Engine, Version};
pub use damage::{DAMAGE_REMEDY, damage};
pub use error::{DbError, Result};
pub use retry::{Undone, retried};
pub use rows::{GrowingRow, JobRow, PieceRow, TrackRow, TrackRowKind, UploadRow, VideoRow};
pub use sea_orm::ConnectionTrait;
pub use transaction::{Stored, Tx};

//! The tables as `SeaORM` sees them. Columns are said in the migrations; this is their mirror.
#![expect(unreachable_pub, reason = "the derive writes the items")]

/// What every table has besides its columns: nothing of its own.
macro_rules! plain {
    () => {
        /// None: joins are written where they are needed.
        #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
        pub enum Relation {}

        impl ActiveModelBehavior for ActiveModel {}
    };
}
use plain;

pub mod change;
pub mod comment;
pub mod digest;
pub mod growing_track;
pub mod job;
pub mod migration;
pub mod piece;
pub mod position;
pub mod session;
pub mod setting;
pub mod track;
pub mod upload;
pub mod user;
pub mod video;
pub mod view_mark;

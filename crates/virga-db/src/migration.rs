//! Migrations, oldest first. Rules: expand and contract, so that the release before can run on the
//! tables of this one; never edit a file that was released.

use sea_orm_migration::prelude::*;

mod m20261122_000001_init;

/// All of them.
#[derive(Debug)]
pub(crate) struct Migrator;

#[async_trait::async_trait]
impl MigratorTrait for Migrator {
    fn migrations() -> Vec<Box<dyn MigrationTrait>> {
        vec![Box::new(m20261122_000001_init::Migration)]
    }
}

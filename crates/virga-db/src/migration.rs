//! Migrations, oldest first, as lists of statements: what `migrate` runs is what `migrate --print`
//! prints. Rules: expand and contract, so that the release before can run on the tables of this
//! one; each statement may be run twice; never edit a file that was released.

mod m20261122_000001_init;
mod m20261122_000002_feed;
mod m20261122_000003_lists;
mod m20261129_000001_turns;
mod m20261129_000002_digests;
mod m20261129_300001_publish;
mod m20261129_400001_skeletons;
mod m20261129_500001_usage;
mod m20261129_600001_queue;
mod m20261129_700001_sweeper;
mod m20261130_000001_children;
mod m20261130_100001_tracks;
mod m20261130_200001_growing;
mod m20261130_300001_encoder_log;
mod m20261130_300001_storyboard;
mod m20261130_400001_note;
mod m20261130_400001_texts;
mod m20261201_000001_loudness;
mod m20261201_100001_sounds;
#[cfg(feature = "failpoints")]
mod m29990101_000001_planted;

use sea_orm::{
    ActiveValue::Set,
    ConnectionTrait, DatabaseBackend, EntityTrait, QueryTrait,
    sea_query::{ColumnDef, Table},
};
use std::collections::HashSet;

use crate::{Result, Tx, dialect, entity::migration};

/// A step: its name and its statements.
type Migration = (&'static str, fn(DatabaseBackend) -> Vec<String>);

/// The steps of these files, each under its file's name.
macro_rules! steps {
    ($($(#[$only:meta])? $file:ident),+ $(,)?) => {
        &[$($(#[$only])? (stringify!($file), $file::statements)),+]
    };
}

const ALL: &[Migration] = steps![
    m20261122_000001_init,
    m20261122_000002_feed,
    m20261122_000003_lists,
    m20261129_000001_turns,
    m20261129_000002_digests,
    m20261129_300001_publish,
    m20261129_400001_skeletons,
    m20261129_500001_usage,
    m20261129_600001_queue,
    m20261129_700001_sweeper,
    m20261130_000001_children,
    m20261130_100001_tracks,
    m20261130_200001_growing,
    m20261130_300001_encoder_log,
    m20261130_300001_storyboard,
    m20261130_400001_note,
    m20261130_400001_texts,
    m20261201_000001_loudness,
    m20261201_100001_sounds,
    #[cfg(feature = "failpoints")]
    m29990101_000001_planted,
];
const LEDGER: &str = "seaql_migrations";

/// The steps that a database lacks. It may have steps that this program does not know: those of a
/// newer release, whose tables an older one can use.
pub(crate) async fn pending(c: &impl ConnectionTrait) -> Result<Vec<&'static Migration>> {
    let mut done = HashSet::new();
    if dialect::has_table(c, LEDGER).await? {
        let rows = migration::Entity::find().all(c).await?;
        done.extend(rows.into_iter().map(|row| row.version));
    }
    let lacks = |step: &&Migration| !done.contains(step.0);
    Ok(ALL.iter().filter(lacks).collect())
}

/// Runs what is pending, in a transaction that has the turn.
pub(crate) async fn run(tx: &Tx) -> Result<()> {
    tx.execute_unprepared(&ledger(tx.get_database_backend()))
        .await?;
    for step in pending(tx).await? {
        for statement in (step.1)(tx.get_database_backend()) {
            tx.execute_unprepared(&statement).await?;
        }
        migration::Entity::insert(noted(step))
            .exec_without_returning(tx)
            .await?;
    }
    Ok(())
}

/// All steps as a script, the ledger's lines included.
pub(crate) fn script(backend: DatabaseBackend) -> String {
    let steps = ALL.iter().flat_map(|step| {
        let line = migration::Entity::insert(noted(step))
            .build(backend)
            .to_string();
        let heading = format!("-- {}", step.0);
        [heading].into_iter().chain((step.1)(backend)).chain([line])
    });
    let end = |line: String| {
        if line.starts_with("--") {
            format!("\n{line}\n")
        } else {
            format!("{line};\n")
        }
    };
    [ledger(backend)]
        .into_iter()
        .chain(steps)
        .map(end)
        .collect()
}

fn noted(step: &Migration) -> migration::ActiveModel {
    migration::ActiveModel {
        version: Set(step.0.to_owned()),
        applied_at: Set(0),
    }
}

fn ledger(backend: DatabaseBackend) -> String {
    let table = Table::create()
        .table(LEDGER)
        .col(
            ColumnDef::new("version")
                .string_len(191)
                .not_null()
                .primary_key(),
        )
        .col(ColumnDef::new("applied_at").big_integer().not_null())
        .to_owned();
    dialect::create_table(backend, table, Vec::new()).remove(0)
}

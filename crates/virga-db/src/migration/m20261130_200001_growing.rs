//! Tracks that play while a job makes them, and the pieces of them that stand.

use sea_orm::{
    DatabaseBackend,
    sea_query::{ColumnDef, Index, Table},
};

use crate::dialect;

pub(super) fn statements(backend: DatabaseBackend) -> Vec<String> {
    let text = |name: &'static str| ColumnDef::new(name).string_len(64).take();
    let number = |name: &'static str| ColumnDef::new(name).big_integer().take();
    let growing = Table::create()
        .table("growing_tracks")
        .col(text("video_id").not_null())
        .col(text("name").not_null())
        .col(number("job_id").not_null())
        .col(text("kind").not_null())
        .col(text("rung"))
        .col(ColumnDef::new("position").integer().not_null())
        .col(ColumnDef::new("height").integer().not_null())
        .col(ColumnDef::new("head").text().not_null())
        .col(number("expected_at"))
        .col(number("published_at"))
        .col(number("ended_at"))
        .primary_key(Index::create().col("video_id").col("name"))
        .to_owned();
    let ended = Index::create()
        .name("growing_tracks_ended")
        .table("growing_tracks")
        .col("ended_at")
        .to_owned();
    let pieces = Table::create()
        .table("pieces")
        .col(text("video_id").not_null())
        .col(text("track").not_null())
        .col(ColumnDef::new("n").integer().not_null())
        .col(number("fence").not_null())
        .col(ColumnDef::new("object_key").string_len(200).not_null())
        .col(ColumnDef::new("segments").text().not_null())
        .primary_key(Index::create().col("video_id").col("track").col("n"))
        .to_owned();
    let growing = dialect::create_table(backend, growing, vec![ended]);
    [growing, dialect::create_table(backend, pieces, Vec::new())].concat()
}

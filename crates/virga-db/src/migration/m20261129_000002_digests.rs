//! What the bytes of each object should be.

use sea_orm::{
    DatabaseBackend,
    sea_query::{ColumnDef, Index, Table},
};

use crate::dialect;

pub(super) fn statements(backend: DatabaseBackend) -> Vec<String> {
    let table = Table::create()
        .table("digests")
        .col(
            ColumnDef::new("object_key")
                .string_len(200)
                .not_null()
                .primary_key(),
        )
        .col(ColumnDef::new("video_id").string_len(64).not_null())
        .col(ColumnDef::new("parts").text().not_null())
        .col(ColumnDef::new("verified").small_integer().not_null())
        .col(ColumnDef::new("checked_at").big_integer().not_null())
        .col(ColumnDef::new("damage").string_len(191))
        .to_owned();
    let index = Index::create()
        .name("digests_video")
        .table("digests")
        .col("video_id")
        .to_owned();
    dialect::create_table(backend, table, vec![index])
}

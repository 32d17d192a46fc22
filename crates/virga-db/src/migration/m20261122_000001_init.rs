//! The first tables. Expand/contract: later files only add to what stands here.

use sea_orm::{
    DatabaseBackend,
    sea_query::{ColumnDef, Index, IndexCreateStatement, Table, TableCreateStatement},
};

use crate::dialect;

pub(super) fn statements(backend: DatabaseBackend) -> Vec<String> {
    tables()
        .into_iter()
        .flat_map(|(name, table)| dialect::create_table(backend, table, indexes_of(name)))
        .collect()
}

fn indexes_of(table: &str) -> Vec<IndexCreateStatement> {
    let own = INDEXES.iter().filter(|index| index.1 == table);
    own.map(|(name, table, columns)| {
        let mut index = Index::create();
        index.name(*name).table(*table);
        for column in *columns {
            index.col(*column);
        }
        index
    })
    .collect()
}

/// Name, table, columns.
const INDEXES: &[(&str, &str, &[&str])] = &[
    ("sessions_user", "sessions", &["user_id"]),
    (
        "videos_listed",
        "videos",
        &["visibility", "state", "published_at", "id"],
    ),
    (
        "videos_popular",
        "videos",
        &["visibility", "state", "views", "id"],
    ),
    ("videos_owner", "videos", &["owner_id", "created_at", "id"]),
    ("videos_purge", "videos", &["purge_at"]),
    ("uploads_user", "uploads", &["user_id", "state"]),
    ("uploads_video", "uploads", &["video_id"]),
    ("uploads_expiry", "uploads", &["state", "expires_at"]),
    ("jobs_due", "jobs", &["state", "run_at"]),
    ("jobs_video", "jobs", &["video_id", "state"]),
    (
        "comments_video",
        "comments",
        &["video_id", "created_at", "id"],
    ),
    ("changes_at", "changes", &["at"]),
    ("view_marks_hour", "view_marks", &["hour"]),
    ("positions_video", "positions", &["video_id"]),
    ("positions_updated", "positions", &["updated_at"]),
];

#[expect(
    clippy::too_many_lines,
    reason = "a list of tables, read top to bottom"
)]
fn tables() -> Vec<(&'static str, TableCreateStatement)> {
    vec![
        (
            "users",
            Table::create()
                .table("users")
                .col(ColumnDef::new("id").string_len(64).not_null())
                .col(ColumnDef::new("name").string_len(191).not_null())
                .col(
                    ColumnDef::new("name_folded")
                        .string_len(191)
                        .not_null()
                        .unique_key(),
                )
                .col(ColumnDef::new("password_hash").string_len(191).not_null())
                .col(ColumnDef::new("role").string_len(64).not_null())
                .col(ColumnDef::new("created_at").big_integer().not_null())
                .col(ColumnDef::new("blocked_at").big_integer())
                .primary_key(Index::create().col("id"))
                .to_owned(),
        ),
        (
            "sessions",
            Table::create()
                .table("sessions")
                .col(ColumnDef::new("token_hash").string_len(64).not_null())
                .col(ColumnDef::new("user_id").string_len(64).not_null())
                .col(ColumnDef::new("created_at").big_integer().not_null())
                .col(ColumnDef::new("seen_at").big_integer().not_null())
                .col(ColumnDef::new("expires_at").big_integer().not_null())
                .primary_key(Index::create().col("token_hash"))
                .to_owned(),
        ),
        (
            "videos",
            Table::create()
                .table("videos")
                .col(ColumnDef::new("id").string_len(64).not_null())
                .col(ColumnDef::new("owner_id").string_len(64).not_null())
                .col(ColumnDef::new("title").text().not_null())
                .col(ColumnDef::new("search").text().not_null())
                .col(ColumnDef::new("description").text().not_null())
                .col(ColumnDef::new("visibility").string_len(64).not_null())
                .col(ColumnDef::new("state").string_len(64).not_null())
                .col(ColumnDef::new("failure").text())
                .col(ColumnDef::new("failure_code").string_len(64))
                .col(ColumnDef::new("created_at").big_integer().not_null())
                .col(ColumnDef::new("published_at").big_integer())
                .col(ColumnDef::new("deleted_at").big_integer())
                .col(ColumnDef::new("purge_at").big_integer())
                .col(ColumnDef::new("epoch").big_integer().not_null())
                .col(
                    ColumnDef::new("presentation_version")
                        .big_integer()
                        .not_null(),
                )
                .col(ColumnDef::new("published_version").big_integer().not_null())
                .col(ColumnDef::new("publish_lease").big_integer().not_null())
                .col(ColumnDef::new("views").big_integer().not_null())
                .col(ColumnDef::new("comments").big_integer().not_null())
                .col(ColumnDef::new("source_key").string_len(191))
                .col(ColumnDef::new("source_size").big_integer().not_null())
                .col(ColumnDef::new("duration").big_integer())
                .col(ColumnDef::new("width").integer())
                .col(ColumnDef::new("height").integer())
                .col(ColumnDef::new("poster_key").string_len(191))
                .col(ColumnDef::new("fallback_key").string_len(191))
                .primary_key(Index::create().col("id"))
                .to_owned(),
        ),
        (
            "tracks",
            Table::create()
                .table("tracks")
                .col(ColumnDef::new("video_id").string_len(64).not_null())
                .col(ColumnDef::new("name").string_len(191).not_null())
                .col(ColumnDef::new("kind").string_len(64).not_null())
                .col(ColumnDef::new("position").integer().not_null())
                .col(ColumnDef::new("height").integer().not_null())
                .col(ColumnDef::new("table_key").string_len(191).not_null())
                .col(ColumnDef::new("object_key").string_len(191))
                .col(ColumnDef::new("samples_key").string_len(191))
                .col(ColumnDef::new("source_key").string_len(191))
                .primary_key(Index::create().col("video_id").col("name"))
                .to_owned(),
        ),
        (
            "uploads",
            Table::create()
                .table("uploads")
                .col(ColumnDef::new("id").string_len(64).not_null())
                .col(ColumnDef::new("video_id").string_len(64).not_null())
                .col(ColumnDef::new("user_id").string_len(64).not_null())
                .col(ColumnDef::new("file_name").text().not_null())
                .col(ColumnDef::new("size").big_integer().not_null())
                .col(ColumnDef::new("content_type").text().not_null())
                .col(ColumnDef::new("fingerprint").string_len(191).not_null())
                .col(ColumnDef::new("state").string_len(64).not_null())
                .col(ColumnDef::new("open_video").string_len(64).unique_key())
                .col(ColumnDef::new("part_size").big_integer().not_null())
                .col(ColumnDef::new("object_key").string_len(191).not_null())
                .col(ColumnDef::new("created_at").big_integer().not_null())
                .col(ColumnDef::new("expires_at").big_integer().not_null())
                .col(ColumnDef::new("lease_until").big_integer().not_null())
                .col(ColumnDef::new("error").text())
                .primary_key(Index::create().col("id"))
                .to_owned(),
        ),
        (
            "jobs",
            Table::create()
                .table("jobs")
                .col(
                    ColumnDef::new("id")
                        .big_integer()
                        .not_null()
                        .auto_increment()
                        .primary_key(),
                )
                .col(ColumnDef::new("kind").string_len(64).not_null())
                .col(ColumnDef::new("video_id").string_len(64).not_null())
                .col(ColumnDef::new("open_key").string_len(191).unique_key())
                .col(ColumnDef::new("payload").text().not_null())
                .col(ColumnDef::new("state").string_len(64).not_null())
                .col(ColumnDef::new("priority").integer().not_null())
                .col(ColumnDef::new("attempts").integer().not_null())
                .col(ColumnDef::new("run_at").big_integer().not_null())
                .col(ColumnDef::new("lease_until").big_integer().not_null())
                .col(ColumnDef::new("fence").big_integer().not_null())
                .col(ColumnDef::new("worker").string_len(191).not_null())
                .col(ColumnDef::new("progress").integer().not_null())
                .col(ColumnDef::new("error").text())
                .col(ColumnDef::new("error_code").string_len(64))
                .col(ColumnDef::new("created_at").big_integer().not_null())
                .col(ColumnDef::new("updated_at").big_integer().not_null())
                .to_owned(),
        ),
        (
            "changes",
            Table::create()
                .table("changes")
                .col(
                    ColumnDef::new("seq")
                        .big_integer()
                        .not_null()
                        .auto_increment()
                        .primary_key(),
                )
                .col(ColumnDef::new("at").big_integer().not_null())
                .col(ColumnDef::new("video_id").string_len(64).not_null())
                .col(ColumnDef::new("version").big_integer().not_null())
                .col(ColumnDef::new("effect").string_len(64).not_null())
                .to_owned(),
        ),
        (
            "comments",
            Table::create()
                .table("comments")
                .col(ColumnDef::new("id").string_len(64).not_null())
                .col(ColumnDef::new("video_id").string_len(64).not_null())
                .col(ColumnDef::new("author_id").string_len(64).not_null())
                .col(ColumnDef::new("text").text().not_null())
                .col(ColumnDef::new("created_at").big_integer().not_null())
                .col(ColumnDef::new("edited_at").big_integer())
                .primary_key(Index::create().col("id"))
                .to_owned(),
        ),
        (
            "view_marks",
            Table::create()
                .table("view_marks")
                .col(ColumnDef::new("video_id").string_len(64).not_null())
                .col(ColumnDef::new("viewer").string_len(64).not_null())
                .col(ColumnDef::new("hour").big_integer().not_null())
                .primary_key(Index::create().col("video_id").col("viewer").col("hour"))
                .to_owned(),
        ),
        (
            "positions",
            Table::create()
                .table("positions")
                .col(ColumnDef::new("user_id").string_len(64).not_null())
                .col(ColumnDef::new("video_id").string_len(64).not_null())
                .col(ColumnDef::new("millis").big_integer().not_null())
                .col(ColumnDef::new("updated_at").big_integer().not_null())
                .primary_key(Index::create().col("user_id").col("video_id"))
                .to_owned(),
        ),
        (
            "settings",
            Table::create()
                .table("settings")
                .col(ColumnDef::new("name").string_len(191).not_null())
                .col(ColumnDef::new("value").text().not_null())
                .primary_key(Index::create().col("name"))
                .to_owned(),
        ),
    ]
}

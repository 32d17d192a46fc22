//! The first tables. Expand/contract: later files only add to what is here.

use sea_orm::{
    DatabaseBackend,
    sea_query::{ColumnDef, Index, IndexCreateStatement, Table, TableCreateStatement},
};

use crate::dialect;

pub(super) fn statements(backend: DatabaseBackend) -> Vec<String> {
    TABLES
        .iter()
        .flat_map(|it| dialect::create_table(backend, table(it), indexes_of(it.0)))
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

/// Name, columns, primary key. Of each column its name and its kind; one with `?` may be NULL.
type TableText = (&'static str, &'static str, &'static [&'static str]);

const TABLES: &[TableText] = &[
    (
        "users",
        "id word, name key, name_folded key unique, password_hash key, role word, \
         created_at long, blocked_at long?",
        &["id"],
    ),
    (
        "sessions",
        "token_hash word, user_id word, created_at long, seen_at long, expires_at long",
        &["token_hash"],
    ),
    (
        "videos",
        "id word, owner_id word, title text, search text, description text, visibility word, \
         state word, failure text?, failure_code word?, created_at long, published_at long?, \
         deleted_at long?, purge_at long?, epoch long, presentation_version long, \
         published_version long, publish_lease long, views long, comments long, \
         source_key key?, source_size long, duration long?, width int?, height int?, \
         poster_key key?, fallback_key key?",
        &["id"],
    ),
    (
        "tracks",
        "video_id word, name key, kind word, position int, height int, table_key key, \
         object_key key?, samples_key key?, source_key key?",
        &["video_id", "name"],
    ),
    (
        "uploads",
        "id word, video_id word, user_id word, file_name text, size long, content_type text, \
         fingerprint key, state word, open_video word? unique, part_size long, object_key key, \
         created_at long, expires_at long, lease_until long, error text?",
        &["id"],
    ),
    (
        "jobs",
        "id serial, kind word, video_id word, open_key key? unique, payload text, state word, \
         priority int, attempts int, run_at long, lease_until long, fence long, worker key, \
         progress int, error text?, error_code word?, created_at long, updated_at long",
        &[],
    ),
    (
        "changes",
        "seq serial, at long, video_id word, version long, effect word",
        &[],
    ),
    (
        "comments",
        "id word, video_id word, author_id word, text text, created_at long, edited_at long?",
        &["id"],
    ),
    (
        "view_marks",
        "video_id word, viewer word, hour long",
        &["video_id", "viewer", "hour"],
    ),
    (
        "positions",
        "user_id word, video_id word, millis long, updated_at long",
        &["user_id", "video_id"],
    ),
    ("settings", "name key, value text", &["name"]),
];

fn table((name, columns, key): &TableText) -> TableCreateStatement {
    let mut table = Table::create();
    table.table(*name);
    for text in columns.split(", ") {
        table.col(column(text));
    }
    if !key.is_empty() {
        let mut primary = Index::create();
        for column in *key {
            primary.col(*column);
        }
        table.primary_key(&mut primary);
    }
    table
}

/// `word` has up to 64 signs and `key` up to 191; `serial` is a number that the engine counts up.
fn column(text: &'static str) -> ColumnDef {
    let (name, kind) = text.split_once(' ').unwrap_or((text, "word"));
    let (kind, unique) = match kind.strip_suffix(" unique") {
        Some(kind) => (kind, true),
        None => (kind, false),
    };
    let mut column = ColumnDef::new(name);
    match kind.trim_end_matches('?') {
        "key" => column.string_len(191),
        "text" => column.text(),
        "int" => column.integer(),
        "long" | "serial" => column.big_integer(),
        _ => column.string_len(64),
    };
    if !kind.ends_with('?') {
        column.not_null();
    }
    if unique {
        column.unique_key();
    }
    if kind == "serial" {
        column.auto_increment().primary_key();
    }
    column
}

//! Lists as walks along an index: whether a video is listed, worked out by the database, and the
//! indexes in the order of each list. They take the place of the first ones, which began with a
//! choice of states and so had no order.

use sea_orm::DatabaseBackend;

use crate::dialect;

const LISTED: &str = "CASE WHEN visibility = 'public' AND state IN ('playable', 'ready') \
                      THEN 1 ELSE 0 END";
const INDEXES: [[&str; 3]; 4] = [
    ["videos_new", "videos", "listed, published_at, id"],
    ["videos_views", "videos", "listed, views, id"],
    [
        "videos_owner_new",
        "videos",
        "owner_id, listed, published_at, id",
    ],
    ["jobs_failed", "jobs", "state, id"],
];
const OUTDATED: [(&str, &str); 2] = [("videos_listed", "videos"), ("videos_popular", "videos")];

pub(super) fn statements(backend: DatabaseBackend) -> Vec<String> {
    let column = dialect::add_computed(backend, "videos", "listed", LISTED);
    let indexes = dialect::add_indexes(backend, &INDEXES);
    let outdated = OUTDATED
        .iter()
        .flat_map(|(name, table)| dialect::drop_index(backend, name, table));
    column.into_iter().chain(indexes).chain(outdated).collect()
}

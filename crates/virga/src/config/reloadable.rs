//! Which settings change without a restart.

/// Settings, and sections (with their dot), that a running process takes from a changed file.
const RELOADABLE: [&str; 6] = [
    "accounts.",
    "delivery.",
    "limits.",
    "log.level",
    "storage.keep_free",
    "videos.undo_seconds",
];

/// Whether this setting does; all others need a restart.
pub(crate) fn is_reloadable(key: &str) -> bool {
    RELOADABLE.iter().any(|live| {
        let section = live.ends_with('.');
        key == *live || (section && key.starts_with(live))
    })
}

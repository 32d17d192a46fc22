//! Whether SQLite has reported a damaged file since this process started. Kept for the process, not
//! for a connection: a malformed page may be met by any query, and the operator has to act.

use std::sync::OnceLock;

/// What an operator does about it.
pub const DAMAGE_REMEDY: &str = "Stop the site, keep a copy of the file, then restore a backup or run `sqlite3 virga.sqlite .recover`";

static DAMAGE: OnceLock<String> = OnceLock::new();

/// Remembers the first report, and logs it.
pub(crate) fn note(report: &str) {
    if DAMAGE.set(report.to_owned()).is_ok() {
        tracing::error!(report, "the database file is damaged. {DAMAGE_REMEDY}");
    }
}

/// What was reported first, if anything.
pub fn damage() -> Option<&'static str> {
    DAMAGE.get().map(String::as_str)
}

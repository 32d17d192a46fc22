//! Room in the store.

use askama::Template;
use axum::response::Response;
use virga_core::wire::Storage;

use crate::{fault::Fault, frame::Frame, show, visit::Visit};

/// Room in the store.
#[derive(Template)]
#[template(path = "admin/storage.html")]
pub(crate) struct StoragePage {
    pub(crate) f: Frame,
    tab: &'static str,
    videos: String,
    sources: String,
    reserved: String,
    other: String,
    free: String,
    keep_free: String,
    /// Uploads are refused for want of room.
    full: bool,
    /// Thousandths of the store, for the bar.
    bar: Bar,
}

struct Bar {
    sources: u64,
    used: u64,
    keep_from: u64,
    keep: u64,
}

impl StoragePage {
    pub(crate) fn new(f: Frame, room: &Storage) -> Self {
        let used = room.total_bytes.saturating_sub(room.free_bytes);
        let share = |bytes: u64| {
            let part = u128::from(bytes) * 1000 / u128::from(room.total_bytes.max(1));
            u64::try_from(part.min(1000)).unwrap_or(1000)
        };
        let keep = share(room.keep_free_bytes);
        Self {
            videos: f
                .lang
                .count("videos", room.videos, &show::count(f.lang, room.videos)),
            sources: show::bytes(room.sources_bytes),
            reserved: show::bytes(room.reserved_bytes),
            other: show::bytes(used.saturating_sub(room.sources_bytes)),
            free: f.lang.fill(
                "admin-free-of",
                &[
                    ("free", show::bytes(room.free_bytes).into()),
                    ("total", show::bytes(room.total_bytes).into()),
                ],
            ),
            keep_free: show::bytes(room.keep_free_bytes),
            full: room.free_bytes <= room.keep_free_bytes,
            bar: Bar {
                sources: share(room.sources_bytes.min(used)),
                used: share(used),
                keep_from: 1000 - keep,
                keep,
            },
            tab: "storage",
            f,
        }
    }
}

/// `GET /admin/storage`.
pub(super) async fn show(visit: Visit) -> Result<Response, Fault> {
    super::admin(&visit)?;
    let room = visit.api.storage().await;
    let room = room.map_err(|error| visit.fault(&error))?;
    Ok(visit.ok(&StoragePage::new(visit.frame.clone(), &room)))
}

//! Room in the store.

use askama::Template;
use axum::response::Response;
use virga_core::wire::Storage;

use crate::{
    context::{PageContext, PageError},
    format,
    layout::Layout,
};

/// Room in the store.
#[derive(Template)]
#[template(path = "admin/storage.html")]
pub(crate) struct StoragePage {
    pub(crate) f: Layout,
    tab: &'static str,
    videos: String,
    sources: String,
    reserved: String,
    /// `None` where the store has no bounds of its own, as a bucket.
    disk: Option<Disk>,
    /// Uploads are refused for want of room.
    full: bool,
}

struct Disk {
    other: String,
    free: String,
    keep_free: String,
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
    pub(crate) fn new(f: Layout, room: &Storage) -> Self {
        let full = room.free_bytes.zip(room.keep_free_bytes);
        Self {
            videos: f
                .lang
                .count("videos", room.videos, &format::count(f.lang, room.videos)),
            sources: format::bytes(room.sources_bytes),
            reserved: format::bytes(room.reserved_bytes),
            disk: Disk::new(&f, room),
            full: full.is_some_and(|(free, keep)| free <= keep),
            tab: "storage",
            f,
        }
    }
}

impl Disk {
    fn new(f: &Layout, room: &Storage) -> Option<Self> {
        let (free, total) = room.free_bytes.zip(room.total_bytes)?;
        let keep_free = room.keep_free_bytes?;
        let used = total.saturating_sub(free);
        let share = |bytes: u64| {
            let part = u128::from(bytes) * 1000 / u128::from(total.max(1));
            u64::try_from(part.min(1000)).unwrap_or(1000)
        };
        let keep = share(keep_free);
        Some(Self {
            other: format::bytes(used.saturating_sub(room.sources_bytes)),
            free: f.lang.fill(
                "admin-free-of",
                &[
                    ("free", format::bytes(free).into()),
                    ("total", format::bytes(total).into()),
                ],
            ),
            keep_free: format::bytes(keep_free),
            bar: Bar {
                sources: share(room.sources_bytes.min(used)),
                used: share(used),
                keep_from: 1000 - keep,
                keep,
            },
        })
    }
}

/// `GET /admin/storage`.
pub(super) async fn show(visit: PageContext) -> Result<Response, PageError> {
    super::admin(&visit)?;
    let room = visit.call(visit.api.storage()).await?;
    Ok(visit.ok(&StoragePage::new(visit.frame.clone(), &room)))
}

//! Room that is kept free on the disk. Uploads stop first, then what people write, so that sign-in,
//! deletions and the site's own work continue while an administrator makes room.

use virga_core::{Code, Failure, Result};

use crate::App;

/// Texts are accepted until so much of `storage.keep_free`, which uploads leave, is used too.
const TEXT_SHARE: u64 = 8;

impl App {
    /// Refuses new text where the disk of the database is nearly full.
    pub async fn check_room_for_text(&self) -> Result<()> {
        let free = self.db.free_space().await.map_err(Failure::internal)?;
        let reserve = self.policy.get().keep_free / TEXT_SHARE;
        if free.is_none_or(|free| free >= reserve) {
            return Ok(());
        }
        let detail = "The disk of this site is nearly full, so nothing new is taken. \
                      Ask an administrator to make room.";
        Err(Failure::new(Code::DatabaseFull, detail))
    }
}

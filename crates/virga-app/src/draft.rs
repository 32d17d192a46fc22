//! New videos, which wait for a file.

use virga_core::{Code, Failure, Result};
use virga_db::{accounts, videos, videos::NewVideoRow};

use crate::App;

impl App {
    /// Adds a video without a file, unless its owner has `most` of them. A video of this id and owner
    /// that exists stays as it is: the request came twice.
    pub async fn create_video(&self, new: &NewVideoRow, most: u64) -> Result<()> {
        self.change(new.id, |change| async move {
            // Of two at once, the second counts the first.
            let (tx, now) = (&change.tx, change.now);
            accounts::lock(tx, &[new.owner]).await?;
            let existing = videos::find(tx, new.id).await?;
            if existing.is_some_and(|row| row.owner == new.owner) {
                return Ok(change.leave(()));
            }
            let drafts = videos::count_drafts(tx, new.owner).await?;
            if drafts >= most {
                return Err(too_many(drafts));
            }
            videos::insert(tx, new, now).await?;
            Ok(change.store(()).await?)
        })
        .await
    }
}

fn too_many(drafts: u64) -> Failure {
    let detail = format!(
        "{drafts} of your videos have no file yet. Upload their files or delete some of them first."
    );
    Failure::new(Code::VideoTooManyDrafts, detail)
}

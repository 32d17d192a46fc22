//! A whole file sent by one plain form, for browsers without script: the data plane writes the
//! bytes, notifies the API before it names the object, and again when the object exists.
//!
//! Between the two the upload is `completing`: if the data plane dies there, the sweeper finds the
//! object (then it is stored) or does not (then the draft is free again).

use std::time::Duration;
use virga_core::{
    Code, Failure, MediaKey, Result, UploadId, VideoId,
    paths::FormTicket,
    permission::{Action, Viewer},
    text,
    upload::UploadState,
    wire::FormFile,
};
use virga_db::{UploadRow, videos};
use virga_objects::ObjectError;

use crate::{App, access, upload};

/// How long the address of a form holds.
const TICKET_LIFE: Duration = Duration::from_secs(24 * 3600);
/// The most that one form may carry; a broken line loses all of it.
const FORM_MAX: u64 = 2 << 30;
/// What naming a synced object may take.
const NAMING: Duration = Duration::from_secs(60);

impl App {
    /// Permits one form to fill a draft.
    pub async fn offer_form(&self, viewer: &Viewer, id: VideoId) -> Result<FormTicket> {
        let video = access::require(self, viewer, id, Action::Edit).await?;
        upload::check_empty(&video)?;
        let policy = self.policy.get();
        let used = self.used_bytes(video.owner).await?;
        let left = policy.quota_per_user.saturating_sub(used);
        let max = FORM_MAX.min(policy.upload_max).min(left);
        if max == 0 {
            let detail = "Your room is used up. Delete some videos first.";
            return Err(Failure::new(Code::UploadQuota, detail));
        }
        Ok(FormTicket {
            video: id,
            user: video.owner,
            max,
            expires: self.clock.now().plus(TICKET_LIFE),
        })
    }

    /// The bytes are written and about to be named: reserves their place.
    pub async fn claim_form(&self, file: &FormFile) -> Result<()> {
        let video = videos::find(self.db.read(), file.video).await?;
        let video = video
            .filter(|video| video.owner == file.user && video.deleted_at.is_none())
            .ok_or_else(|| Failure::not_found("video"))?;
        self.check_not_blocked(file.user).await?;
        upload::check_empty(&video)?;
        let now = self.clock.now();
        let row = UploadRow {
            id: file.upload,
            video: file.video,
            user: file.user,
            file_name: text::file_name(&file.file_name),
            size: file.size,
            fingerprint: "form".to_owned(),
            state: UploadState::Completing,
            part_size: file.size,
            object_key: MediaKey::source(file.video, file.upload),
            expires_at: now.plus(NAMING),
            lease_until: now.plus(NAMING),
        };
        if self.reserve(&row, &file.content_type).await? {
            Ok(())
        } else {
            Err(upload::other_file())
        }
    }

    /// Makes the stored object the video's source.
    pub async fn finish_form(&self, id: UploadId) -> Result<()> {
        let row = self.upload_row(id).await?;
        let stat = self.store.stat(&row.object_key).await?;
        if stat.size != row.size {
            return Err(Failure::from(ObjectError::LostParts));
        }
        self.store_source(&row).await?;
        Ok(())
    }
}

//! What one account may use of the site. Who has used it up is not refused: the work waits until older
//! work counts no longer, or until there is room.

use std::time::Duration;

use virga_core::{Code, reason::Reason};
use virga_db::usage;

use crate::{job_result::JobError, work::Work};

/// The time of the encoder is counted over this long.
const WINDOW: Duration = Duration::from_secs(24 * 3600);

/// Puts the job off while its owner's films had the encoder for as long as one account may.
pub(super) async fn check_time(work: &Work<'_>) -> Result<(), JobError> {
    let app = work.app();
    let most = app.policy.get().encoder_time_per_user;
    if most.is_zero() {
        return Ok(());
    }
    let owner = work.row().await?.owner;
    let since = app.clock.now().minus(WINDOW);
    let spent = usage::encoder_time(app.db.read(), owner, since).await?;
    if spent < most {
        return Ok(());
    }
    let minutes = most.as_secs() / 60;
    let text = format!(
        "Your videos have used {minutes} minutes of encoding in the last 24 hours, the limit for \
         one account. It continues automatically later."
    );
    Err(JobError::OverLimit(Reason::new(Code::EncoderTime, text)))
}

/// Puts the job off while its owner has no room left.
pub(super) async fn check_room(work: &Work<'_>) -> Result<(), JobError> {
    let app = work.app();
    let owner = work.row().await?.owner;
    let used = app.used_bytes(owner).await?;
    if used < app.policy.get().quota_per_user {
        return Ok(());
    }
    Err(JobError::OverLimit(Reason::new(
        Code::QuotaUsed,
        "Your storage is full. Delete videos to free space; encoding then continues automatically.",
    )))
}

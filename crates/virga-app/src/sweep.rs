//! The sweeper: brings to an end what nobody else will. Every step is idempotent and small; a
//! dispatcher runs it at start, and one of them, by a lease, every half minute.

use std::time::Duration;
use virga_core::{Result, Timestamp, job::Job, upload::UploadState};
use virga_db::{
    GrowingRow, UploadRow, accounts, changes, growing, jobs, positions, settings, uploads, usage,
    videos, views,
};

use crate::{App, UPLOAD_LIFE, fail, found};

const DAY: Duration = Duration::from_secs(24 * 3600);
/// A broken-off write older than this goes; writers that live are known by their lock.
const LEFTOVER: Duration = Duration::from_secs(60);
/// A session unused for this long ends.
pub(crate) const SESSION_IDLE: Duration = Duration::from_secs(14 * 24 * 3600);
/// Where someone stopped is kept this long.
const POSITION_LIFE: Duration = Duration::from_secs(180 * 24 * 3600);
const BATCH: u64 = 100;
/// Pieces of a track are kept this long after the whole stands: a replica may serve an older presentation.
const PIECE_LIFE: Duration = DAY;
/// An upload that has been quiet for this long is looked at once or twice …
const QUIET: Duration = Duration::from_secs(900);
/// … within this time: rounds come more often than that.
const QUIET_FOR: Duration = Duration::from_secs(60);

/// A sweeper that does not renew its lease for this long is replaced.
pub const SWEEPER_LEASE: Duration = fail::patience(30);
/// Clocks of machines may differ by this much.
const CLOCK_SKEW: Duration = Duration::from_secs(60);
/// Closed jobs are kept this long.
const JOB_LIFE: Duration = Duration::from_secs(30 * 24 * 3600);

/// Until when someone has a lease, and who.
fn leader(lease: &str) -> Option<(Timestamp, &str)> {
    let (until, who) = lease.split_once(' ')?;
    Some((Timestamp(until.parse().ok()?), who))
}

impl App {
    /// Takes or prolongs the lease of the site's sweeper; `false`: another one sweeps.
    pub async fn lead_sweep(&self, worker: &str) -> Result<bool> {
        self.lead(settings::SWEEPER, worker, SWEEPER_LEASE).await
    }

    /// Takes or prolongs for `lasts` the lease of this name, which one worker of the site has at a time;
    /// `false`: another one has it.
    pub async fn lead(&self, lease: &str, worker: &str, lasts: Duration) -> Result<bool> {
        let now = self.clock.now();
        let seen = settings::get(self.db.read(), lease).await?;
        if let Some((until, who)) = seen.as_deref().and_then(leader) {
            // An end further ahead comes from a clock that was wrong.
            let ahead = now.plus(lasts + CLOCK_SKEW);
            if who != worker && until > now && until <= ahead {
                return Ok(false);
            }
        }
        let mine = format!("{} {worker}", now.plus(lasts).0);
        let seen = seen.as_deref();
        if seen == Some(&mine) {
            return Ok(true);
        }
        Ok(settings::swap(self.db.write(), lease, seen, &mine).await?)
    }

    /// Gives the lease back, where this one has it: the next sweeper need not wait for its end.
    pub async fn leave_sweep(&self, worker: &str) -> Result<()> {
        let seen = settings::get(self.db.read(), settings::SWEEPER).await?;
        if let Some(seen) = seen.filter(|seen| leader(seen).is_some_and(|it| it.1 == worker)) {
            settings::take(self.db.write(), settings::SWEEPER, &seen).await?;
        }
        Ok(())
    }

    /// Forgets jobs that closed long ago and that nobody is shown.
    pub async fn sweep_jobs(&self) -> Result<()> {
        let before = self.clock.now().minus(JOB_LIFE);
        jobs::prune(self.db.write(), before).await?;
        Ok(())
    }

    /// One round.
    pub async fn sweep(&self) -> Result<()> {
        let now = self.clock.now();
        for upload in uploads::stale(self.db.read(), now, BATCH).await? {
            if let Err(error) = self.sweep_upload(&upload).await {
                tracing::warn!(%error, upload.id = %upload.id, "sweeping an upload failed");
            }
        }
        let quiet = now.plus(UPLOAD_LIFE).minus(QUIET);
        let since = quiet.minus(QUIET_FOR);
        for upload in uploads::touched(self.db.read(), since, quiet, BATCH).await? {
            if let Err(error) = self.finish_unreported(&upload).await {
                tracing::warn!(%error, upload.id = %upload.id, "checking a quiet upload failed");
            }
        }
        for id in videos::unpublished(self.db.read(), BATCH).await? {
            if let Err(error) = self.publish(id).await {
                tracing::warn!(%error, video.id = %id, "publishing failed");
            }
        }
        for id in videos::due_for_purge(self.db.read(), now, BATCH).await? {
            self.change(id, |change| async move {
                change
                    .enqueue(&Job::Purge { swept: false }, change.now)
                    .await?;
                Ok(change.store(()).await?)
            })
            .await?;
        }
        accounts::sweep_sessions(self.db.write(), now, now.minus(SESSION_IDLE)).await?;
        changes::sweep(self.db.write(), now.minus(DAY)).await?;
        Box::pin(self.sweep_pieces(now.minus(PIECE_LIFE))).await?;
        for row in growing::abandoned(self.db.read(), BATCH).await? {
            Box::pin(self.drop_growing(&row)).await?;
        }
        views::sweep(self.db.write(), now).await?;
        positions::sweep(self.db.write(), now.minus(POSITION_LIFE)).await?;
        self.store.remove_leftovers(now.minus(LEFTOVER)).await?;
        Ok(())
    }

    /// Withdraws a track whose job is over and did not end it. That is looked at again under the video's lock:
    /// the job may have ended both since.
    async fn drop_growing(&self, row: &GrowingRow) -> Result<()> {
        self.change(row.video, |change| async move {
            change.withdraw_growing(row.job).await?;
            Ok(change.store(()).await?)
        })
        .await
    }

    /// Removes the pieces of tracks whose whole has stood since before `before`.
    async fn sweep_pieces(&self, before: Timestamp) -> Result<()> {
        for row in growing::ended_before(self.db.read(), before, BATCH).await? {
            self.store.delete_prefix(&row.prefix()).await?;
            let row = &row;
            self.transaction(|tx| async move {
                growing::remove(&tx, row).await?;
                tx.store(()).await
            })
            .await?;
        }
        Ok(())
    }

    /// Deletes drafts that got no upload: their client does not know that they exist, because it
    /// never read the answer. Their owner sees them among the deleted ones and can restore them.
    pub async fn sweep_drafts(&self) -> Result<()> {
        let before = self.clock.now().minus(UPLOAD_LIFE);
        for row in videos::abandoned(self.db.read(), before, BATCH).await? {
            match self.delete_video(&row, false).await {
                Ok(_) => tracing::info!(video.id = %row.id, "deleted a draft without an upload"),
                // The next one does not wait for it.
                Err(error) => tracing::warn!(%error, video.id = %row.id, "sweeping a draft failed"),
            }
        }
        Ok(())
    }

    /// Fills in what names look like for accounts that an earlier release wrote. Names that collided
    /// before stay without; `doctor` lists them.
    pub async fn sweep_names(&self) -> Result<()> {
        let mut after = String::new();
        loop {
            let rows = accounts::without_skeleton(self.db.read(), &after, BATCH).await?;
            let Some(last) = rows.last() else {
                return Ok(());
            };
            after = last.id.to_string();
            for row in &rows {
                accounts::claim_skeleton(self.db.write(), row).await?;
            }
        }
    }

    /// Counts what was made of videos by a release that did not count.
    pub async fn sweep_usage(&self) -> Result<()> {
        loop {
            let uncounted = usage::uncounted(self.db.read(), BATCH).await?;
            for id in &uncounted {
                usage::count_made(self.db.write(), *id).await?;
            }
            if uncounted.is_empty() {
                return Ok(());
            }
        }
    }

    /// All bytes may be there and nobody left to say so: the browser closed on the last one.
    async fn finish_unreported(&self, row: &UploadRow) -> Result<()> {
        let held = found(self.sessions.list_parts(row.id).await)?.unwrap_or_default();
        if self.is_whole(row, held.bytes()).await? && !self.is_blocked(row.user).await? {
            self.complete_upload(row.id).await?;
        }
        Ok(())
    }

    /// A completion whose worker died is done again; an upload left alone ends, unless the store
    /// took a part of it lately or has it whole.
    async fn sweep_upload(&self, row: &UploadRow) -> Result<()> {
        if row.state == UploadState::Completing {
            self.complete_upload(row.id).await?;
            return Ok(());
        }
        if self.is_blocked(row.user).await? {
            self.expire_upload(row).await?;
            return Ok(());
        }
        let held = found(self.sessions.list_parts(row.id).await)?.unwrap_or_default();
        if self.is_whole(row, held.bytes()).await? {
            self.complete_upload(row.id).await?;
            return Ok(());
        }
        let lives_until = held.newest.map(|at| at.plus(UPLOAD_LIFE));
        match lives_until.filter(|until| *until > self.clock.now()) {
            Some(until) => uploads::extend_expiry(self.db.write(), row.id, until).await?,
            None => self.expire_upload(row).await?,
        };
        Ok(())
    }
}

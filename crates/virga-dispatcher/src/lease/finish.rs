//! Writing how a job ended, each way in one transaction and by fence.

use std::time::Duration;

use virga_app::fail;
use virga_core::{Code, KeyPrefix, reason::Reason};
use virga_db::{DbError, growing, jobs, tracks, videos};

use super::{LeasedJob, StopReason};
use crate::{
    job_result::{JobError, JobResult, Outcome},
    work,
};

/// A job that waits for room, or for a machine that confines the encoder, looks again after this.
const WAITING_PAUSE: Duration = Duration::from_secs(30);
/// One whose owner has used up what an account may looks again after this.
const OVER_LIMIT_PAUSE: Duration = Duration::from_secs(300);
/// The first pause before another try; doubled each time. A job that waits for its store looks
/// again after this.
const FIRST_PAUSE: Duration = Duration::from_secs(5);
const LONGEST_PAUSE: Duration = Duration::from_secs(300);

/// How long to wait before the next try.
fn pause(attempts: i32) -> Duration {
    let doublings = u32::try_from(attempts - 1).unwrap_or(0).min(10);
    LONGEST_PAUSE.min(FIRST_PAUSE * 2_u32.pow(doublings))
}

impl LeasedJob {
    pub(super) async fn end(
        &self,
        ended: Result<JobResult, JobError>,
        stop: Option<StopReason>,
    ) -> Result<(), DbError> {
        match (ended, stop) {
            (Ok(JobResult::Settled), _) => {
                self.dispatcher.app.wake.jobs.notify();
                Ok(())
            }
            (Ok(JobResult::Written(outcome)), _) => self.commit(&outcome).await,
            (Err(_), Some(StopReason::Lost)) | (Err(JobError::Interrupted), None) => {
                self.drop_objects().await;
                Ok(())
            }
            (Err(JobError::VideoGone), _) => self.close().await,
            (Err(JobError::Fail(why)), _) => self.give_up(&why).await,
            // A purge is never given up: what it should remove would stay.
            (Err(JobError::Storage { reason, .. }), _) if self.job.kind().shapes_the_video() => {
                self.give_up(&reason).await
            }
            (Err(_), Some(StopReason::Stop)) => self.give_back(None, Duration::ZERO, false).await,
            (Err(JobError::NoRoom(why) | JobError::NotConfined(why)), None) => {
                self.give_back(Some(&why), WAITING_PAUSE, false).await
            }
            (Err(JobError::OverLimit(why)), None) => self.put_off(&why).await,
            (Err(JobError::Away(why)), None) => {
                self.give_back(Some(&why), FIRST_PAUSE, false).await
            }
            (Err(JobError::Broke(why)), None) if self.job.error.as_ref() == Some(&why) => {
                let text = format!("The file is damaged: {why}");
                self.give_up(&Reason::new(Code::Damaged, text)).await
            }
            (Err(JobError::Unlisted(_)), None) => {
                let text = "It is in a coding that is not taken here.";
                self.give_up(&Reason::new(Code::CodingUnsupported, text))
                    .await
            }
            (Err(error), None) => {
                let why = error.to_string();
                let tries = self.job.attempts;
                if tries >= self.job.kind().max_attempts() {
                    let text = format!("Given up after {tries} tries: {why}");
                    self.give_up(&Reason::new(Code::GaveUp, text)).await
                } else {
                    let pause = pause(self.job.attempts);
                    self.give_back(Some(&why), pause, true).await
                }
            }
        }
    }

    /// The job's end and all that it made known, or nothing of it.
    async fn commit(&self, outcome: &Outcome) -> Result<(), DbError> {
        fail::point("job.objects-written");
        let app = &self.dispatcher.app;
        let job = &self.job;
        let written = app.change_rows(job.video, |change| async move {
            if !jobs::finish(&change.tx, job, change.now).await? {
                return Ok(change.leave(false));
            }
            if outcome.withdraws_growing {
                change.withdraw_growing(job.id).await?;
            }
            outcome.write(&change).await?;
            if outcome.ends_growing {
                growing::end(&change.tx, job, change.now).await?;
            }
            change.store(true).await
        });
        let (mine, publish) = written.await?;
        if !mine {
            tracing::info!(job = self.job.id, "the job was lost; its result is dropped");
            self.drop_objects().await;
            return Ok(());
        }
        // Its lane is free, and its owner's turn is another.
        app.wake.jobs.notify();
        self.publish(publish).await;
        if outcome.ends_growing {
            self.drop_earlier().await;
        }
        for prefix in &outcome.obsolete {
            self.drop_under(prefix.clone()).await;
        }
        Ok(())
    }

    async fn publish(&self, due: bool) {
        let video = self.job.video;
        if due && let Err(error) = self.dispatcher.app.publish(video).await {
            // The sweeper finishes it.
            tracing::warn!(%video, %error, "publishing failed");
        }
    }

    /// The video is gone: so is what this try made of it, and the job is over.
    async fn close(&self) -> Result<(), DbError> {
        self.drop_objects().await;
        let (job, app) = (&self.job, &self.dispatcher.app);
        jobs::finish(app.db.write(), job, app.clock.now()).await?;
        Ok(())
    }

    /// Failed for good, with the reason; the source is kept.
    async fn give_up(&self, why: &Reason) -> Result<(), DbError> {
        let (app, job) = (&self.dispatcher.app, &self.job);
        let written = app.change_rows(job.video, |change| async move {
            let (tx, now) = (&change.tx, change.now);
            let failed = jobs::fail(tx, job, why, now).await?;
            if failed.is_empty() {
                return Ok(change.leave(false));
            }
            change.withdraw_growing(job.id).await?;
            let decides = failed.iter().any(|kind| kind.decides());
            if decides && !tracks::any(tx, job.video).await? {
                videos::set_failure(tx, job.video, Some(why)).await?;
            }
            change.store(true).await
        });
        let (mine, publish) = written.await?;
        if mine {
            self.drop_objects().await;
            app.wake.jobs.notify();
        }
        self.publish(publish).await;
        Ok(())
    }

    /// Back into the queue, with a reason that its owner sees.
    async fn put_off(&self, why: &Reason) -> Result<(), DbError> {
        let app = &self.dispatcher.app;
        let run_at = app.clock.now().plus(OVER_LIMIT_PAUSE);
        if jobs::put_off(app.db.write(), &self.job, why, run_at).await? {
            self.drop_objects().await;
        }
        Ok(())
    }

    /// Back into the queue.
    async fn give_back(
        &self,
        why: Option<&str>,
        pause: Duration,
        counted: bool,
    ) -> Result<(), DbError> {
        let app = &self.dispatcher.app;
        let run_at = app.clock.now().plus(pause);
        let why = why.or(self.job.error.as_deref());
        let mine = jobs::requeue(app.db.write(), &self.job, why, run_at, counted).await?;
        if mine {
            self.drop_objects().await;
        }
        Ok(())
    }

    /// Removes what this try wrote and no row points at.
    async fn drop_objects(&self) {
        self.drop_unused(std::iter::once(work::prefix(&self.job)))
            .await;
    }

    /// Removes what tries wrote whose worker died before their rows.
    pub(super) async fn drop_earlier(&self) {
        if self.job.kind().shapes_the_video() {
            self.drop_unused(work::earlier_prefixes(&self.job)).await;
        }
    }

    /// Removes what is under these prefixes, but where a row points at something of it: a try publishes the
    /// source's own picture before its job is done, and another one may have to end it.
    async fn drop_unused(&self, prefixes: impl Iterator<Item = KeyPrefix>) {
        let mut prefixes = prefixes.peekable();
        if prefixes.peek().is_none() {
            return;
        }
        let app = &self.dispatcher.app;
        let rows = match tracks::of_video(app.db.read(), self.job.video).await {
            Ok(rows) => rows,
            Err(error) => {
                tracing::warn!(%error, "the objects of a dropped attempt are left for later");
                return;
            }
        };
        for prefix in prefixes {
            if !rows.iter().any(|row| prefix.has(&row.table_key)) {
                self.drop_under(prefix).await;
            }
        }
    }

    async fn drop_under(&self, prefix: KeyPrefix) {
        if let Err(error) = self.dispatcher.app.store.delete_prefix(&prefix).await {
            tracing::warn!(%prefix, %error, "removing a dropped attempt's objects failed");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_and_end_at_five_minutes() {
        let seconds: Vec<u64> = (1..=8).map(|n| pause(n).as_secs()).collect();
        assert_eq!(seconds, [5, 10, 20, 40, 80, 160, 300, 300]);
        assert_eq!(pause(i32::MAX), LONGEST_PAUSE);
    }
}

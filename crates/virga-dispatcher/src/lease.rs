//! The lease loop: claims jobs it has room for, keeps their leases alive, and writes how they end.

use std::{pin::pin, sync::Arc, time::Duration};

use tokio::{
    sync::{Notify, OwnedSemaphorePermit},
    time::{Instant, MissedTickBehavior, interval_at, timeout},
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};
use virga_app::fail;
use virga_core::{
    Code, counts,
    job::{HEARTBEAT, LEASE},
};
use virga_db::{
    DbError, JobRow,
    jobs::{self, Claim, Queue},
    usage,
};

use self::backoff::Backoff;
use crate::{
    Dispatcher,
    job_result::{JobError, JobResult},
    jobs::perform,
    lanes::Lanes,
    work::{Lease, Work},
};

mod backoff;
mod finish;

/// How often it looks without being woken.
const POLL: Duration = Duration::from_secs(1);
/// How long a job may take to end by itself after a stop request.
const GRACE: Duration = Duration::from_secs(3);
/// How long short jobs may take to finish when the process stops.
const FINISH: Duration = Duration::from_secs(3);

/// Runs jobs until `stop`, then gives back what runs.
pub(crate) async fn run(dispatcher: &Dispatcher, stop: &CancellationToken) {
    let lanes = Lanes::new(&dispatcher.config);
    let queue = Queue::default();
    let tasks = TaskTracker::new();
    let freed = Arc::new(Notify::new());
    let (mut backoff, mut notified) = (Backoff::default(), false);
    while !stop.is_cancelled() {
        let mut woken = pin!(dispatcher.app.wake.jobs.notified());
        woken.as_mut().enable();
        let mut found = false;
        while !stop.is_cancelled()
            && let Some((job, place)) = claim(dispatcher, &lanes, &queue).await
        {
            let held = LeasedJob {
                dispatcher: dispatcher.clone(),
                job,
                stop: stop.clone(),
                freed: Arc::clone(&freed),
            };
            tasks.spawn(held.run(place));
            found = true;
        }
        if notified && !found {
            backoff.grow();
        } else {
            backoff.reset();
        }
        notified = tokio::select! {
            () = stop.cancelled() => false,
            () = woken => true,
            () = freed.notified() => false,
            () = tokio::time::sleep(POLL) => false,
        };
        if notified {
            let wait = tokio::time::sleep(backoff.wait(&*dispatcher.app.entropy));
            stop.run_until_cancelled(wait).await;
        }
    }
    tasks.close();
    tasks.wait().await;
}

async fn claim(
    dispatcher: &Dispatcher,
    lanes: &Lanes,
    queue: &Queue,
) -> Option<(JobRow, OwnedSemaphorePermit)> {
    let kinds = lanes.open();
    if kinds.is_empty() {
        return None;
    }
    let claim = Claim {
        worker: &dispatcher.worker,
        kinds: &kinds,
        now: dispatcher.app.clock.now(),
    };
    match jobs::claim(&dispatcher.app.db, queue, claim).await {
        Ok(job) => job.and_then(|job| lanes.enter(job.kind()).map(|place| (job, place))),
        Err(error) => {
            tracing::warn!(%error, "claiming a job failed");
            None
        }
    }
}

/// Why a job is stopped before it is done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum StopReason {
    /// Someone else has it, or it is closed.
    Lost,
    /// The process stops.
    Stop,
}

/// A job under lease.
struct LeasedJob {
    dispatcher: Dispatcher,
    job: JobRow,
    stop: CancellationToken,
    freed: Arc<Notify>,
}

impl LeasedJob {
    async fn run(self, place: OwnedSemaphorePermit) {
        fail::point("job.claimed");
        let began = Instant::now();
        let lease = Lease::default();
        self.drop_earlier().await;
        let (ended, stop) = if self.job.attempts > self.job.kind().max_attempts() {
            (Err(self.used_up()), None)
        } else {
            self.work(&lease).await
        };
        let (kind, video) = (self.job.kind(), self.job.video);
        let millis = u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX);
        let outcome = match &ended {
            Ok(_) | Err(JobError::VideoGone) => "done",
            Err(JobError::Interrupted) => "interrupted",
            Err(_) => "failed",
        };
        counts::job_ended((kind.as_str(), outcome), began.elapsed());
        self.note_time(began.elapsed()).await;
        if ended.is_err() {
            self.note_encoder(&lease).await;
        }
        match &ended {
            Ok(_) => tracing::info!(job = self.job.id, %kind, %video, millis, "job done"),
            Err(JobError::VideoGone) => {
                tracing::info!(job = self.job.id, %kind, %video, "job dropped: the video is gone");
            }
            Err(JobError::Interrupted) => {
                tracing::info!(job = self.job.id, %kind, %video, ?stop, "job interrupted");
            }
            Err(error) => {
                tracing::warn!(job = self.job.id, %kind, %video, millis, %error, "job failed");
            }
        }
        if let Err(error) = self.end(ended, stop).await {
            // The lease ends by itself and someone takes the job up again.
            tracing::warn!(job = self.job.id, %kind, %video, %error, "writing a job's end failed");
        }
        drop(place);
        self.freed.notify_one();
    }

    /// Counts what it took of the encoder, however it ended.
    async fn note_time(&self, time: Duration) {
        if !self.job.kind().is_heavy() {
            return;
        }
        let noted = usage::spend(self.dispatcher.app.db.write(), self.job.id, time).await;
        if let Err(error) = noted {
            tracing::warn!(job = self.job.id, %error, "the time of a job was not counted");
        }
    }

    /// Keeps for administrators what an encoder that failed said last.
    async fn note_encoder(&self, lease: &Lease) {
        let said = lease.encoder_log();
        if said.is_empty() {
            return;
        }
        let noted = jobs::note_encoder(self.dispatcher.app.db.write(), &self.job, &said).await;
        if let Err(error) = noted {
            tracing::warn!(job = self.job.id, %error, "what the encoder said was not kept");
        }
    }

    /// Every try ended with its worker's death.
    fn used_up(&self) -> JobError {
        let tries = self.job.attempts - 1;
        let text = match &self.job.error {
            Some(error) => format!("Processing failed {tries} times: {error}"),
            None => format!("Processing was interrupted {tries} times. Try again later."),
        };
        JobError::fail(Code::GaveUp, text)
    }

    /// Does the work while the lease holds.
    async fn work(&self, lease: &Lease) -> (Result<JobResult, JobError>, Option<StopReason>) {
        let work = Work {
            dispatcher: &self.dispatcher,
            job: &self.job,
            lease,
        };
        let mut working = Box::pin(perform(work));
        let stop = tokio::select! {
            biased;
            ended = &mut working => return (ended, None),
            stop = self.hold(lease) => stop,
        };
        lease.halt.cancel();
        let ended = timeout(GRACE, working).await;
        (ended.unwrap_or(Err(JobError::Interrupted)), Some(stop))
    }

    /// Keeps the lease alive; returns when the job must end.
    async fn hold(&self, lease: &Lease) -> StopReason {
        tokio::select! {
            () = self.beat(lease) => StopReason::Lost,
            () = self.stopping() => StopReason::Stop,
        }
    }

    async fn stopping(&self) {
        self.stop.cancelled().await;
        if !self.job.kind().is_heavy() {
            tokio::time::sleep(FINISH).await;
        }
    }

    async fn beat(&self, lease: &Lease) {
        let mut ticks = interval_at(Instant::now() + HEARTBEAT, HEARTBEAT);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut last = Instant::now();
        loop {
            ticks.tick().await;
            match self.beat_once(lease).await {
                Ok(true) => last = Instant::now(),
                Ok(false) => return,
                Err(error) => {
                    tracing::warn!(job = self.job.id, %error, "a heartbeat failed");
                    if last.elapsed() >= LEASE {
                        return;
                    }
                }
            }
        }
    }

    async fn beat_once(&self, lease: &Lease) -> Result<bool, DbError> {
        let app = &self.dispatcher.app;
        let (id, fence) = (self.job.id, self.job.fence);
        jobs::heartbeat(app.db.write(), id, fence, lease.progress(), app.clock.now()).await
    }
}

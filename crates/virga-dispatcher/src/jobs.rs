//! What each kind of job does.

mod allowance;
mod arriving;
mod copied;
mod copy;
mod cut_off;
mod encoding;
mod fallback;
mod first_rung;
mod join;
mod kept_sound;
mod labels;
mod ladder;
mod limits;
mod loudness;
mod package;
mod per_title;
mod poster;
mod probe;
mod sound;
mod sounds;
mod span;
mod storyboard;
mod texts;

use virga_app::Purge;
use virga_core::job::Job;
use virga_db::jobs;

use crate::{
    job_result::{JobError, JobResult},
    work::Work,
};

/// Does one try of a job.
pub(crate) async fn perform(work: Work<'_>) -> Result<JobResult, JobError> {
    let mut done = run(work).await?;
    if let JobResult::Written(outcome) = &mut done {
        outcome.digests = work.lease.digests.take();
    }
    Ok(done)
}

async fn run(work: Work<'_>) -> Result<JobResult, JobError> {
    if work.job.kind().is_heavy() {
        allowance::check_time(&work).await?;
    }
    match &work.job.job {
        Job::Arriving => Box::pin(arriving::run(&work)).await,
        Job::Probe => probe::run(&work).await,
        Job::Sound => Box::pin(sound::run(&work)).await,
        Job::Copy => Box::pin(copy::run(&work)).await,
        Job::Package => package::run(&work).await,
        Job::FirstRung => Box::pin(first_rung::run(&work)).await,
        Job::Ladder { whole } => Box::pin(ladder::run(&work, *whole)).await,
        Job::Span(span) => Box::pin(span::run(&work, span)).await,
        Job::Join { ladder, rungs } => Box::pin(join::run(&work, *ladder, rungs)).await,
        Job::Poster => Box::pin(poster::run(&work)).await,
        Job::Fallback => fallback::run(&work).await,
        Job::Storyboard => Box::pin(storyboard::run(&work)).await,
        Job::Texts => Box::pin(texts::run(&work)).await,
        Job::Loudness => Box::pin(loudness::run(&work)).await,
        Job::Sounds => Box::pin(sounds::run(&work)).await,
        Job::Purge { .. } => purge(&work).await,
    }
}

async fn purge(work: &Work<'_>) -> Result<JobResult, JobError> {
    let app = work.app();
    if app.purge(work.job).await? == Purge::Closed {
        // If the video was restored in the meantime, the job is still open.
        jobs::finish(app.db.write(), work.job, app.clock.now()).await?;
    }
    Ok(JobResult::Settled)
}

//! Which rungs a film gets, by trial encodes of parts of it.

use std::time::Instant;

use virga_media::{Rung, choose_rungs, trial_starts};

use super::encoding::Ready;
use crate::{
    ffmpeg::{self, Share},
    job_result::JobError,
    work::Work,
};

/// The rungs that are worth making, each with its rate factor. What cannot be tried gets all of them.
pub(super) async fn chosen(
    work: &Work<'_>,
    ready: &Ready,
    rungs: Vec<Rung>,
) -> Result<Vec<Rung>, JobError> {
    let starts = trial_starts(ready.probed.shape.duration_micros);
    if !work.config().per_title || rungs.len() < 2 || starts.is_empty() {
        return Ok(rungs);
    }
    let began = Instant::now();
    let session = ready.session(work).sharing(Share::NONE);
    let mut trials = Vec::new();
    for from in starts {
        work.check()?;
        // One after the other writes the same files.
        match ffmpeg::trial(&session, &ready.probed, &rungs, from).await {
            Ok(trial) => trials.push(trial),
            Err(error @ (JobError::Interrupted | JobError::NoRoom(_))) => return Err(error),
            // The ladder itself will say what is wrong, if anything is.
            Err(error) => tracing::info!(job = work.job.id, from, ?error, "no trial"),
        }
    }
    let chosen = choose_rungs(rungs, &trials);
    let named: Vec<String> = chosen
        .iter()
        .map(|it| format!("{}@{}", it.name, it.crf))
        .collect();
    let (trials, seconds) = (trials.len(), began.elapsed().as_secs_f64());
    tracing::info!(job = work.job.id, video = %work.job.video, trials, seconds, rungs = named.join(" "), "rungs chosen");
    Ok(chosen)
}

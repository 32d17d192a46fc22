//! All rungs but the lowest. Those of a long film are left to any number of workers, in spans; else one decode
//! pass makes all of them, and they are added together.

use virga_core::job::{Job, Span};
use virga_db::{jobs, tracks};
use virga_media::{Container, Rung, key_times, span_starts};

use super::{
    allowance,
    encoding::{Ready, Written, name_of},
    per_title,
};
use crate::{
    ffmpeg::{self, Encode, encode},
    job_result::{JobError, JobResult, Outcome},
    pack::position,
    work::Work,
};

/// `whole`: in one pass, whatever the length.
pub(crate) async fn run(work: &Work<'_>, whole: bool) -> Result<JobResult, JobError> {
    allowance::check_room(work).await?;
    let row = work.row().await?;
    let ready = Ready::for_rungs(work, &row).await?;
    let all = ready.ladder(work)?;
    let missing = missing(work, &all).await?;
    if missing.is_empty() {
        return Ok(Outcome::default().into());
    }
    let mut rungs = per_title::chosen(work, &ready, all).await?;
    rungs.retain(|rung| missing.contains(&rung.name));
    if rungs.is_empty() {
        return Ok(Outcome::default().into());
    }
    let rungs = ffmpeg::fitting(&ready.session(work), &ready.probed, rungs)?;
    let starts = if whole {
        Vec::new()
    } else {
        cuts(work, &ready)
    };
    if !starts.is_empty() {
        return split(work, &starts, rungs).await;
    }
    ready.require(work, &rungs)?;
    let session = ready.session(work);
    let what = Encode {
        rungs: &rungs,
        sound: false,
        read_along: false,
        stretch: None,
    };
    let encoded = encode(&session, &ready.probed, what).await?;
    // As long as the film, whose sound may be longer than its picture.
    let until = row.duration.unwrap_or(0);
    let mut tracks = Vec::new();
    for (rung, path) in rungs.iter().zip(&encoded) {
        let written = Written::open(path).await?;
        if !ready.outweighed_by(&written)? {
            let name = name_of(work, rung);
            tracks.push(written.put_picture(work, name, rung, until).await?.0);
        }
        // It is stored as an object; scratch need not hold it twice.
        std::fs::remove_file(path)?;
    }
    Ok(Outcome {
        tracks,
        ..Outcome::default()
    }
    .into())
}

/// The seconds at which the spans of the film begin, but the first; none where it is encoded in one pass.
fn cuts(work: &Work<'_>, ready: &Ready) -> Vec<u32> {
    // In other containers ffmpeg finds a moment by guessing, and may begin after it.
    let seekable = matches!(ready.source.container, Container::Mp4 | Container::Matroska);
    if !seekable {
        return Vec::new();
    }
    let keys = ready.source.movie.as_ref().and_then(|movie| {
        let own = ready.source.own.map(|own| own.picture);
        Some(key_times(movie, own.or_else(|| movie.video())?))
    });
    let length = ready.probed.shape.duration_micros;
    span_starts(
        length,
        work.config().span_seconds,
        &keys.unwrap_or_default(),
    )
}

/// Leaves the rungs to workers, a span each; one of them then joins what they made.
async fn split(work: &Work<'_>, starts: &[u32], rungs: Vec<Rung>) -> Result<JobResult, JobError> {
    let ends = starts.iter().copied().map(Some).chain([None]);
    let begins = [0].into_iter().chain(starts.iter().copied());
    let spans: Vec<Job> = (0..)
        .zip(begins.zip(ends))
        .map(|(number, (from, until))| {
            Job::Span(Span {
                number,
                from,
                until,
                rungs: rungs.clone(),
            })
        })
        .collect();
    let (app, job, spans) = (work.app(), work.job, &spans);
    let then = &Job::Join {
        ladder: job.id,
        rungs,
    };
    let written = app.change(job.video, |change| async move {
        let mine = jobs::split(&change.tx, job, spans, then, change.now).await?;
        Ok(change.store(mine).await?)
    });
    if !written.await? {
        return Err(JobError::Interrupted);
    }
    let count = spans.len();
    tracing::info!(job = job.id, video = %job.video, count, "the film is encoded in spans");
    Ok(JobResult::Settled)
}

/// The names of rungs above the lowest that do not stand yet.
async fn missing(work: &Work<'_>, rungs: &[Rung]) -> Result<Vec<String>, JobError> {
    let tracks = tracks::of_video(work.app().db.read(), work.video()).await?;
    let stands = |rung: &Rung| {
        // Where a row of 0.2 is, which does not name its rung.
        let at = position(rung.width.min(rung.height), true);
        tracks.iter().any(|track| match &track.rung {
            Some(name) => *name == rung.name,
            None => track.position == at,
        })
    };
    let above = rungs.iter().skip(1).filter(|rung| !stands(rung));
    Ok(above.map(|rung| rung.name.clone()).collect())
}

//! All rungs but the lowest, in one decode pass; they are added together.

use virga_db::tracks;
use virga_media::Rung;

use super::{
    allowance,
    encoding::{Ready, Written, name_of},
};
use crate::{
    ffmpeg::{Encode, encode},
    job_result::{JobError, JobResult, Outcome},
    pack::position,
    work::Work,
};

pub(crate) async fn run(work: &Work<'_>) -> Result<JobResult, JobError> {
    allowance::check_room(work).await?;
    let row = work.row().await?;
    let ready = Ready::for_rungs(work, &row).await?;
    let rungs = missing(work, ready.ladder(work)?).await?;
    if rungs.is_empty() {
        return Ok(Outcome::default().into());
    }
    ready.require(work, &rungs)?;
    let session = ready.session(work);
    let what = Encode {
        rungs: &rungs,
        sound: false,
        read_along: false,
    };
    let encoded = encode(&session, &ready.probed, what).await?;
    // As long as the film, whose sound may be longer than its picture.
    let until = row.duration.unwrap_or(0);
    let mut tracks = Vec::new();
    for (rung, path) in rungs.iter().zip(&encoded) {
        let written = Written::open(path).await?;
        tracks.push(
            written
                .put_picture(work, name_of(work, rung), rung, until)
                .await?
                .0,
        );
        // It is stored as an object; scratch need not hold it twice.
        std::fs::remove_file(path)?;
    }
    Ok(Outcome {
        tracks,
        ..Outcome::default()
    }
    .into())
}

/// The rungs above the lowest that do not stand yet.
async fn missing(work: &Work<'_>, rungs: Vec<Rung>) -> Result<Vec<Rung>, JobError> {
    let tracks = tracks::of_video(work.app().db.read(), work.video()).await?;
    let stands = |rung: &Rung| {
        // Where a row of 0.2 is, which does not name its rung.
        let at = position(rung.width.min(rung.height), true);
        tracks.iter().any(|track| match &track.rung {
            Some(name) => *name == rung.name,
            None => track.position == at,
        })
    };
    let above = rungs.into_iter().skip(1);
    Ok(above.filter(|rung| !stands(rung)).collect())
}

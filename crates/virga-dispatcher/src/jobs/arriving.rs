//! Publishes an upload while it arrives: its index is known by the parts of its beginning and end, and what
//! browsers play as it is plays as far as the parts stand in order. Nothing is encoded or copied. What the index
//! does not tell is left to the probe, which looks at the whole file.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use tokio::task::spawn_blocking;
use virga_core::{
    job::Job,
    presentation::{own_picture, sound_name},
    upload::UploadState,
};
use virga_db::{UploadRow, uploads};
use virga_media::{PlannedTrack, TrackTable, plan, shape};
use virga_objects::ObjectError;

use super::{limits, probe};
use crate::{
    job_result::{JobError, JobResult, Outcome},
    media::{Media, index_arriving},
    pack::put_arriving,
    work::Work,
};

/// A film is published once so much of it stands, however slow the line: players look for more every few seconds,
/// and parts come in bursts. Microseconds.
const ENOUGH: i64 = 10_000_000;
/// Or so much, where the line brings it so much faster than it plays: before a player asks, twice as much is there.
const START: i64 = 2_000_000;
const FASTER: f64 = 2.0;
/// How often it is looked at.
const LOOK: Duration = Duration::from_millis(100);
/// How long an upload has a worker's place; then another has its turn.
const TURN: Duration = Duration::from_secs(10);
/// When it is looked at again if too little stands.
const PAUSE: Duration = Duration::from_secs(1);
/// An upload from which nothing came for so long waits for nobody.
const STALE: Duration = Duration::from_secs(60);

pub(crate) async fn run(work: &Work<'_>) -> Result<JobResult, JobError> {
    let outcome = match publish(work).await {
        // The probe will tell its owner.
        Err(JobError::NotHere | JobError::Fail(_)) => Outcome::default(),
        outcome => outcome?,
    };
    Ok(outcome.into())
}

async fn publish(work: &Work<'_>) -> Result<Outcome, JobError> {
    let app = work.app();
    let open = uploads::open_of_video(app.db.read(), work.video()).await?;
    let comes = |row: &UploadRow| row.state == UploadState::Uploading;
    let upload = open.filter(comes).ok_or(JobError::NotHere)?;
    let media = Media::arriving(&app.sessions, upload.id, upload.size);
    // What cannot be watched is not frozen.
    match index_arriving(&media).await {
        Ok(Some(_)) => {}
        Ok(None) => return Ok(Outcome::default()),
        // Its index is in a part that comes later.
        Err(JobError::NotHere) => return look_again(work, &upload).await,
        Err(error) => return Err(error),
    }
    match app.sessions.freeze(upload.id).await {
        Ok(true) => {}
        Ok(false) | Err(ObjectError::NoSession(_)) => return Err(JobError::NotHere),
        Err(error) => return Err(error.into()),
    }
    // A part may have been sent anew in between; from now on none is.
    let found = index_arriving(&media).await?;
    let (movie, tracks) = found.ok_or(JobError::NotHere)?;
    let shape = shape(&movie).ok_or(JobError::NotHere)?;
    limits::check(work.config(), &shape)?;
    let movie = Arc::new(movie);
    let planned = spawn_blocking(move || plan(&movie, &tracks)).await??;
    let duration = planned.video.table.duration_micros();
    let video = planned.video.with_source_ends()?;
    let audio = planned.audio.map(PlannedTrack::with_source_ends);
    let audio = audio.transpose()?;
    let tracks: Vec<&PlannedTrack> = std::iter::once(&video).chain(&audio).collect();
    if !stands(work, &upload, &tracks).await? {
        return look_again(work, &upload).await;
    }
    let job = work.job.id;
    let mut rows = vec![put_arriving(work, &upload, own_picture(job), video).await?];
    if let Some(audio) = audio {
        rows.push(put_arriving(work, &upload, sound_name(job), audio).await?);
    }
    Ok(Outcome {
        tracks: rows,
        shape: Some(probe::as_row(&shape, duration)),
        arriving: Some(upload.id),
        ..Outcome::default()
    })
}

/// Whether, within this upload's turn, enough of every track can be made of what is here.
async fn stands(
    work: &Work<'_>,
    upload: &UploadRow,
    tracks: &[&PlannedTrack],
) -> Result<bool, JobError> {
    let mut line = Line::new(upload, tracks);
    let begun = Instant::now();
    loop {
        let held = match work.app().sessions.in_order(upload.id, line.last).await {
            Err(ObjectError::NoSession(_)) => return Err(JobError::NotHere),
            held => held?,
        };
        let time = begun.elapsed();
        line.has(held, time);
        if tracks
            .iter()
            .all(|track| line.is_enough(&track.table, held))
        {
            return Ok(true);
        }
        if time >= TURN {
            return Ok(false);
        }
        tokio::select! {
            () = tokio::time::sleep(LOOK) => {}
            () = work.lease.halt.cancelled() => return Err(JobError::Interrupted),
        }
    }
}

/// How fast an upload arrives, measured where a part has just come, as its job begins with one.
struct Line {
    /// Bytes that play in a second.
    rate: f64,
    first: Option<u64>,
    last: u64,
    /// Seconds of the film that a second brings.
    pace: f64,
}

#[expect(
    clippy::cast_precision_loss,
    reason = "no file or film is as large as 2^53"
)]
impl Line {
    fn new(upload: &UploadRow, tracks: &[&PlannedTrack]) -> Self {
        let lengths = tracks.iter().map(|track| track.table.duration_micros());
        let length = lengths.max().unwrap_or(0).max(1);
        Self {
            rate: upload.size as f64 * 1e6 / length as f64,
            first: None,
            last: 0,
            pace: 0.0,
        }
    }

    fn has(&mut self, held: u64, time: Duration) {
        let first = *self.first.get_or_insert(held);
        if held > self.last.max(first) {
            self.pace = (held - first) as f64 / self.rate / time.as_secs_f64().max(0.001);
        }
        self.last = held;
    }

    fn is_enough(&self, table: &TrackTable, held: u64) -> bool {
        let standing = table.segments_within(held);
        let made = table.start_micros(standing);
        standing == table.segments() || made >= ENOUGH || made >= START && self.pace >= FASTER
    }
}

/// Too little is here: the job comes back, as long as parts do.
async fn look_again(work: &Work<'_>, upload: &UploadRow) -> Result<Outcome, JobError> {
    let held = match work.app().sessions.list_parts(upload.id).await {
        Err(ObjectError::NoSession(_)) => return Err(JobError::NotHere),
        held => held?,
    };
    let newest = held.newest.unwrap_or_default();
    let quiet = work.app().clock.now().since(newest);
    let next = (quiet < STALE).then_some(Job::Arriving);
    Ok(Outcome {
        next: next.into_iter().collect(),
        pause: PAUSE,
        arriving: Some(upload.id),
        ..Outcome::default()
    })
}

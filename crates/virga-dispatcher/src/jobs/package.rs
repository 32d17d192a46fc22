//! One CMAF object per source track, by the packager that makes segments per request: the same
//! bytes, read once out of the interleaved source instead of at each request. The source is looked at
//! whole here first: if it is damaged, its tracks are set aside for encoded ones.

use virga_core::{MediaKey, job::Job, presentation::TrackBody};
use virga_db::{TrackRow, TrackRowKind, tracks};

use crate::{
    job_result::{JobError, JobResult, Outcome},
    media::{Media, Source},
    pack::{Blocks, Packed, table_of},
    work::Work,
};

pub(crate) async fn run(work: &Work<'_>) -> Result<JobResult, JobError> {
    let rows = tracks::of_video(work.app().db.read(), work.video()).await?;
    let todo: Vec<(&TrackRow, &MediaKey, &MediaKey)> = rows
        .iter()
        .filter_map(|row| match &row.body {
            TrackBody::Source { source, samples } => Some((row, source, samples)),
            TrackBody::Object { .. } | TrackBody::Arriving { .. } | TrackBody::Growing { .. } => {
                None
            }
        })
        .collect();
    // Existing rungs may have been made to play with the source's sound.
    let heard = todo.iter().any(|(row, ..)| row.kind == TrackRowKind::Audio);
    if let Some((_, source, _)) = todo.first()
        && let source = Source::again(work, source).await?
        && !source.is_some_and(|source| still_plays(&source, heard))
    {
        return Ok(Outcome {
            next: heard.then_some(Job::FirstRung).into_iter().collect(),
            ..Outcome::set_aside(todo.iter().map(|(row, ..)| *row))
        }
        .into());
    }
    let mut packed = Vec::new();
    for (done, (row, source, samples)) in todo.iter().enumerate() {
        packed.push(package(work, row, source, samples).await?);
        let permille = 1000 * (done + 1) / todo.len();
        work.lease.report(i32::try_from(permille).unwrap_or(1000));
    }
    Ok(Outcome {
        tracks: packed,
        ..Outcome::default()
    }
    .into())
}

/// Whether its own tracks may be served on, the sound among them where it is `heard`.
fn still_plays(source: &Source, heard: bool) -> bool {
    source.heard().is_some()
        || source
            .own
            .is_some_and(|own| !heard || own.instant().is_some())
}

async fn package(
    work: &Work<'_>,
    row: &TrackRow,
    source: &MediaKey,
    samples: &MediaKey,
) -> Result<TrackRow, JobError> {
    let store = &work.app().store;
    let media = Media::stored(store, source).await?;
    let packed = Packed {
        name: row.name.clone(),
        rung: None,
        table: table_of(work, row).await?,
        blocks: Blocks::Stored(samples.clone()),
    };
    packed.put(work, &media).await
}

//! The tracks of a ladder, out of the spans that workers encoded: nothing is encoded again.

use std::sync::Arc;

use tokio::task::spawn_blocking;
use virga_core::{
    KeyPrefix,
    job::{Job, JobState},
};
use virga_db::{JobRow, jobs};
use virga_media::{EncodedSpan, Rung, SpanFault, join_spans};
use virga_objects::ObjectError;

use super::{
    encoding::{Written, name_of},
    span::key_of,
};
use crate::{
    job_result::{JobError, JobResult, Outcome},
    media::{Media, index_own},
    work::{self, Work},
};

pub(crate) async fn run(
    work: &Work<'_>,
    ladder: i64,
    rungs: &[Rung],
) -> Result<JobResult, JobError> {
    let spans = jobs::children(work.app().db.read(), ladder).await?;
    let until = work.row().await?.duration.unwrap_or(0);
    let obsolete: Vec<KeyPrefix> = spans.iter().map(work::prefix).collect();
    let mut tracks = Vec::new();
    for rung in rungs {
        work.check()?;
        let Some(written) = join(work, &spans, rung).await? else {
            return Ok(Outcome {
                obsolete,
                next: vec![Job::Ladder { whole: true }],
                ..Outcome::default()
            }
            .into());
        };
        let name = name_of(work, rung);
        tracks.push(written.put_picture(work, name, rung, until).await?.0);
    }
    Ok(Outcome {
        tracks,
        obsolete,
        ..Outcome::default()
    }
    .into())
}

/// One rung of all spans; `None` where they are not one track.
async fn join(work: &Work<'_>, spans: &[JobRow], rung: &Rung) -> Result<Option<Written>, JobError> {
    let (mut files, mut offset) = (Vec::new(), 0);
    let mut encoded = Vec::new();
    // Where the next one begins: the first with the film, each where the one before ends.
    let mut next = Some(0);
    for job in spans {
        let Job::Span(span) = &job.job else { continue };
        let file = match job.state {
            JobState::Done if next == Some(span.from) => found(work, job, rung).await?,
            _ => None,
        };
        next = span.until;
        let Some(file) = file else {
            let (number, rung) = (span.number, &rung.name);
            tracing::info!(job = work.job.id, number, rung, "a span is missing");
            return Ok(None);
        };
        let movie = index_own(&file).await?;
        encoded.push(EncodedSpan {
            movie,
            offset,
            starts: span.from,
        });
        offset += file.len;
        files.push(file);
    }
    if next.is_some() {
        tracing::info!(
            job = work.job.id,
            rung = rung.name,
            "the last span is missing"
        );
        return Ok(None);
    }
    match spawn_blocking(move || join_spans(&encoded)).await? {
        Ok(movie) => Ok(Some(Written {
            media: Media::chain(files),
            movie: Arc::new(movie),
        })),
        Err(SpanFault::Media(error)) => Err(error.into()),
        Err(fault) => {
            tracing::warn!(job = work.job.id, rung = rung.name, %fault, "the spans do not fit together");
            Ok(None)
        }
    }
}

/// The file of a span, if its worker could make it and it is still there.
async fn found(work: &Work<'_>, span: &JobRow, rung: &Rung) -> Result<Option<Media>, JobError> {
    let key = key_of(span, &rung.name)?;
    let store = &work.app().store;
    match store.stat(&key).await {
        Ok(_) => Ok(Some(Media::stored(store, &key).await?)),
        Err(ObjectError::NotFound(_)) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

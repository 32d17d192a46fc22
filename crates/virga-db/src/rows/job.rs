//! Jobs as typed values.

use virga_core::{
    Timestamp, VideoId,
    job::{Job, JobKind, JobState},
};

use super::id;
use crate::{Result, entity};

/// A job.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JobRow {
    /// Id.
    pub id: i64,
    /// What it does.
    pub job: Job,
    /// To which video.
    pub video: VideoId,
    /// The job whose child it is.
    pub parent: Option<i64>,
    /// Its state.
    pub state: JobState,
    /// Tries so far, this one included.
    pub attempts: i32,
    /// Grows with each claim; results carry it.
    pub fence: i64,
    /// Not before.
    pub run_at: Timestamp,
    /// Its worker lives until then.
    pub lease_until: Timestamp,
    /// Thousandths done.
    pub progress: i32,
    /// Why it failed last.
    pub error: Option<String>,
    /// The stable name of that reason, once the job is given up.
    pub error_code: Option<String>,
    /// What the encoder said last, where a try failed over it.
    pub encoder_log: Option<String>,
    /// Which worker had it last; empty before the first.
    pub worker: String,
    /// Added.
    pub created_at: Timestamp,
    /// Last touched.
    pub updated_at: Timestamp,
}

impl JobRow {
    /// Its kind.
    pub fn kind(&self) -> JobKind {
        self.job.kind()
    }

    /// Reads a row; `None` for a kind, a payload or a state of a later release, whose workers see to it.
    pub(crate) fn read(row: entity::job::Model) -> Result<Option<Self>> {
        let known = Job::read(&row.kind, &row.payload).zip(JobState::parse(&row.state));
        let Some((job, state)) = known else {
            return Ok(None);
        };
        Ok(Some(Self {
            id: row.id,
            job,
            video: id("jobs", "video_id", &row.video_id)?,
            parent: row.parent,
            state,
            attempts: row.attempts,
            fence: row.fence,
            run_at: Timestamp(row.run_at),
            lease_until: Timestamp(row.lease_until),
            progress: row.progress,
            error: row.error,
            error_code: row.error_code,
            encoder_log: row.encoder_log,
            worker: row.worker,
            created_at: Timestamp(row.created_at),
            updated_at: Timestamp(row.updated_at),
        }))
    }

    /// Reads rows, without those of a later release.
    pub(crate) fn read_known(rows: Vec<entity::job::Model>) -> Result<Vec<Self>> {
        let read = rows.into_iter().map(Self::read);
        read.filter_map(Result::transpose).collect()
    }
}

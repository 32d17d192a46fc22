//! Jobs: those that wait or run and may be stopped, and those that were given up and may be tried again.

use askama::Template;
use axum::{
    extract::Query,
    response::{IntoResponse, Redirect, Response},
};
use serde::Deserialize;
use virga_core::{
    Timestamp, VideoId,
    job::{JobKind, JobState},
    wire::{FailedJob, OpenJob, Page},
};

use crate::{
    context::{FormRequest, PageContext, PageError},
    format::When,
    layout::{Layout, query_value},
    locale::Lang,
    reasons,
};

/// The page.
#[derive(Template)]
#[template(path = "admin/jobs.html")]
pub(crate) struct JobsPage {
    pub(crate) f: Layout,
    tab: &'static str,
    open: Vec<OpenLine>,
    /// Where the rest of those is.
    pub(crate) more_open: Option<String>,
    rows: Vec<JobLine>,
    pub(crate) more: Option<String>,
    pub(crate) done: Option<String>,
}

struct OpenLine {
    video: String,
    title: String,
    owner: String,
    kind: String,
    state: String,
    /// 0 to 1, while it or its parts run.
    progress: Option<String>,
    worker: Option<String>,
    /// Why the try before failed, or what it waits for.
    text: Option<String>,
    tries: String,
    when: When,
}

struct JobLine {
    video: String,
    title: String,
    owner: String,
    kind: String,
    reason: String,
    /// What the encoder said last.
    log: Option<String>,
    tries: String,
    when: When,
}

/// The words for a kind of job.
fn kind_text(lang: Lang, kind: JobKind) -> String {
    lang.text(match kind {
        JobKind::Arriving => "job-arriving",
        JobKind::Probe => "job-probe",
        JobKind::Sound => "job-sound",
        JobKind::Copy => "job-copy",
        JobKind::Package => "job-package",
        JobKind::FirstRung => "job-first-rung",
        JobKind::Ladder => "job-ladder",
        JobKind::Span => "job-span",
        JobKind::Join => "job-join",
        JobKind::Poster => "job-poster",
        JobKind::Fallback => "job-fallback",
        JobKind::Storyboard => "job-storyboard",
        JobKind::Texts => "job-texts",
        JobKind::Loudness => "job-loudness",
        JobKind::Sounds => "job-sounds",
        JobKind::Purge => "job-purge",
    })
}

/// The words for where a job stands.
fn state_text(lang: Lang, state: JobState) -> String {
    lang.text(match state {
        JobState::Leased => "admin-job-leased",
        JobState::Waiting => "admin-job-waiting",
        JobState::Queued | JobState::Done | JobState::Failed => "admin-job-queued",
    })
}

fn tries(lang: Lang, tries: u32) -> String {
    lang.count("admin-tries", tries.into(), &tries.to_string())
}

impl OpenLine {
    fn new(lang: Lang, now: Timestamp, job: OpenJob) -> Self {
        let runs = job.state == JobState::Leased;
        let moves = runs || job.state == JobState::Waiting;
        let worker = job.worker.filter(|_| runs);
        Self {
            video: job.video_id.to_string(),
            kind: kind_text(lang, job.kind),
            state: state_text(lang, job.state),
            progress: moves.then(|| format!("{:.3}", job.progress.clamp(0.0, 1.0))),
            worker: worker.map(|name| lang.with("admin-job-worker", "name", name)),
            text: job.text.filter(|_| !runs),
            tries: tries(lang, job.tries),
            when: When::new(lang, now, job.created_at),
            title: job.title,
            owner: job.owner,
        }
    }
}

impl JobsPage {
    pub(crate) fn new(
        f: Layout,
        now: Timestamp,
        open: Vec<OpenJob>,
        failed: Vec<FailedJob>,
    ) -> Self {
        let lang = f.lang;
        let line = |job: FailedJob| JobLine {
            video: job.video_id.to_string(),
            kind: kind_text(lang, job.kind),
            reason: reasons::text(lang, &job.code, &job.text),
            log: job.encoder_log,
            tries: tries(lang, job.tries),
            when: When::new(lang, now, job.failed_at),
            title: job.title,
            owner: job.owner,
        };
        Self {
            open: open
                .into_iter()
                .map(|job| OpenLine::new(lang, now, job))
                .collect(),
            more_open: None,
            rows: failed.into_iter().map(line).collect(),
            tab: "jobs",
            more: None,
            done: None,
            f,
        }
    }
}

/// Which pages of the two lists, and what was just done.
#[derive(Debug, Default, Deserialize)]
pub(super) struct JobsQuery {
    cursor: Option<String>,
    open: Option<String>,
    done: Option<String>,
}

/// `GET /admin/jobs`.
pub(super) async fn list(
    visit: PageContext,
    Query(asked): Query<JobsQuery>,
) -> Result<Response, PageError> {
    super::admin(&visit)?;
    let open = visit.api.open_jobs(asked.open.as_deref());
    let failed = visit.api.failed_jobs(asked.cursor.as_deref());
    let (open, failed) = tokio::join!(open, failed);
    let open = match open {
        // The release before has no such list.
        Err(error) if error.status() == Some(404) => Page {
            items: Vec::new(),
            next: None,
        },
        other => other.map_err(|error| visit.fault(&error))?,
    };
    let failed = failed.map_err(|error| visit.fault(&error))?;
    let mut page = JobsPage::new(visit.frame.clone(), visit.now, open.items, failed.items);
    let next = |name: &str, cursor: String| format!("/admin/jobs?{name}={}", query_value(&cursor));
    page.more_open = open.next.map(|cursor| next("open", cursor));
    page.more = failed.next.map(|cursor| next("cursor", cursor));
    page.done = asked
        .done
        .as_deref()
        .and_then(super::done_key)
        .map(|key| visit.frame.t(key));
    Ok(visit.ok(&page))
}

/// Whose jobs.
#[derive(Debug, Deserialize)]
pub(super) struct VideoForm {
    #[serde(default)]
    video: String,
}

/// `POST /admin/jobs/retry`.
pub(super) async fn retry(
    FormRequest(visit, form): FormRequest<VideoForm>,
) -> Result<Response, PageError> {
    super::admin(&visit)?;
    let id: VideoId = visit.id(&form.video)?;
    visit.call(visit.api.retry_video(id)).await?;
    Ok(Redirect::to("/admin/jobs?done=retried").into_response())
}

/// `POST /admin/jobs/cancel`.
pub(super) async fn cancel(
    FormRequest(visit, form): FormRequest<VideoForm>,
) -> Result<Response, PageError> {
    super::admin(&visit)?;
    let id: VideoId = visit.id(&form.video)?;
    visit.call(visit.api.cancel_video(id)).await?;
    Ok(Redirect::to("/admin/jobs?done=cancelled").into_response())
}

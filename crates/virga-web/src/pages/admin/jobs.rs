//! Jobs that were given up, and another try.

use askama::Template;
use axum::{
    extract::Query,
    response::{IntoResponse, Redirect, Response},
};
use serde::Deserialize;
use virga_core::{Timestamp, VideoId, job::JobKind, wire::FailedJob};

use crate::{
    context::{FormRequest, PageContext, PageError},
    format::When,
    layout::{Layout, query_value},
    locale::Lang,
    reasons,
};

/// Jobs that failed.
#[derive(Template)]
#[template(path = "admin/jobs.html")]
pub(crate) struct JobsPage {
    pub(crate) f: Layout,
    tab: &'static str,
    rows: Vec<JobLine>,
    pub(crate) more: Option<String>,
    pub(crate) done: Option<String>,
}

struct JobLine {
    video: String,
    title: String,
    owner: String,
    kind: String,
    reason: String,
    tries: String,
    when: When,
}

/// The words for a kind of job.
fn kind_text(lang: Lang, kind: JobKind) -> String {
    lang.text(match kind {
        JobKind::Probe => "job-probe",
        JobKind::Sound => "job-sound",
        JobKind::Copy => "job-copy",
        JobKind::Package => "job-package",
        JobKind::FirstRung => "job-first-rung",
        JobKind::Ladder => "job-ladder",
        JobKind::Poster => "job-poster",
        JobKind::Fallback => "job-fallback",
        JobKind::Purge => "job-purge",
    })
}

impl JobsPage {
    pub(crate) fn new(f: Layout, now: Timestamp, jobs: Vec<FailedJob>) -> Self {
        let lang = f.lang;
        let line = |job: FailedJob| JobLine {
            video: job.video_id.to_string(),
            kind: kind_text(lang, job.kind),
            reason: reasons::text(lang, &job.code, &job.text),
            tries: lang.count("admin-tries", job.tries.into(), &job.tries.to_string()),
            when: When::new(lang, now, job.failed_at),
            title: job.title,
            owner: job.owner,
        };
        Self {
            rows: jobs.into_iter().map(line).collect(),
            tab: "jobs",
            more: None,
            done: None,
            f,
        }
    }
}

/// `GET /admin/jobs`.
pub(super) async fn list(
    visit: PageContext,
    Query(asked): Query<super::AccountsQuery>,
) -> Result<Response, PageError> {
    super::admin(&visit)?;
    let jobs = visit
        .call(visit.api.failed_jobs(asked.cursor.as_deref()))
        .await?;
    let mut page = JobsPage::new(visit.frame.clone(), visit.now, jobs.items);
    page.more = jobs
        .next
        .map(|next| format!("/admin/jobs?cursor={}", query_value(&next)));
    page.done = asked
        .done
        .as_deref()
        .and_then(super::done_key)
        .map(|key| visit.frame.t(key));
    Ok(visit.ok(&page))
}

/// Which video to try again.
#[derive(Debug, Deserialize)]
pub(super) struct RetryForm {
    #[serde(default)]
    video: String,
}

/// `POST /admin/jobs/retry`.
pub(super) async fn retry(
    FormRequest(visit, form): FormRequest<RetryForm>,
) -> Result<Response, PageError> {
    super::admin(&visit)?;
    let id: VideoId = visit.id(&form.video)?;
    visit.call(visit.api.retry_video(id)).await?;
    Ok(Redirect::to("/admin/jobs?done=retried").into_response())
}

//! Where an account is signed in: the list on the settings page, and the forms that end sessions.

use axum::response::{IntoResponse, Redirect, Response};
use serde::Deserialize;
use virga_client::ClientError;
use virga_core::{Timestamp, wire::SessionInfo};

use crate::{
    context::{FormRequest, PageContext, PageError},
    format::{When, device},
    locale::Lang,
};

/// A session in the list.
#[derive(Debug)]
pub(crate) struct SessionLine {
    pub(crate) id: String,
    /// Browser and system, as far as they are known.
    pub(crate) device: String,
    /// The session of this visit.
    pub(crate) current: bool,
    /// "Signed in on …".
    pub(crate) since: String,
    pub(crate) seen: When,
}

impl SessionLine {
    pub(crate) fn new(lang: Lang, now: Timestamp, session: SessionInfo) -> Self {
        let since = When::new(lang, now, session.created_at);
        Self {
            device: device(lang, &session.device),
            current: session.current,
            since: lang.with("sessions-since", "date", since.date),
            seen: When::new(lang, now, session.seen_at),
            id: session.id,
        }
    }
}

/// The account's sessions, this one first.
pub(super) async fn lines(visit: &PageContext) -> Result<Vec<SessionLine>, PageError> {
    let mut sessions = list(visit).await?;
    sessions.sort_by_key(|session| !session.current);
    let (lang, now) = (visit.frame.lang, visit.now);
    let line = |session| SessionLine::new(lang, now, session);
    Ok(sessions.into_iter().map(line).collect())
}

async fn list(visit: &PageContext) -> Result<Vec<SessionInfo>, PageError> {
    match visit.api.sessions().await {
        Ok(sessions) => Ok(sessions),
        // An API of the release before has no list.
        Err(ClientError::Problem(problem)) if matches!(problem.status, 404 | 405) => Ok(Vec::new()),
        Err(error) => Err(visit.fault(&error)),
    }
}

/// Which session to end.
#[derive(Debug, Deserialize)]
pub(crate) struct EndForm {
    #[serde(default)]
    id: String,
}

/// `POST /settings/sessions/end`.
pub(crate) async fn end(
    FormRequest(visit, form): FormRequest<EndForm>,
) -> Result<Response, PageError> {
    visit.me()?;
    let sessions = list(&visit).await?;
    let current = sessions.iter().any(|it| it.current && it.id == form.id);
    end_one(&visit, &form.id).await?;
    if current {
        return Ok(signed_out(&visit));
    }
    Ok(Redirect::to("/settings?saved=session").into_response())
}

/// `POST /settings/sessions/end-others`.
pub(crate) async fn end_others(visit: PageContext) -> Result<Response, PageError> {
    visit.me()?;
    for session in list(&visit).await?.iter().filter(|it| !it.current) {
        end_one(&visit, &session.id).await?;
    }
    Ok(Redirect::to("/settings?saved=sessions").into_response())
}

/// `POST /settings/sign-out-everywhere`.
pub(crate) async fn sign_out_everywhere(visit: PageContext) -> Result<Response, PageError> {
    visit.me()?;
    visit.call(visit.api.sign_out_everywhere()).await?;
    Ok(signed_out(&visit))
}

async fn end_one(visit: &PageContext, id: &str) -> Result<(), PageError> {
    match visit.api.end_session(id).await {
        Ok(()) => Ok(()),
        // It has ended already: in another tab, or by itself.
        Err(ClientError::Problem(problem)) if problem.status == 404 => Ok(()),
        Err(error) => Err(visit.fault(&error)),
    }
}

fn signed_out(visit: &PageContext) -> Response {
    let mut answer = Redirect::to("/sign-in").into_response();
    visit.clear_cookie(&mut answer);
    answer
}

//! Error pages: calm, in the viewer's language, with the request's id.

use askama::Template;
use axum::response::{IntoResponse, Redirect, Response};
use http::{HeaderValue, StatusCode, header};
use virga_client::ClientError;
use virga_core::{wire::Problem, with_causes};

use crate::{
    context::{PageContext, PageError},
    errors::{problem_text, status_text, status_title},
    layout::Layout,
};

/// The page for a status.
#[derive(Template)]
#[template(path = "fault.html")]
pub(crate) struct FaultPage {
    pub(crate) f: Layout,
    pub(crate) title: String,
    pub(crate) text: String,
    /// Offer to try this very page again.
    pub(crate) back: bool,
    /// Try again without being asked.
    pub(crate) refresh: bool,
    pub(crate) request_id: String,
}

impl FaultPage {
    pub(crate) fn new(f: Layout, status: u16, text: Option<String>, request_id: &str) -> Self {
        Self {
            title: status_title(f.lang, status),
            text: text.unwrap_or_else(|| status_text(f.lang, status)),
            back: matches!(status, 429 | 500..),
            refresh: status == 503,
            request_id: request_id.to_owned(),
            f,
        }
    }
}

impl PageContext {
    /// The page for a status, in its general words.
    pub(crate) fn status(&self, status: StatusCode) -> PageError {
        let page = FaultPage::new(self.frame.clone(), status.as_u16(), None, &self.request_id);
        self.html(status, &page).into()
    }

    /// What a call answered, or the page that says why it failed.
    pub(crate) async fn call<T>(
        &self,
        call: impl Future<Output = Result<T, ClientError>>,
    ) -> Result<T, PageError> {
        call.await.map_err(|error| self.fault(&error))
    }

    /// A page that shows why the API refused.
    pub(crate) fn refused(&self, problem: &Problem, page: &impl Template) -> Response {
        let status = StatusCode::from_u16(problem.status);
        let mut answer = self.html(status.unwrap_or(StatusCode::INTERNAL_SERVER_ERROR), page);
        if let Some(seconds) = problem.retry_after {
            let headers = answer.headers_mut();
            headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        answer
    }

    /// The page for a failed call. Where an account is wanted: to sign in and back.
    pub(crate) fn fault(&self, error: &ClientError) -> PageError {
        match error {
            ClientError::Problem(problem) if problem.status == 401 => {
                let mut answer = Redirect::to(&self.frame.sign_in_href()).into_response();
                self.clear_cookie(&mut answer);
                answer.into()
            }
            ClientError::Problem(problem) => {
                let text = problem_text(self.frame.lang, problem);
                let (frame, id) = (self.frame.clone(), &self.request_id);
                let page = FaultPage::new(frame, problem.status, Some(text), id);
                self.refused(problem, &page).into()
            }
            ClientError::Unreachable(_) | ClientError::TimedOut => {
                tracing::warn!(error = %with_causes(error), "the API cannot be reached");
                self.status(StatusCode::SERVICE_UNAVAILABLE)
            }
            ClientError::Unreadable(..) => {
                tracing::error!(error = %with_causes(error), "the API's answer cannot be read");
                self.status(StatusCode::INTERNAL_SERVER_ERROR)
            }
        }
    }
}

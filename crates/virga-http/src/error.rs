//! A [`Failure`] as an answer: RFC 9457 problem details.

use axum::{
    body::Body,
    response::{IntoResponse, Response},
};
use http::{HeaderValue, StatusCode, header};
use virga_core::{Code, Failure, Kind, wire::Problem, with_causes};

use crate::layers;

/// Result of a handler.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// A use case's failure on its way out of a handler.
#[derive(Debug)]
pub struct Error(pub Failure);

impl<F: Into<Failure>> From<F> for Error {
    fn from(failure: F) -> Self {
        Self(failure.into())
    }
}

/// The problem that a failure reads as.
pub fn problem(failure: &Failure) -> Problem {
    let status = failure.kind().status();
    let reason = StatusCode::from_u16(status)
        .ok()
        .and_then(|status| status.canonical_reason());
    Problem {
        kind: "about:blank".to_owned(),
        title: reason.unwrap_or("Error").to_owned(),
        status,
        detail: failure.detail.clone(),
        code: failure.code.as_str().to_owned(),
        field: failure.field.map(str::to_owned),
        retry_after: failure.retry_after,
        request_id: layers::request_id(),
    }
}

/// The stable code of a response's problem, for counting refusals.
#[derive(Clone, Copy, Debug)]
pub struct ProblemCode(pub Code);

impl IntoResponse for Error {
    fn into_response(self) -> Response {
        let problem = problem(&self.0);
        if self.0.kind() == Kind::Internal {
            let causes = with_causes(&self.0);
            let request_id = problem.request_id.as_deref();
            tracing::error!(error = %causes, code = %self.0.code, request_id, "request failed");
        }
        answer(&problem)
    }
}

/// A problem as an answer: also another role's, which passes through as it is, its code known here or
/// not.
pub fn answer(problem: &Problem) -> Response {
    let status = StatusCode::from_u16(problem.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let body = serde_json::to_vec(problem).unwrap_or_default();
    let kind = HeaderValue::from_static("application/problem+json");
    let headers = [
        (header::CONTENT_TYPE, kind),
        (header::CACHE_CONTROL, HeaderValue::from_static("no-store")),
    ];
    let mut response = (status, headers, body).into_response();
    if let Some(code) = problem.known() {
        response.extensions_mut().insert(ProblemCode(code));
    }
    let headers = response.headers_mut();
    if let Some(seconds) = problem.retry_after {
        headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds));
    }
    if status == StatusCode::UNAUTHORIZED {
        headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
    }
    response
}

/// Sends the client on to another address, for now: 302, never 301, and nobody keeps it, so that a
/// withdrawal counts at once.
pub fn redirect(url: &str) -> Result<Response, Failure> {
    let url = HeaderValue::from_str(url).map_err(Failure::internal)?;
    let headers = [
        (header::LOCATION, url),
        (header::CACHE_CONTROL, HeaderValue::from_static("no-store")),
    ];
    Ok((StatusCode::FOUND, headers, Body::empty()).into_response())
}

/// The answer to a method that an address does not take; the router adds `Allow`.
pub fn method_not_allowed() -> Response {
    let detail = "This address does not support this method.";
    Error(Failure::new(Code::MethodNotAllowed, detail)).into_response()
}

//! A [`Failure`] as an answer: RFC 9457 problem details. The only place that maps kinds to statuses.

use axum::response::{IntoResponse, Response};
use http::{HeaderValue, StatusCode, header};
use virga_core::{Code, Failure, Kind, wire::Problem, with_causes};

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

/// The status that a kind answers.
fn status(kind: Kind) -> StatusCode {
    match kind {
        Kind::Malformed => StatusCode::BAD_REQUEST,
        Kind::Unauthenticated => StatusCode::UNAUTHORIZED,
        Kind::Forbidden => StatusCode::FORBIDDEN,
        Kind::NotFound => StatusCode::NOT_FOUND,
        Kind::Method => StatusCode::METHOD_NOT_ALLOWED,
        Kind::Conflict => StatusCode::CONFLICT,
        Kind::Precondition => StatusCode::PRECONDITION_FAILED,
        Kind::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
        Kind::UnsupportedMedia => StatusCode::UNSUPPORTED_MEDIA_TYPE,
        Kind::Invalid => StatusCode::UNPROCESSABLE_ENTITY,
        Kind::TooMany => StatusCode::TOO_MANY_REQUESTS,
        Kind::Internal => StatusCode::INTERNAL_SERVER_ERROR,
        Kind::Unavailable => StatusCode::SERVICE_UNAVAILABLE,
        Kind::NoRoom => StatusCode::INSUFFICIENT_STORAGE,
    }
}

/// The problem that a failure reads as.
pub fn problem(failure: &Failure) -> Problem {
    let status = status(failure.kind());
    Problem {
        kind: "about:blank".to_owned(),
        title: status.canonical_reason().unwrap_or("Error").to_owned(),
        status: status.as_u16(),
        detail: failure.detail.clone(),
        code: failure.code.as_str().to_owned(),
        field: failure.field.map(str::to_owned),
        retry_after: failure.retry_after,
        request_id: None,
    }
}

fn answer(status: StatusCode, problem: &Problem) -> Response {
    let body = serde_json::to_vec(problem).unwrap_or_default();
    let headers = [
        (
            header::CONTENT_TYPE,
            HeaderValue::from_static("application/problem+json"),
        ),
        (header::CACHE_CONTROL, HeaderValue::from_static("no-store")),
    ];
    (status, headers, body).into_response()
}

/// The code of the problem that a response holds, for whoever counts refusals.
#[derive(Clone, Copy, Debug)]
pub struct ProblemCode(pub Code);

impl IntoResponse for Error {
    fn into_response(self) -> Response {
        if self.0.kind() == Kind::Internal {
            let causes = with_causes(&self.0);
            tracing::error!(error = %causes, code = %self.0.code, "request failed");
        }
        let problem = problem(&self.0);
        let status =
            StatusCode::from_u16(problem.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let mut response = answer(status, &problem);
        response.extensions_mut().insert(ProblemCode(self.0.code));
        let headers = response.headers_mut();
        if let Some(seconds) = self.0.retry_after {
            headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        if self.0.kind() == Kind::Unauthenticated {
            headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        response
    }
}

/// The answer to a method that an address does not take; the router adds `Allow`.
pub fn method_not_allowed() -> Response {
    let detail = "This address does not take this method.";
    Error(Failure::new(Code::MethodNotAllowed, detail)).into_response()
}

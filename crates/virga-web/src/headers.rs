//! Headers of every answer of this role: the policy that lets only our own scripts and styles run.

use axum::{
    extract::{Request, State},
    middleware::Next,
    response::Response,
};
use base64::{Engine, engine::general_purpose::STANDARD_NO_PAD};
use http::{HeaderName, HeaderValue, header};

use crate::WebState;

/// The nonce of one answer's scripts.
#[derive(Clone, Debug)]
pub(crate) struct Nonce(pub(crate) String);

/// Who may show this answer in a frame, in place of the site alone: a list of sources.
#[derive(Clone, Debug)]
pub(crate) struct FrameAncestors(pub(crate) String);

fn policy(nonce: &str, ancestors: &str) -> String {
    format!(
        "default-src 'none'; script-src 'nonce-{nonce}' 'strict-dynamic'; style-src 'self'; \
         img-src 'self' data:; media-src 'self' blob:; connect-src 'self'; form-action 'self'; \
         base-uri 'none'; frame-ancestors {ancestors}; require-trusted-types-for 'script'; \
         trusted-types 'none'"
    )
}

/// Gives the request its nonce and the answer its policy.
pub(crate) async fn protect(
    State(state): State<WebState>,
    mut request: Request,
    next: Next,
) -> Response {
    let nonce = STANDARD_NO_PAD.encode(state.entropy.bytes::<16>());
    request.extensions_mut().insert(Nonce(nonce.clone()));
    let mut answer = next.run(request).await;
    let ancestors = answer.extensions_mut().remove::<FrameAncestors>();
    let ancestors = ancestors.map_or_else(|| "'self'".to_owned(), |FrameAncestors(list)| list);
    let headers = answer.headers_mut();
    if let Ok(policy) = HeaderValue::from_str(&policy(&nonce, &ancestors)) {
        headers.insert(header::CONTENT_SECURITY_POLICY, policy);
    }
    let fixed = [
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::REFERRER_POLICY, "strict-origin-when-cross-origin"),
        (
            HeaderName::from_static("permissions-policy"),
            "camera=(), microphone=(), geolocation=()",
        ),
    ];
    for (name, value) in fixed {
        headers.insert(name, HeaderValue::from_static(value));
    }
    if state.origin.is_https() {
        let year = HeaderValue::from_static("max-age=31536000");
        headers.insert(header::STRICT_TRANSPORT_SECURITY, year);
        // Over plain http browsers ignore it and complain on every page.
        headers.insert(
            HeaderName::from_static("cross-origin-opener-policy"),
            HeaderValue::from_static("same-origin"),
        );
    }
    answer
}

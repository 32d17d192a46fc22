//! Headers of every answer of this role: the policy that lets only our own scripts and styles run.

use axum::{
    extract::{Request, State},
    middleware::Next,
    response::Response,
};
use base64::{Engine, engine::general_purpose::STANDARD_NO_PAD};
use http::{HeaderName, HeaderValue, header};

use crate::WebState;

/// The nonce of one answer's scripts and styles.
#[derive(Clone, Debug)]
pub(crate) struct Nonce(pub(crate) String);

/// Who may show this answer in a frame, in place of the site alone: a list of sources.
#[derive(Clone, Debug)]
pub(crate) struct FrameAncestors(pub(crate) String);

/// `elsewhere`: origins of a bucket or CDN, as the site's document names them, each after a space.
fn policy(nonce: &str, ancestors: &str, elsewhere: &str) -> String {
    format!(
        "default-src 'none'; script-src 'nonce-{nonce}' 'strict-dynamic'; style-src 'self' 'nonce-{nonce}'; \
         img-src 'self' data:; manifest-src 'self'; media-src 'self' blob:{elsewhere}; connect-src 'self'{elsewhere}; \
         form-action 'self'; \
         base-uri 'none'; frame-ancestors {ancestors}; require-trusted-types-for 'script'; \
         trusted-types 'none'"
    )
}

/// Scheme and host alone: nothing that would end a source or a directive.
fn is_origin(text: &str) -> bool {
    let host = text
        .strip_prefix("https://")
        .or(text.strip_prefix("http://"));
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b".-:[]".contains(&byte);
    host.is_some_and(|host| !host.is_empty() && host.bytes().all(allowed))
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
    let site = state.cached_site().map(|(_, site)| site);
    let elsewhere: String = site
        .iter()
        .flat_map(|site| &site.media_origins)
        .filter(|origin| is_origin(origin))
        .map(|origin| format!(" {origin}"))
        .collect();
    let headers = answer.headers_mut();
    if let Ok(policy) = HeaderValue::from_str(&policy(&nonce, &ancestors, &elsewhere)) {
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

//! The OpenAPI document as a page that people can read, rendered here: no script, no style sheet
//! from elsewhere.

use axum::response::{Html, IntoResponse, Response};
use http::{HeaderValue, header};
use std::fmt::Write;
use utoipa::openapi::{OpenApi, PathItem, RefOr, path::Operation};

/// Nothing may load or run on this page.
const POLICY: &str =
    "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// The page as an answer.
pub(crate) fn answer(page: String) -> Response {
    let headers = [
        (
            header::CONTENT_SECURITY_POLICY,
            HeaderValue::from_static(POLICY),
        ),
        (
            header::X_CONTENT_TYPE_OPTIONS,
            HeaderValue::from_static("nosniff"),
        ),
        (
            header::CACHE_CONTROL,
            HeaderValue::from_static("public, max-age=300"),
        ),
    ];
    (headers, Html(page)).into_response()
}

/// The page of a document.
pub(crate) fn page(document: &OpenApi) -> String {
    let mut body = String::new();
    for (path, item) in &document.paths.paths {
        for (method, operation) in operations(item) {
            let _ = write!(body, "{}", section(method, path, operation));
        }
    }
    let about = escape(document.info.description.as_deref().unwrap_or_default());
    format!(
        "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\">\
         <meta name=\"viewport\" content=\"width=device-width\"><title>Virga API</title>\
         <h1>Virga API</h1><p>{about}</p>\
         <p>For programs: <a href=\"/api/v1/openapi.json\">openapi.json</a> (OpenAPI 3.1).</p>{body}</html>"
    )
}

fn operations(item: &PathItem) -> Vec<(&'static str, &Operation)> {
    [
        ("GET", &item.get),
        ("POST", &item.post),
        ("PUT", &item.put),
        ("PATCH", &item.patch),
        ("DELETE", &item.delete),
    ]
    .into_iter()
    .filter_map(|(method, operation)| operation.as_ref().map(|operation| (method, operation)))
    .collect()
}

fn section(method: &str, path: &str, operation: &Operation) -> String {
    let mut text = format!("<h2><code>{method} {}</code></h2>", escape(path));
    let words = operation
        .summary
        .as_deref()
        .or(operation.description.as_deref());
    let _ = write!(text, "<p>{}</p>", escape(words.unwrap_or_default()));
    let parameters = operation.parameters.iter().flatten();
    let names: Vec<String> = parameters
        .filter_map(|it| match it {
            RefOr::T(parameter) => Some(format!("<code>{}</code>", escape(&parameter.name))),
            RefOr::Ref(_) => None,
        })
        .collect();
    if !names.is_empty() {
        let _ = write!(text, "<p>Parameters: {}</p>", names.join(", "));
    }
    let statuses: Vec<String> = operation
        .responses
        .responses
        .keys()
        .map(|it| escape(it))
        .collect();
    let _ = write!(text, "<p>Answers: {}</p>", statuses.join(", "));
    text
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
        .replace('"', "&quot;")
}

//! `/manifest.webmanifest`: what a browser needs to put the site among the apps of a phone or a desk.

use axum::response::{IntoResponse, Response};
use http::header;
use serde_json::json;

use crate::context::AnonymousContext;

/// `GET /manifest.webmanifest`.
pub(crate) async fn manifest(AnonymousContext(visit): AnonymousContext) -> Response {
    let f = &visit.frame;
    let icon = |name: &str, sizes: &str, kind: &str, purpose: &str| json!({ "src": f.asset(name), "sizes": sizes, "type": kind, "purpose": purpose });
    let manifest = json!({
        "name": f.site,
        "short_name": f.site.chars().take(12).collect::<String>(),
        "start_url": "/",
        "scope": "/",
        "id": "/",
        "display": "standalone",
        "background_color": "#0e141a",
        "theme_color": "#17212b",
        "icons": [
            icon("favicon.svg", "any", "image/svg+xml", "any"),
            icon("icon-192.png", "192x192", "image/png", "any"),
            icon("icon-512.png", "512x512", "image/png", "any"),
            icon("maskable.png", "512x512", "image/png", "maskable"),
        ],
    });
    let kind = (header::CONTENT_TYPE, "application/manifest+json");
    let cache = (header::CACHE_CONTROL, "public, max-age=300");
    ([kind, cache], manifest.to_string()).into_response()
}

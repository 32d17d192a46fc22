//! Embedded files under `/assets/`: hashed names, immutable in browser caches, gzip where accepted.

use axum::{
    extract::Path,
    response::{IntoResponse, Response},
};
use http::{HeaderMap, StatusCode, header};

/// One embedded file.
pub(crate) struct Asset {
    name: &'static str,
    hashed: &'static str,
    bytes: &'static [u8],
    gzip: Option<&'static [u8]>,
}

include!(concat!(env!("OUT_DIR"), "/assets.rs"));

const FOREVER: &str = "public, max-age=31536000, immutable";

/// The URL path of a file by its plain name (`virga.css`), if this edition has it.
pub(crate) fn path(name: &str) -> Option<String> {
    ASSETS
        .iter()
        .find(|asset| asset.name == name)
        .map(|asset| format!("/assets/{}", asset.hashed))
}

/// `GET /assets/{file}`.
pub(crate) async fn serve(Path(file): Path<String>, headers: HeaderMap) -> Response {
    match ASSETS.iter().find(|asset| asset.hashed == file) {
        Some(asset) => answer(asset, &headers, FOREVER),
        None => StatusCode::NOT_FOUND.into_response(),
    }
}

/// `GET /favicon.ico`, which browsers ask for unbidden.
pub(crate) async fn favicon(headers: HeaderMap) -> Response {
    match ASSETS.iter().find(|asset| asset.name == "favicon.svg") {
        Some(asset) => answer(asset, &headers, "public, max-age=86400"),
        None => StatusCode::NOT_FOUND.into_response(),
    }
}

fn answer(asset: &'static Asset, headers: &HeaderMap, cache: &'static str) -> Response {
    let kind = match asset.hashed.rsplit('.').next() {
        Some("css") => "text/css; charset=utf-8",
        Some("js") => "text/javascript; charset=utf-8",
        Some("svg") => "image/svg+xml",
        Some("png") => "image/png",
        _ => "application/octet-stream",
    };
    let fixed = [
        (header::CONTENT_TYPE, kind),
        (header::CACHE_CONTROL, cache),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::VARY, "accept-encoding"),
    ];
    match asset.gzip.filter(|_| takes_gzip(headers)) {
        Some(bytes) => (fixed, [(header::CONTENT_ENCODING, "gzip")], bytes).into_response(),
        None => (fixed, asset.bytes).into_response(),
    }
}

fn takes_gzip(headers: &HeaderMap) -> bool {
    headers
        .get_all(header::ACCEPT_ENCODING)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .any(|coding| {
            let mut words = coding.split(';').map(str::trim);
            let named = words
                .next()
                .is_some_and(|word| word == "gzip" || word == "*");
            named && !words.any(|word| matches!(word, "q=0" | "q=0.0" | "q=0.00" | "q=0.000"))
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gzip_is_sent_only_where_it_is_taken() {
        let takes = |value: &'static str| {
            let headers = [(header::ACCEPT_ENCODING, value.parse().unwrap())]
                .into_iter()
                .collect();
            takes_gzip(&headers)
        };
        assert!(takes("gzip, deflate, br") && takes("br;q=1.0, gzip;q=0.8") && takes("*"));
        assert!(!takes("br") && !takes("gzip;q=0") && !takes("identity"));
    }

    #[test]
    fn every_page_has_its_sheet_its_icons_and_its_favicon() {
        for name in [
            "virga.css",
            "icons.svg",
            "favicon.svg",
            "touch.png",
            "icon-192.png",
            "icon-512.png",
            "maskable.png",
        ] {
            assert!(path(name).is_some(), "{name}");
        }
    }
}

//! Same-origin check for unsafe methods: what keeps another site's page from using the cookie.

use axum::extract::Request;
use http::{HeaderMap, Method, Uri, header, uri::Authority};

use crate::viewer::PresentedToken;

/// The site's origin as configured; `None`: the request's own `Host` decides.
#[derive(Clone, Debug, Default)]
pub struct SiteOrigin(pub Option<Uri>);

impl SiteOrigin {
    /// Whether pages are served over https.
    pub fn is_https(&self) -> bool {
        self.0
            .as_ref()
            .is_some_and(|uri| uri.scheme_str() == Some("https"))
    }

    fn matches(&self, origin: &str, request: &Request) -> bool {
        let Ok(origin) = origin.parse::<Uri>() else {
            return false;
        };
        let Some(authority) = origin.authority() else {
            return false;
        };
        match &self.0 {
            Some(site) => {
                site.scheme() == origin.scheme()
                    && site
                        .authority()
                        .is_some_and(|own| same(own, authority, origin.scheme_str()))
            }
            None => host(request).is_some_and(|own| same(&own, authority, origin.scheme_str())),
        }
    }
}

fn same(own: &Authority, other: &Authority, scheme: Option<&str>) -> bool {
    let default = if scheme == Some("https") { 443 } else { 80 };
    own.host().eq_ignore_ascii_case(other.host())
        && own.port_u16().unwrap_or(default) == other.port_u16().unwrap_or(default)
}

fn host(request: &Request) -> Option<Authority> {
    request
        .headers()
        .get(header::HOST)
        .and_then(|value| value.to_str().ok())
        .and_then(|value| value.parse().ok())
        .or_else(|| request.uri().authority().cloned())
}

fn text<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name).and_then(|value| value.to_str().ok())
}

/// On an unsafe method, `Sec-Fetch-Site: cross-site` and `same-site` are refused whatever else is
/// there; an `Origin`, where present, must be the site's; it (or `Sec-Fetch-Site: same-origin`) is
/// required where the request carries the cookie.
pub(crate) fn is_permitted(site: &SiteOrigin, request: &Request) -> bool {
    if matches!(
        *request.method(),
        Method::GET | Method::HEAD | Method::OPTIONS
    ) {
        return true;
    }
    let headers = request.headers();
    let fetched = text(headers, "sec-fetch-site");
    match text(headers, "origin") {
        _ if matches!(fetched, Some("cross-site" | "same-site")) => false,
        Some(origin) => site.matches(origin, request),
        None => match PresentedToken::read(headers, site.is_https()) {
            PresentedToken::Cookie(_) => fetched == Some("same-origin"),
            PresentedToken::Bearer(_) | PresentedToken::Nothing => true,
        },
    }
}

//! One request of a page: who asks, what the site is, how to call the API for them.

use askama::Template;
use axum::{
    extract::{FromRequest, FromRequestParts, Request},
    response::{Html, IntoResponse, Redirect, Response},
};
use http::{HeaderValue, StatusCode, header, request::Parts, uri::Authority};
use serde::de::DeserializeOwned;
use std::net::{IpAddr, Ipv4Addr};
use virga_client::{ApiCaller, Caller, ClientError};
use virga_core::{
    Kind, Timestamp,
    keys::Voucher,
    wire::{Me, Problem, Registration, Session, Site, Video},
};
use virga_http::{
    Error, Form, cookie,
    layers::RequestId,
    origin::SiteOrigin,
    viewer::{ClientIp, PresentedToken},
};

use crate::{WebState, format::Card, headers::Nonce, layout::Layout, locale::Lang, theme::Theme};

/// An answer that ends a handler early.
#[derive(Debug)]
pub(crate) struct PageError(Box<Response>);

impl IntoResponse for PageError {
    fn into_response(self) -> Response {
        *self.0
    }
}

impl From<Response> for PageError {
    fn from(response: Response) -> Self {
        Self(Box::new(response))
    }
}

/// What a page handler starts from.
#[derive(Debug)]
pub(crate) struct PageContext {
    pub(crate) frame: Layout,
    pub(crate) api: ApiCaller,
    pub(crate) site: Site,
    pub(crate) now: Timestamp,
    pub(crate) request_id: String,
    pub(crate) state: WebState,
}

impl FromRequestParts<WebState> for PageContext {
    type Rejection = PageError;

    async fn from_request_parts(parts: &mut Parts, state: &WebState) -> Result<Self, PageError> {
        let mut visit = Self::bare(parts, state);
        let signed_in = visit.api.caller().token.is_some();
        let (site, me) = tokio::join!(state.site(&visit.api), async {
            if signed_in {
                Some(visit.api.me().await)
            } else {
                None
            }
        });
        let site = site.map_err(|error| visit.fault(&error))?;
        visit.frame.site.clone_from(&site.name);
        visit.frame.open = site.registration == Registration::Open && !site.needs_setup;
        visit.site = site;
        match me {
            Some(Ok(me)) => visit.frame.me = Some(me),
            // A session that ended: the visitor is simply not signed in.
            Some(Err(ClientError::Problem(problem))) if problem.status == 401 => {
                let caller = Caller {
                    token: None,
                    ..visit.api.caller().clone()
                };
                visit.api = state.api.as_caller(caller);
            }
            Some(Err(error)) => return Err(visit.fault(&error)),
            None => {}
        }
        Ok(visit)
    }
}

impl PageContext {
    /// Before any API call: uses the last known state of the site.
    fn bare(parts: &Parts, state: &WebState) -> Self {
        let address = parts
            .extensions
            .get::<ClientIp>()
            .map_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED), |ClientIp(address)| {
                *address
            });
        let request_id = parts
            .extensions
            .get::<RequestId>()
            .map_or_else(String::new, |RequestId(id)| id.clone());
        let token = PresentedToken::read(&parts.headers, state.origin.is_https())
            .token()
            .map(str::to_owned);
        let site = state
            .cached_site()
            .map_or_else(unknown_site, |(_, site)| site);
        let here = if parts.method.is_safe() {
            parts
                .uri
                .path_and_query()
                .map_or("/", http::uri::PathAndQuery::as_str)
        } else {
            "/"
        };
        let frame = Layout {
            lang: Lang::of(&parts.headers),
            theme: Theme::of(&parts.headers),
            site: site.name.clone(),
            me: None,
            base: base(&state.origin, parts),
            open: site.registration == Registration::Open && !site.needs_setup,
            nonce: parts
                .extensions
                .get::<Nonce>()
                .map_or_else(String::new, |Nonce(nonce)| nonce.clone()),
            here: here.to_owned(),
            q: String::new(),
        };
        let voucher = Voucher {
            address,
            request_id: request_id.clone(),
        };
        Self {
            frame,
            api: state
                .api
                .as_caller(Caller { token, voucher })
                .with_device(parts.headers.get(header::USER_AGENT).cloned()),
            site,
            now: state.clock.now(),
            request_id,
            state: state.clone(),
        }
    }

    /// The signed-in account, or the way to sign in.
    pub(crate) fn me(&self) -> Result<&Me, PageError> {
        self.frame.me.as_ref().ok_or_else(|| {
            Redirect::to(&self.frame.sign_in_href())
                .into_response()
                .into()
        })
    }

    /// An id out of the path; what is no id is a thing that does not exist.
    pub(crate) fn id<T: std::str::FromStr>(&self, text: &str) -> Result<T, PageError> {
        text.parse().map_err(|_| self.status(StatusCode::NOT_FOUND))
    }

    /// A refusal that a form can show; everything else ends the handler with its page.
    pub(crate) fn refusal(&self, error: ClientError) -> Result<Problem, PageError> {
        match error {
            ClientError::Problem(problem)
                if matches!(
                    problem.status,
                    400 | 403 | 409 | 412 | 413 | 422 | 429 | 507
                ) =>
            {
                Ok(*problem)
            }
            other => Err(self.fault(&other)),
        }
    }

    /// Videos as a list shows them.
    pub(crate) fn cards(&self, videos: &[Video]) -> Vec<Card> {
        let card = |video| Card::new(self.frame.lang, self.now, video);
        videos.iter().map(card).collect()
    }

    /// A page as an answer.
    pub(crate) fn html(&self, status: StatusCode, page: &impl Template) -> Response {
        let cache = if self.frame.me.is_some() {
            "no-store"
        } else {
            "private, no-cache"
        };
        match page.render() {
            Ok(text) => (
                status,
                [
                    (header::CACHE_CONTROL, cache),
                    (header::VARY, "cookie, accept-language"),
                ],
                Html(text),
            )
                .into_response(),
            Err(error) => {
                tracing::error!(%error, "a page cannot be rendered");
                StatusCode::INTERNAL_SERVER_ERROR.into_response()
            }
        }
    }

    /// 200 with a page.
    pub(crate) fn ok(&self, page: &impl Template) -> Response {
        self.html(StatusCode::OK, page)
    }

    /// 303 with the cookie of a fresh session.
    pub(crate) fn signed_in(&self, session: &Session, next: &str) -> Response {
        let mut answer = Redirect::to(next).into_response();
        let https = self.state.origin.is_https();
        let cookie = cookie::set(&session.token, https, self.now, session.expires_at);
        answer.headers_mut().append(header::SET_COOKIE, cookie);
        answer
    }

    /// Takes the cookie away.
    pub(crate) fn clear_cookie(&self, answer: &mut Response) {
        let cookie = cookie::clear(self.state.origin.is_https());
        answer.headers_mut().append(header::SET_COOKIE, cookie);
    }
}

/// The site's origin for addresses that leave it: as configured, else as the request calls it.
fn base(origin: &SiteOrigin, parts: &Parts) -> String {
    let configured = origin.0.as_ref().and_then(|uri| {
        let authority = uri.authority()?;
        Some(format!("{}://{authority}", uri.scheme_str()?))
    });
    configured.unwrap_or_else(|| {
        let host = parts
            .headers
            .get(header::HOST)
            .and_then(|value| value.to_str().ok()?.parse::<Authority>().ok())
            .or_else(|| parts.uri.authority().cloned());
        // Without user information before an `@`.
        let host = host.map_or_else(
            || "localhost".to_owned(),
            |host| {
                let port = host.port_u16().map(|port| format!(":{port}"));
                format!("{}{}", host.host(), port.unwrap_or_default())
            },
        );
        format!("http://{host}")
    })
}

fn unknown_site() -> Site {
    Site {
        name: "Virga".to_owned(),
        registration: Registration::Closed,
        needs_setup: false,
        upload_max: 0,
        undo_seconds: 0,
        media_origins: Vec::new(),
        loose_seconds: 0,
    }
}

/// An anonymous visit: it reads no cookie and no token.
#[derive(Debug)]
pub(crate) struct AnonymousContext(pub(crate) PageContext);

impl FromRequestParts<WebState> for AnonymousContext {
    type Rejection = PageError;

    async fn from_request_parts(parts: &mut Parts, state: &WebState) -> Result<Self, PageError> {
        parts.headers.remove(header::COOKIE);
        parts.headers.remove(header::AUTHORIZATION);
        PageContext::from_request_parts(parts, state)
            .await
            .map(Self)
    }
}

/// A form that was sent: the visit and its fields. What cannot be read is answered with a page.
#[derive(Debug)]
pub(crate) struct FormRequest<T>(pub(crate) PageContext, pub(crate) T);

impl<T: DeserializeOwned + Send> FromRequest<WebState> for FormRequest<T> {
    type Rejection = PageError;

    async fn from_request(request: Request, state: &WebState) -> Result<Self, PageError> {
        let (mut parts, body) = request.into_parts();
        let visit = PageContext::from_request_parts(&mut parts, state).await?;
        let request = Request::from_parts(parts, body);
        match Form::<T>::from_request(request, state).await {
            Ok(Form(fields)) => Ok(Self(visit, fields)),
            Err(Error(refused)) => {
                let status = match refused.kind() {
                    Kind::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
                    _ => StatusCode::BAD_REQUEST,
                };
                Err(visit.status(status))
            }
        }
    }
}

/// `Set-Cookie` for a choice of language or theme, a year.
pub(crate) fn choice_cookie(name: &str, value: &str, https: bool) -> Option<HeaderValue> {
    let secure = if https { "; Secure" } else { "" };
    let text = format!("{name}={value}; Path=/; SameSite=Lax; HttpOnly; Max-Age=31536000{secure}");
    HeaderValue::from_str(&text).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::Request;

    fn parts(host: &str) -> Parts {
        let request = Request::get("/v/x").header(header::HOST, host);
        request.body(()).unwrap().into_parts().0
    }

    #[test]
    fn addresses_carry_the_configured_origin_or_the_hosts_name_alone() {
        let site = SiteOrigin(Some("https://v.example".parse().unwrap()));
        assert_eq!(base(&site, &parts("evil.example")), "https://v.example");
        let open = SiteOrigin(None);
        assert_eq!(base(&open, &parts("a.example:81")), "http://a.example:81");
        assert_eq!(base(&open, &parts("u:p@a.example")), "http://a.example");
        assert_eq!(base(&open, &parts("[::1]:80")), "http://[::1]:80");
        assert_eq!(base(&open, &parts("\"><script>")), "http://localhost");
    }
}

//! Who calls: from a verified token or nobody. The only place where a request becomes a viewer.

use axum::{
    extract::{FromRequestParts, Request, State},
    middleware::Next,
    response::{IntoResponse, Response},
};
use http::{HeaderMap, Method, header, request::Parts};
use std::{net::IpAddr, time::Duration};
use tracing::Instrument;
use virga_app::hash_token;
use virga_core::{
    Code, Failure, Timestamp,
    keys::{VOUCHER_HEADER, Voucher},
    paths,
    permission::{Role, Viewer, sign_in},
};
use virga_db::accounts::{self, UserRow};
use virga_http::layers::RequestId;
use virga_http::{
    Error,
    viewer::{ClientIp, PresentedToken},
};

use crate::ApiState;

/// An unused session ends after this.
const IDLE: Duration = Duration::from_secs(14 * 24 * 3600);
/// How exactly "last used" is kept.
pub(crate) const TOUCH: Duration = Duration::from_secs(300);

/// The caller of a request.
#[derive(Clone, Debug)]
pub(crate) struct Caller {
    /// Verified.
    pub(crate) viewer: Viewer,
    /// The viewer's own address.
    pub(crate) address: ClientIp,
    /// Hash of the session's token.
    pub(crate) token_hash: Option<String>,
    /// The request's id, as in the listener's log line.
    pub(crate) request_id: String,
    /// Another role of the site asks, not a browser.
    pub(crate) vouched: bool,
}

impl Caller {
    /// What limits count by: the account, or the address.
    pub(crate) fn bucket(&self) -> String {
        match self.viewer.user_id() {
            Some(id) => format!("u:{id}"),
            None => format!("a:{}", self.address.bucket()),
        }
    }

    /// What the browser or program calls itself.
    pub(crate) fn device(headers: &HeaderMap) -> &str {
        let agent = headers.get(header::USER_AGENT);
        agent.and_then(|it| it.to_str().ok()).unwrap_or_default()
    }

    /// The address as limits see it.
    pub(crate) fn network(&self) -> IpAddr {
        self.address.bucket()
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Caller {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Error> {
        parts
            .extensions
            .get::<Self>()
            .cloned()
            .ok_or_else(|| Error(Failure::internal("the caller layer is missing")))
    }
}

/// Another role of the site; to anyone else there is nothing at this address.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Vouched;

impl<S: Send + Sync> FromRequestParts<S> for Vouched {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Error> {
        if Caller::from_request_parts(parts, state).await?.vouched {
            return Ok(Self);
        }
        Err(Error(Failure::not_found("thing at this address")))
    }
}

/// A caller who is signed in.
#[derive(Clone, Debug)]
pub(crate) struct SignedIn {
    /// The account.
    pub(crate) user: UserRow,
    /// Hash of the session's token.
    pub(crate) token_hash: String,
}

impl<S: Send + Sync> FromRequestParts<S> for SignedIn {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Error> {
        parts
            .extensions
            .get::<Self>()
            .cloned()
            .ok_or_else(|| Error(sign_in()))
    }
}

/// A caller who is an administrator.
#[derive(Clone, Debug)]
pub(crate) struct Admin(pub(crate) UserRow);

impl<S: Send + Sync> FromRequestParts<S> for Admin {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Error> {
        let signed = SignedIn::from_request_parts(parts, state).await?;
        if signed.user.role == Role::Admin {
            return Ok(Self(signed.user));
        }
        let detail = "Only administrators may do this.";
        Err(Error(Failure::new(Code::AdminOnly, detail)))
    }
}

/// Finds out who calls, counts the call, and hands both on as extensions.
pub(crate) async fn identify(
    State(state): State<ApiState>,
    mut request: Request,
    next: Next,
) -> Response {
    match caller_of(&state, &mut request).await {
        Ok(caller) => {
            let span = tracing::info_span!("api", request_id = caller.request_id);
            request.extensions_mut().insert(caller);
            next.run(request).instrument(span).await
        }
        Err(refused) => Error(refused).into_response(),
    }
}

async fn caller_of(state: &ApiState, request: &mut Request) -> Result<Caller, Failure> {
    let now = state.app.clock.now();
    let voucher = voucher(state, request, now);
    let address = voucher
        .as_ref()
        .map_or_else(|| ClientIp::of(request), |it| ClientIp(it.address));
    let mut caller = Caller {
        viewer: Viewer::Anonymous,
        address,
        token_hash: None,
        request_id: request_id(voucher.as_ref(), request),
        vouched: voucher.is_some(),
    };
    if let Some(token) = PresentedToken::read(request.headers(), state.config.get().https).token() {
        let hash = hash_token(token);
        if let Some(user) = session_user(state, &hash, now).await? {
            caller.viewer = Viewer::User {
                id: user.id,
                name: user.name.clone(),
                role: user.role,
            };
            caller.token_hash = Some(hash.clone());
            request.extensions_mut().insert(SignedIn {
                user,
                token_hash: hash,
            });
        }
    }
    // Roles ask for the site, not for a visitor, and all from a few addresses. What they ask on
    // behalf of a visitor goes to the API's other addresses, where the visitor is counted.
    if caller.vouched && request.uri().path().starts_with(paths::INTERNAL) {
        return Ok(caller);
    }
    let limits = state.limits();
    let limit = if caller.viewer.user_id().is_none() && opens_a_video(request) {
        &limits.openings
    } else if is_safe(request) {
        &limits.reads
    } else {
        &limits.writes
    };
    limit.take(&caller.bucket()).await?;
    Ok(caller)
}

fn is_safe(request: &Request) -> bool {
    matches!(*request.method(), Method::GET | Method::HEAD)
}

/// Whether a request is part of opening a video, or reads the first page of a list. Many people behind
/// one address do that at the same time. Searches and later pages, with which a program would collect
/// every video, do not count.
fn opens_a_video(request: &Request) -> bool {
    let path = request.uri().path();
    let path = path.strip_prefix(paths::API).unwrap_or(path);
    if path.starts_with("/videos/") && path.ends_with("/views") {
        return true;
    }
    let query = request.uri().query().unwrap_or_default();
    let mut names = query.split('&').filter_map(|pair| pair.split('=').next());
    let one_of_many = ["/videos/", "/users/"]
        .iter()
        .any(|it| path.starts_with(it));
    is_safe(request)
        && (one_of_many || matches!(path, "/videos" | "/site" | "/events"))
        && !names.any(|name| matches!(name, "cursor" | "q"))
}

fn request_id(voucher: Option<&Voucher>, request: &Request) -> String {
    let of_listener = || {
        request
            .extensions()
            .get::<RequestId>()
            .map(|id| id.0.clone())
    };
    let vouched = voucher.map(|voucher| voucher.request_id.clone());
    vouched.or_else(of_listener).unwrap_or_default()
}

fn voucher(state: &ApiState, request: &Request, now: Timestamp) -> Option<Voucher> {
    request.extensions().get::<Voucher>().cloned().or_else(|| {
        let header = request.headers().get(VOUCHER_HEADER)?.to_str().ok()?;
        Voucher::open(&state.keys, header, now).ok()
    })
}

async fn session_user(
    state: &ApiState,
    hash: &str,
    now: Timestamp,
) -> Result<Option<UserRow>, Failure> {
    let Some(session) = state.sessions.find(&state.app, hash, now).await? else {
        return Ok(None);
    };
    let unused = now.since(session.seen_at);
    if unused > IDLE {
        return Ok(None);
    }
    if unused > TOUCH {
        accounts::touch_session(state.app.db.write(), hash, now).await?;
    }
    Ok(Some(session.user))
}

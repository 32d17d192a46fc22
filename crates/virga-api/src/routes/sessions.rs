//! Signing in and out, and the sessions that an account has.

use axum::{
    extract::State,
    response::{IntoResponse, Response},
};
use http::{HeaderMap, StatusCode, header};
use std::{net::IpAddr, time::Duration};
use virga_app::hash_token;
use virga_core::{
    Code, Failure, Timestamp, UserId,
    keys::hex,
    name::fold_name,
    text,
    wire::{Credentials, Session, SessionInfo},
};
use virga_db::{
    accounts::{self, NewSession, UserRow},
    changes::Ended,
};
use virga_http::{Json, Path, Result, cookie};

use crate::{
    ApiState,
    caller::{Caller, SignedIn},
    limits::RateLimits,
    to_wire::me,
};

/// A session ends then at the latest.
const LIFE: Duration = Duration::from_secs(30 * 24 * 3600);
/// Sessions of one account; of more, those unused longest end.
const MOST: u64 = 50;

/// Signs in: answers the token, and sets the cookie where the request comes from the site's page.
#[utoipa::path(post, path = "/sessions", tag = "accounts", request_body = Credentials,
    security((), ("token" = [])), responses((status = 201, body = Session), (status = 401)))]
pub(crate) async fn sign_in(
    State(state): State<ApiState>,
    caller: Caller,
    headers: HeaderMap,
    Json(ask): Json<Credentials>,
) -> Result<Response> {
    let user = check_password(&state, &caller, &ask.name, ask.password).await?;
    // Revealed only after the password was verified.
    if user.blocked_at.is_some() {
        let detail = "This account is blocked. Ask an administrator of this site.";
        return Err(Failure::new(Code::AccountBlocked, detail).into());
    }
    signed_in(&state, &caller, user, &headers).await
}

/// The counters of failed sign-ins that one try counts on.
struct Tries<'a> {
    limits: &'a RateLimits,
    network: IpAddr,
    wide: Option<IpAddr>,
    name: String,
    /// The name was signed in from this network before.
    known: bool,
}

impl Tries<'_> {
    /// Counts the try; refuses where there were too many.
    async fn take(&self, now: Timestamp) -> Result<()> {
        let Self { limits, name, .. } = self;
        let by_name = (self.network, name.clone());
        limits.by_name.take(by_name, now).await?;
        limits.by_address.take(self.network, now).await?;
        if let Some(wide) = self.wide {
            limits.by_network.take(wide, now).await?;
        }
        if !self.known {
            limits.by_strangers.take(name.clone(), now).await?;
        }
        Ok(())
    }

    /// The password was right, or not looked at.
    async fn give_back(&self) {
        let Self { limits, name, .. } = self;
        let by_name = (self.network, name.clone());
        limits.by_name.give_back(&by_name).await;
        limits.by_address.give_back(&self.network).await;
        if let Some(wide) = &self.wide {
            limits.by_network.give_back(wide).await;
        }
        if !self.known {
            limits.by_strangers.give_back(name).await;
        }
    }
}

/// The account of a name and password; the same answer and time whichever of the two is wrong.
pub(super) async fn check_password(
    state: &ApiState,
    caller: &Caller,
    name: &str,
    password: String,
) -> Result<UserRow> {
    let now = state.app.clock.now();
    let db = state.app.db.read();
    let user = accounts::by_name(db, name).await?;
    // Asked for nobody's account too: it takes as long.
    let nobody = UserId::random(&*state.app.entropy);
    let id = user.as_ref().map_or(nobody, |user| user.id);
    let network = blind(state, id, caller.network());
    let known = accounts::knows_network(db, id, &network, now);
    let limits = state.limits();
    let tries = Tries {
        limits: &limits,
        network: caller.network(),
        wide: caller.address.wide(),
        name: fold_name(name).chars().take(64).collect(),
        known: known.await?,
    };
    tries.take(now).await?;
    let hash = user.as_ref().map(|user| user.password_hash.clone());
    let fits = password.len() <= text::PASSWORD_MAX;
    let password = if fits { password } else { String::new() };
    let checked = state
        .passwords
        .verify(tries.network, tries.known, password, hash)
        .await;
    if !matches!(checked, Ok(false)) {
        tries.give_back().await;
    }
    if checked? && let Some(user) = user {
        return Ok(user);
    }
    let detail = "The name or the password is wrong.";
    Err(Failure::new(Code::SignInWrong, detail).into())
}

/// A network in an account's rows: who reads the rows cannot tell which it is.
fn blind(state: &ApiState, user: UserId, network: IpAddr) -> String {
    let fields = [user.to_string(), network.to_string()];
    state
        .keys
        .blind("network", &fields.each_ref().map(String::as_str))
}

/// The answer to who is signed in now.
pub(super) async fn signed_in(
    state: &ApiState,
    caller: &Caller,
    user: UserRow,
    headers: &HeaderMap,
) -> Result<Response> {
    let now = state.app.clock.now();
    let expires_at = now.plus(LIFE);
    let token = hex(&state.app.entropy.bytes::<32>());
    let new = NewSession {
        token_hash: &hash_token(&token),
        user: user.id,
        device: Caller::device(headers),
        network: &blind(state, user.id, caller.network()),
        expires: expires_at,
    };
    let new = &new;
    let started = state.app.transaction(|tx| async move {
        accounts::start_session(&tx, new, now, MOST).await?;
        Ok::<_, Failure>(tx.store(()).await?)
    });
    started.await?;
    let set_cookie = cookie::set(&token, state.config.get().https, now, expires_at);
    let session = Session {
        token,
        expires_at,
        user: me(state, &user).await?,
    };
    let mut response = (StatusCode::CREATED, Json(session)).into_response();
    if headers.contains_key(header::ORIGIN) {
        response
            .headers_mut()
            .insert(header::SET_COOKIE, set_cookie);
    }
    response.headers_mut().insert(
        header::CACHE_CONTROL,
        http::HeaderValue::from_static("no-store"),
    );
    Ok(response)
}

/// Where the account is signed in, the session used last first.
#[utoipa::path(get, path = "/sessions", tag = "accounts",
    responses((status = 200, body = Vec<SessionInfo>)))]
pub(crate) async fn list_sessions(
    State(state): State<ApiState>,
    signed: SignedIn,
) -> Result<Json<Vec<SessionInfo>>> {
    let now = state.app.clock.now();
    let rows = accounts::sessions_of(state.app.db.read(), signed.user.id, now).await?;
    let info = |row: accounts::SessionSummary| SessionInfo {
        id: public_id(&row.token_hash),
        current: row.token_hash == signed.token_hash,
        device: row.device,
        created_at: row.created_at,
        seen_at: row.seen_at,
    };
    Ok(Json(rows.into_iter().map(info).collect()))
}

/// Names a session to its account.
fn public_id(token_hash: &str) -> String {
    hash_token(token_hash)[..20].to_owned()
}

/// Ends one session of the account.
#[utoipa::path(delete, path = "/sessions/{id}", tag = "accounts", params(("id" = String, Path)),
    responses((status = 204), (status = 404)))]
pub(crate) async fn end_session(
    State(state): State<ApiState>,
    signed: SignedIn,
    Path(id): Path<String>,
) -> Result<Response> {
    let now = state.app.clock.now();
    let rows = accounts::sessions_of(state.app.db.read(), signed.user.id, now).await?;
    let row = rows
        .into_iter()
        .find(|row| public_id(&row.token_hash) == id);
    let hash = row.ok_or_else(|| Failure::not_found("session"))?.token_hash;
    end(&state, &hash, now).await?;
    if hash == signed.token_hash {
        return Ok(without_cookie(&state));
    }
    Ok(StatusCode::NO_CONTENT.into_response())
}

async fn end(state: &ApiState, hash: &str, now: Timestamp) -> Result<()> {
    let ended = state.app.transaction(|tx| async move {
        accounts::end_session(&tx, hash, now).await?;
        Ok::<_, Failure>(tx.store(()).await?)
    });
    ended.await?;
    state.ended(Ended::Session(hash.to_owned()));
    Ok(())
}

/// Signs out.
#[utoipa::path(delete, path = "/sessions/current", tag = "accounts",
    security((), ("token" = [])), responses((status = 204)))]
pub(crate) async fn sign_out(State(state): State<ApiState>, caller: Caller) -> Result<Response> {
    if let Some(hash) = &caller.token_hash {
        end(&state, hash, state.app.clock.now()).await?;
    }
    Ok(without_cookie(&state))
}

/// Signs out everywhere.
#[utoipa::path(delete, path = "/sessions", tag = "accounts", responses((status = 204)))]
pub(crate) async fn sign_out_everywhere(
    State(state): State<ApiState>,
    signed: SignedIn,
) -> Result<Response> {
    let (user, now) = (signed.user.id, state.app.clock.now());
    let ended = state.app.transaction(|tx| async move {
        accounts::end_sessions(&tx, user, now).await?;
        Ok::<_, Failure>(tx.store(()).await?)
    });
    ended.await?;
    state.ended(Ended::Account(user));
    Ok(without_cookie(&state))
}

fn without_cookie(state: &ApiState) -> Response {
    let clear = cookie::clear(state.config.get().https);
    (StatusCode::NO_CONTENT, [(header::SET_COOKIE, clear)]).into_response()
}

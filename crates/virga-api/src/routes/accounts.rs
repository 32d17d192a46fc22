//! Accounts and setup.

use axum::{extract::State, response::Response};
use http::{HeaderMap, StatusCode};
use virga_core::{
    Code, Failure, Kind, UserId,
    name::account_name,
    permission::Role,
    text,
    wire::{Me, MePatch, NewAccount, PasswordChange, Registration, Session, Setup, Site, User},
};
use virga_db::{
    accounts::{self, UploadDefaults, UserRow},
    changes::Ended,
    videos,
    videos::Listing,
};
use virga_http::{Json, Path, Result};

use crate::{
    ApiState,
    caller::{Caller, SignedIn},
    routes::sessions::{check_password, signed_in},
    to_wire::me,
};

/// What every page needs to know of the site.
#[utoipa::path(get, path = "/site", tag = "site", security((), ("token" = [])),
    responses((status = 200, body = Site)))]
pub(crate) async fn site(State(state): State<ApiState>) -> Result<Json<Site>> {
    let site = state
        .app
        .site(state.config.get().accounts.registration)
        .await?;
    Ok(Json(Site {
        media_origins: state.delivery.origins(),
        loose_seconds: state.delivery.revocation_lag().as_secs(),
        ..site
    }))
}

/// The holder of the one-time link becomes administrator.
#[utoipa::path(post, path = "/setup", tag = "site", request_body = Setup,
    security((), ("token" = [])), responses((status = 201, body = Session), (status = 409)))]
pub(crate) async fn set_up(
    State(state): State<ApiState>,
    caller: Caller,
    headers: HeaderMap,
    Json(setup): Json<Setup>,
) -> Result<Response> {
    let (limits, network) = (state.limits(), caller.network());
    limits
        .by_address
        .take(network, state.app.clock.now())
        .await?;
    let site_name = text::site_name("site_name", &setup.site_name)?;
    let NewAccount { name, password } = &setup.administrator;
    let user = new_user(&state, &caller, name, password, Role::Admin).await?;
    state
        .app
        .set_up(&setup.token, &user, &site_name, setup.registration)
        .await?;
    limits.by_address.give_back(&network).await;
    signed_in(&state, &caller, user, &headers).await
}

/// Registers an account and signs it in.
#[utoipa::path(post, path = "/users", tag = "accounts", request_body = NewAccount,
    security((), ("token" = [])), responses((status = 201, body = Session), (status = 409)))]
pub(crate) async fn register(
    State(state): State<ApiState>,
    caller: Caller,
    headers: HeaderMap,
    Json(ask): Json<NewAccount>,
) -> Result<Response> {
    let site = state
        .app
        .site(state.config.get().accounts.registration)
        .await?;
    if site.registration == Registration::Closed && !caller.viewer.is_admin() {
        let detail = "Registration is closed here. Ask an administrator for an account.";
        return Err(Failure::new(Code::RegistrationClosed, detail).into());
    }
    account_name(&ask.name)?;
    text::new_password(&ask.password)?;
    state.app.check_room_for_text().await?;
    if site.needs_setup {
        let detail = "This site has no administrator yet. Open /setup with the link that the \
                      server printed when it started.";
        return Err(Failure::new(Code::SetupNeeded, detail).into());
    }
    state.limits().sign_ups.take(&caller.network()).await?;
    let user = new_user(&state, &caller, &ask.name, &ask.password, Role::User).await?;
    state.app.add_account(&user).await?;
    signed_in(&state, &caller, user, &headers).await
}

async fn new_user(
    state: &ApiState,
    caller: &Caller,
    name: &str,
    password: &str,
    role: Role,
) -> Result<UserRow> {
    let name = account_name(name)?;
    let password = text::new_password(password)?.to_owned();
    Ok(UserRow {
        id: UserId::random(&*state.app.entropy),
        name,
        password_hash: state.passwords.hash_for(caller.network(), password).await?,
        role,
        created_at: state.app.clock.now(),
        blocked_at: None,
    })
}

/// A new password; ends every other session.
#[utoipa::path(put, path = "/users/me/password", tag = "accounts", request_body = PasswordChange,
    responses((status = 204)))]
pub(crate) async fn change_password(
    State(state): State<ApiState>,
    caller: Caller,
    signed: SignedIn,
    Json(ask): Json<PasswordChange>,
) -> Result<StatusCode> {
    text::new_password(&ask.new)?;
    let checked = check_password(&state, &caller, &signed.user.name, ask.current).await;
    if let Err(mut refused) = checked {
        if refused.0.kind() == Kind::Unauthenticated {
            let detail = "The present password is wrong.";
            refused.0 = Failure::field("current", Code::PasswordWrong, detail);
        }
        return Err(refused);
    }
    let hash = state.passwords.hash(ask.new).await?;
    let (user, kept) = (signed.user.id, &signed.token_hash);
    let now = state.app.clock.now();
    let hash = hash.as_str();
    let change = state.app.transaction(|tx| async move {
        accounts::set_password(&tx, user, hash).await?;
        // Keeps the session instead of replacing it: a sign-out at the same time would be undone.
        accounts::end_other_sessions(&tx, user, kept, now).await?;
        Ok::<_, Failure>(tx.store(()).await?)
    });
    change.await?;
    state.ended(Ended::Account(user));
    Ok(StatusCode::NO_CONTENT)
}

/// The signed-in account.
#[utoipa::path(get, path = "/users/me", tag = "accounts", responses((status = 200, body = Me)))]
pub(crate) async fn who_am_i(State(state): State<ApiState>, signed: SignedIn) -> Result<Json<Me>> {
    Ok(Json(me(&state, &signed.user).await?))
}

/// Changes what the account's uploads in the pages start with.
#[utoipa::path(patch, path = "/users/me", tag = "accounts", request_body = MePatch,
    responses((status = 200, body = Me)))]
pub(crate) async fn edit_me(
    State(state): State<ApiState>,
    signed: SignedIn,
    Json(patch): Json<MePatch>,
) -> Result<Json<Me>> {
    let id = signed.user.id;
    let patch = &patch;
    let change = state.app.transaction(|tx| async move {
        accounts::lock(&tx, &[id]).await?;
        let now = accounts::upload_defaults(&tx, id).await?;
        let to = UploadDefaults {
            visibility: patch.upload_visibility.unwrap_or(now.visibility),
            at_once: patch.publish_at_once.unwrap_or(now.at_once),
        };
        accounts::set_upload_defaults(&tx, id, to).await?;
        Ok::<_, Failure>(tx.store(()).await?)
    });
    change.await?;
    Ok(Json(me(&state, &signed.user).await?))
}

/// An account as others see it.
#[utoipa::path(get, path = "/users/{name}", tag = "accounts",
    params(("name" = String, Path)), security((), ("token" = [])),
    responses((status = 200, body = User)))]
pub(crate) async fn user(
    State(state): State<ApiState>,
    Path(name): Path<String>,
) -> Result<Json<User>> {
    let user = find_user(&state, &name).await?;
    let listing = Listing {
        owner: Some(user.id),
        everything: false,
        unpublished: None,
        now: state.app.clock.now(),
        sort: virga_core::wire::Sort::New,
        query: None,
        after: None,
        limit: 0,
    };
    let listing = &listing;
    let count = |c| async move { videos::count(&c, listing).await };
    let videos = state.app.db.read_lagging(count).await;
    let videos = videos?;
    Ok(Json(User {
        name: user.name,
        created_at: user.created_at,
        videos,
    }))
}

/// An account by name.
pub(crate) async fn find_user(state: &ApiState, name: &str) -> Result<UserRow> {
    let found = accounts::by_name(state.app.db.read(), name).await?;
    Ok(found.ok_or_else(|| Failure::not_found("account"))?)
}

//! For administrators only: accounts, failed jobs, room.

use axum::{
    extract::State,
    response::{IntoResponse, Response},
};
use http::{HeaderValue, StatusCode, header};
use serde::Deserialize;
use std::collections::HashMap;
use virga_core::{
    VideoId,
    job::JobState,
    name::fold_name,
    wire::{Account, FailedJob, NewPassword, OpenJob, Page, SitePatch, SiteSettings, Storage},
};
use virga_db::{
    JobRow,
    accounts::{self, UserRow},
    admin::{self, AccountListing},
    changes::Ended,
    jobs, videos,
};
use virga_http::{
    Json, Path, Query, Result,
    paging::{self, PageQuery},
};

use crate::{ApiState, caller::Admin, routes::accounts::find_user, to_wire};

/// `?q=`
#[derive(Debug, Default, Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct AccountsQuery {
    /// A piece of the name.
    q: Option<String>,
}

/// All accounts, by name.
#[utoipa::path(get, path = "/admin/users", tag = "admin", params(AccountsQuery, PageQuery),
    responses((status = 200, body = Page<Account>), (status = 403)))]
pub(crate) async fn accounts(
    State(state): State<ApiState>,
    _: Admin,
    Query(query): Query<AccountsQuery>,
    Query(page): Query<PageQuery>,
) -> Result<Json<Page<Account>>> {
    let (after, limit): (Option<String>, u64) = (page.after()?, page.limit()?);
    let words: Option<String> = query.q.map(|words| words.chars().take(64).collect());
    let listing = AccountListing {
        query: words.as_deref().map(str::trim).filter(|it| !it.is_empty()),
        after: after.as_deref(),
        limit: limit + 1,
    };
    let db = state.app.db.read();
    let mut rows = admin::accounts(db, listing).await?;
    let next = paging::cut(&mut rows, limit, |row| fold_name(&row.name));
    let ids: Vec<_> = rows.iter().map(|row| row.id).collect();
    let holdings = admin::holdings(db, &ids).await?;
    let items = rows.into_iter().map(|row| {
        let holding = holdings.get(&row.id).copied().unwrap_or_default();
        Account {
            name: row.name,
            role: row.role,
            created_at: row.created_at,
            blocked_at: row.blocked_at,
            videos: holding.videos,
            used_bytes: holding.bytes,
        }
    });
    let items = items.collect();
    Ok(Json(Page { items, next }))
}

/// Gives an account a new password, which only this answer contains, and ends its sessions.
#[utoipa::path(post, path = "/admin/users/{name}/reset-password", tag = "admin",
    params(("name" = String, Path)),
    responses((status = 200, body = NewPassword), (status = 403), (status = 409)))]
pub(crate) async fn reset_password(
    State(state): State<ApiState>,
    Admin(by): Admin,
    Path(name): Path<String>,
) -> Result<Response> {
    let account = find_user(&state, &name).await?;
    let password = state.app.one_time_password();
    let hash = state.passwords.hash(password.clone()).await?;
    state.app.reset_password(by.id, account.id, &hash).await?;
    state.ended(Ended::Account(account.id));
    tracing::info!(admin = by.name, account = account.name, "password reset");
    let secret = [(header::CACHE_CONTROL, HeaderValue::from_static("no-store"))];
    Ok((secret, Json(NewPassword { password })).into_response())
}

/// Keeps an account from signing in; its sessions end, its videos stay.
#[utoipa::path(put, path = "/admin/users/{name}/block", tag = "admin",
    params(("name" = String, Path)),
    responses((status = 204), (status = 403), (status = 409)))]
pub(crate) async fn block(
    State(state): State<ApiState>,
    Admin(by): Admin,
    Path(name): Path<String>,
) -> Result<StatusCode> {
    set_blocked(&state, &by, &name, true).await
}

/// Lets a blocked account sign in again.
#[utoipa::path(delete, path = "/admin/users/{name}/block", tag = "admin",
    params(("name" = String, Path)),
    responses((status = 204), (status = 403), (status = 409)))]
pub(crate) async fn unblock(
    State(state): State<ApiState>,
    Admin(by): Admin,
    Path(name): Path<String>,
) -> Result<StatusCode> {
    set_blocked(&state, &by, &name, false).await
}

async fn set_blocked(
    state: &ApiState,
    by: &UserRow,
    name: &str,
    blocked: bool,
) -> Result<StatusCode> {
    let account = find_user(state, name).await?;
    state.app.set_blocked(by.id, account.id, blocked).await?;
    state.ended(Ended::Account(account.id));
    let done = if blocked {
        "account blocked"
    } else {
        "account unblocked"
    };
    tracing::info!(admin = by.name, account = account.name, "{done}");
    Ok(StatusCode::NO_CONTENT)
}

/// Jobs that were given up, the newest first.
#[utoipa::path(get, path = "/admin/jobs", tag = "admin", params(PageQuery),
    responses((status = 200, body = Page<FailedJob>), (status = 403)))]
pub(crate) async fn failed_jobs(
    State(state): State<ApiState>,
    _: Admin,
    Query(page): Query<PageQuery>,
) -> Result<Json<Page<FailedJob>>> {
    let (before, limit) = (page.after()?, page.limit()?);
    let db = state.app.db.read();
    let mut rows = admin::failed_jobs(db, before, limit + 1).await?;
    let next = paging::cut(&mut rows, limit, |row| row.id);
    let whose = whose(&state, &rows).await?;
    // A video that was purged between the two reads has nothing to try again.
    let shown = |job: JobRow| {
        let (title, owner) = whose.get(&job.video)?.clone();
        Some(FailedJob {
            video_id: job.video,
            title,
            owner,
            kind: job.kind(),
            code: job.error_code.unwrap_or_default(),
            text: job.error.unwrap_or_default(),
            tries: u32::try_from(job.attempts).unwrap_or(0),
            encoder_log: job.encoder_log,
            failed_at: job.updated_at,
        })
    };
    let items = rows.into_iter().filter_map(shown).collect();
    Ok(Json(Page { items, next }))
}

/// The title and the owner's name of each job's video.
async fn whose(state: &ApiState, jobs: &[JobRow]) -> Result<HashMap<VideoId, (String, String)>> {
    let db = state.app.db.read();
    let ids: Vec<VideoId> = jobs.iter().map(|row| row.video).collect();
    let rows = videos::find_many(db, &ids).await?;
    let names = accounts::names(db, rows.iter().map(|row| row.owner)).await?;
    let told = rows.into_iter().map(|row| {
        let owner = names.get(&row.owner).cloned().unwrap_or_default();
        (row.id, (row.title, owner))
    });
    Ok(told.collect())
}

/// Jobs that wait or run, the oldest first; of the parts that a job is divided into, those that run.
#[utoipa::path(get, path = "/admin/jobs/open", tag = "admin", params(PageQuery),
    responses((status = 200, body = Page<OpenJob>), (status = 403)))]
pub(crate) async fn open_jobs(
    State(state): State<ApiState>,
    _: Admin,
    Query(page): Query<PageQuery>,
) -> Result<Json<Page<OpenJob>>> {
    let (after, limit) = (page.after()?, page.limit()?);
    let mut rows = admin::open_jobs(state.app.db.read(), after, limit + 1).await?;
    let next = paging::cut(&mut rows, limit, |row| row.id);
    let whose = whose(&state, &rows).await?;
    let waiting = rows.iter().filter(|job| job.state == JobState::Waiting);
    let divided: Vec<VideoId> = waiting.map(|job| job.video).collect();
    let all = jobs::of_videos(state.app.db.read(), &divided).await?;
    let shown = |job: JobRow| {
        let (title, owner) = whose.get(&job.video)?.clone();
        let others = all.get(&job.video).map_or(&[][..], Vec::as_slice);
        Some(OpenJob {
            progress: to_wire::share_done(&job, others),
            video_id: job.video,
            title,
            owner,
            kind: job.kind(),
            state: job.state,
            worker: Some(job.worker).filter(|name| !name.is_empty()),
            tries: u32::try_from(job.attempts).unwrap_or(0),
            text: job.error,
            created_at: job.created_at,
            run_at: job.run_at,
        })
    };
    let items = rows.into_iter().filter_map(shown).collect();
    Ok(Json(Page { items, next }))
}

/// The site's name and who may register, and where each comes from.
#[utoipa::path(get, path = "/admin/site", operation_id = "site_settings", tag = "admin",
    responses((status = 200, body = SiteSettings), (status = 403)))]
pub(crate) async fn site(State(state): State<ApiState>, _: Admin) -> Result<Json<SiteSettings>> {
    let configured = state.config.get().accounts.registration;
    Ok(Json(state.app.site_settings(configured).await?))
}

/// Changes the site's name or who may register.
#[utoipa::path(patch, path = "/admin/site", tag = "admin", request_body = SitePatch,
    responses((status = 200, body = SiteSettings), (status = 403), (status = 409)))]
pub(crate) async fn change_site(
    State(state): State<ApiState>,
    Admin(by): Admin,
    Json(patch): Json<SitePatch>,
) -> Result<Json<SiteSettings>> {
    let configured = state.config.get().accounts.registration;
    state.app.change_site(&patch, configured).await?;
    let site = state.app.site_settings(configured).await?;
    tracing::info!(
        admin = by.name,
        site.name = site.name,
        registration = site.registration.as_str(),
        "site settings changed"
    );
    Ok(Json(site))
}

/// Room in the store.
#[utoipa::path(get, path = "/admin/storage", tag = "admin",
    responses((status = 200, body = Storage), (status = 403)))]
pub(crate) async fn storage(State(state): State<ApiState>, _: Admin) -> Result<Json<Storage>> {
    Ok(Json(state.app.storage().await?))
}

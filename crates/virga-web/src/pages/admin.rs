//! `/admin`: accounts, failed jobs, room, settings. For administrators only; every act works without script.

mod confirm;
mod jobs;
mod site;
mod storage;

#[cfg(test)]
pub(crate) use self::{
    confirm::{Act, ConfirmPage},
    jobs::JobsPage,
    site::SitePage,
    storage::StoragePage,
};

use askama::Template;
use axum::{
    Router,
    extract::Query,
    response::Response,
    routing::{get, post},
};
use http::StatusCode;
use serde::Deserialize;
use virga_core::{
    Timestamp,
    permission::Role,
    text::percent_encoded,
    wire::{Account, Me},
};

use crate::{
    WebState,
    context::{PageContext, PageError},
    error_page::FaultPage,
    format::{self, When},
    layout::{Layout, query_value},
};

/// The addresses under `/admin`.
pub(crate) fn routes() -> Router<WebState> {
    Router::new()
        .route("/admin", get(users))
        .route(
            "/admin/users/{name}/{act}",
            get(confirm::ask).post(confirm::act),
        )
        .route("/admin/jobs", get(jobs::list))
        .route("/admin/jobs/retry", post(jobs::retry))
        .route("/admin/jobs/cancel", post(jobs::cancel))
        .route("/admin/storage", get(storage::show))
        .route("/admin/site", get(site::show).post(site::change))
}

/// The administrator, or the page that says so.
fn admin(visit: &PageContext) -> Result<&Me, PageError> {
    let me = visit.me()?;
    if me.role == Role::Admin {
        return Ok(me);
    }
    let (frame, text) = (visit.frame.clone(), visit.frame.t("problem-admin-only"));
    let page = FaultPage::new(frame, 403, Some(text), &visit.request_id);
    Err(visit.html(StatusCode::FORBIDDEN, &page).into())
}

/// Accounts.
#[derive(Template)]
#[template(path = "admin/users.html")]
pub(crate) struct UsersPage {
    pub(crate) f: Layout,
    tab: &'static str,
    pub(crate) words: String,
    rows: Vec<Row>,
    pub(crate) more: Option<String>,
    /// What was just done.
    pub(crate) done: Option<String>,
}

struct Row {
    name: String,
    path: String,
    admin: bool,
    blocked: Option<When>,
    held: String,
    when: When,
    /// The viewer's own account: nothing is done to it here.
    own: bool,
}

impl UsersPage {
    pub(crate) fn new(f: Layout, now: Timestamp, accounts: Vec<Account>) -> Self {
        let lang = f.lang;
        let own = f.me.as_ref().map(|me| me.name.clone());
        let row = |account: Account| Row {
            path: format!("/admin/users/{}", percent_encoded(&account.name)),
            admin: account.role == Role::Admin,
            blocked: account.blocked_at.map(|at| When::new(lang, now, at)),
            held: lang.fill(
                "admin-held",
                &[
                    (
                        "videos",
                        lang.count(
                            "videos",
                            account.videos,
                            &format::count(lang, account.videos),
                        )
                        .into(),
                    ),
                    ("bytes", format::bytes(account.used_bytes).into()),
                ],
            ),
            when: When::new(lang, now, account.created_at),
            own: own.as_deref() == Some(account.name.as_str()),
            name: account.name,
        };
        Self {
            rows: accounts.into_iter().map(row).collect(),
            tab: "users",
            words: String::new(),
            more: None,
            done: None,
            f,
        }
    }
}

/// What of the list, and what was just done.
#[derive(Debug, Default, Deserialize)]
struct AccountsQuery {
    #[serde(default)]
    q: String,
    cursor: Option<String>,
    done: Option<String>,
}

fn done_key(word: &str) -> Option<&'static str> {
    match word {
        "blocked" => Some("admin-done-blocked"),
        "unblocked" => Some("admin-done-unblocked"),
        "retried" => Some("toast-retried"),
        "cancelled" => Some("toast-cancelled"),
        _ => None,
    }
}

/// `GET /admin`.
async fn users(
    visit: PageContext,
    Query(asked): Query<AccountsQuery>,
) -> Result<Response, PageError> {
    admin(&visit)?;
    let words: String = asked.q.trim().chars().take(64).collect();
    let accounts = visit
        .call(visit.api.accounts(&words, asked.cursor.as_deref()))
        .await?;
    let mut page = UsersPage::new(visit.frame.clone(), visit.now, accounts.items);
    page.more = accounts.next.map(|next| {
        let (words, next) = (query_value(&words), query_value(&next));
        format!("/admin?q={words}&cursor={next}")
    });
    page.words = words;
    page.done = asked
        .done
        .as_deref()
        .and_then(done_key)
        .map(|key| visit.frame.t(key));
    Ok(visit.ok(&page))
}

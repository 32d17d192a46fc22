//! The routes of the pages.

use axum::{
    Router,
    extract::DefaultBodyLimit,
    middleware,
    routing::{get, post},
};

use crate::{
    WebState, assets, headers,
    pages::{
        account, admin, comments, edit, embed, feed, home, install, missing, person, settings,
        setup, share, studio, upload, watch,
    },
};

/// A form's text, percent-encoded: the longest is a description of 10,000 characters.
const FORM_MAX: usize = 256 * 1024;

/// Every page. Wants the listener's layers around it: request id, address, same-origin check.
pub fn router(state: WebState) -> Router {
    Router::new()
        .route("/", get(home::show))
        .route("/sign-in", get(account::sign_in).post(account::do_sign_in))
        .route("/sign-up", get(account::sign_up).post(account::do_sign_up))
        .route("/sign-out", post(account::do_sign_out))
        .route("/language", post(account::do_language))
        .route("/theme", post(account::do_theme))
        .route("/setup", get(setup::show).post(setup::submit))
        .route("/upload", get(upload::show).post(upload::draft))
        .route("/my/videos", get(studio::mine))
        .route("/v/{id}", get(watch::show))
        .route("/v/{id}/edit", get(edit::show).post(edit::submit))
        .route("/v/{id}/publish", post(edit::publish))
        .route("/v/{id}/delete", post(edit::delete))
        .route("/v/{id}/restore", post(edit::restore))
        .route("/v/{id}/retry", post(edit::retry))
        .route("/v/{id}/remake", post(edit::remake))
        .route("/v/{id}/cancel", post(edit::cancel))
        .route("/v/{id}/comments", post(comments::write))
        .route("/v/{id}/comments/{comment}", post(comments::edit))
        .route("/v/{id}/comments/{comment}/delete", post(comments::delete))
        .route("/u/{name}", get(person::show))
        .route("/settings", get(settings::show))
        .route("/settings/uploads", post(settings::change_uploads))
        .route("/settings/password", post(settings::change_password))
        .route("/settings/sessions/end", post(settings::end))
        .route("/settings/sessions/end-others", post(settings::end_others))
        .route(
            "/settings/sign-out-everywhere",
            post(settings::sign_out_everywhere),
        )
        .route("/embed/{id}", get(embed::show))
        .route("/oembed", get(share::oembed))
        .route("/u/{name}/feed.xml", get(feed::of_person))
        .route("/sitemap.xml", get(feed::sitemap))
        .route("/manifest.webmanifest", get(install::manifest))
        .route("/robots.txt", get(feed::robots))
        .merge(admin::routes())
        .route("/assets/{file}", get(assets::serve))
        .route("/favicon.ico", get(assets::favicon))
        .fallback(missing::show)
        .layer(DefaultBodyLimit::max(FORM_MAX))
        .layer(middleware::from_fn_with_state(
            state.clone(),
            headers::protect,
        ))
        .with_state(state)
}

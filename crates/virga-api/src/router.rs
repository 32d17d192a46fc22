//! Routes of the control plane, and the OpenAPI document that they are.

use axum::{
    Router,
    extract::DefaultBodyLimit,
    middleware,
    routing::{get, post},
};
use utoipa::openapi::OpenApi;
use utoipa_axum::{router::OpenApiRouter, routes};
use virga_core::{Failure, paths};
use virga_http::{Error, Json};

use crate::{
    ApiState, caller, document, events, reference,
    routes::{
        accounts, admin, comments, hooks, internal, playback, sessions, sitemap, uploads, videos,
    },
};

/// JSON bodies are small; what people write has its own bounds beneath this.
const BODY_LIMIT: usize = 256 * 1024;

fn v1() -> OpenApiRouter<ApiState> {
    OpenApiRouter::new()
        .routes(routes!(accounts::site))
        .routes(routes!(accounts::set_up))
        .routes(routes!(accounts::register))
        .routes(routes!(
            sessions::list_sessions,
            sessions::sign_in,
            sessions::sign_out_everywhere
        ))
        .routes(routes!(sessions::sign_out))
        .routes(routes!(sessions::end_session))
        .routes(routes!(accounts::who_am_i, accounts::edit_me))
        .routes(routes!(accounts::change_password))
        .routes(routes!(accounts::user))
        .routes(routes!(videos::list_mine))
        .routes(routes!(videos::list_of_user))
        .routes(routes!(videos::list_public, videos::create))
        .routes(routes!(videos::read, videos::edit, videos::delete))
        .routes(routes!(videos::restore))
        .routes(routes!(videos::retry))
        .routes(routes!(videos::cancel))
        .routes(routes!(playback::playback))
        .routes(routes!(playback::put_position))
        .routes(routes!(playback::report_view))
        .routes(routes!(videos::source))
        .routes(routes!(comments::list, comments::write))
        .routes(routes!(comments::edit, comments::delete))
        .routes(routes!(uploads::list, uploads::create))
        .routes(routes!(uploads::offer_form))
        .routes(routes!(uploads::read, uploads::cancel))
        .routes(routes!(uploads::sign_parts))
        .routes(routes!(uploads::parts))
        .routes(routes!(uploads::complete))
        .routes(routes!(events::events))
        .routes(routes!(sitemap::sitemap))
        .routes(routes!(admin::accounts))
        .routes(routes!(admin::reset_password))
        .routes(routes!(admin::block, admin::unblock))
        .routes(routes!(admin::failed_jobs))
        .routes(routes!(admin::open_jobs))
        .routes(routes!(admin::storage))
        .routes(routes!(admin::site, admin::change_site))
}

fn parts() -> (Router<ApiState>, OpenApi) {
    let (router, mut document) = OpenApiRouter::new()
        .nest(paths::API, v1())
        .split_for_parts();
    document::complete(&mut document);
    (router, document)
}

/// The OpenAPI document.
pub fn openapi() -> OpenApi {
    parts().1
}

/// The control plane.
pub fn router(state: ApiState) -> Router {
    let (router, mut document) = parts();
    document::limit_uploads(&mut document, state.config.get().limits.upload_max);
    let page = reference::page(&document);
    router
        .route(
            "/api/v1/reference",
            get(move || async move { reference::answer(page) }),
        )
        .route(
            "/hooks/{service}",
            post(hooks::receive).layer(DefaultBodyLimit::max(hooks::BODY_LIMIT)),
        )
        .route("/internal/v1/changes", get(internal::changes))
        .route(
            "/internal/v1/uploads/{id}/early",
            post(internal::look_early),
        )
        .route("/internal/v1/forms", post(internal::claim_form))
        .route(
            "/internal/v1/forms/{id}/stored",
            post(internal::finish_form),
        )
        .route(
            "/api/v1/openapi.json",
            get(move || async move { Json(document) }),
        )
        .method_not_allowed_fallback(|| async { virga_http::method_not_allowed() })
        .fallback(|| async { Error(Failure::not_found("thing at this address")) })
        .layer(DefaultBodyLimit::max(BODY_LIMIT))
        .layer(middleware::from_fn_with_state(
            state.clone(),
            caller::identify,
        ))
        .with_state(state)
}

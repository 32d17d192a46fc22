//! The data plane's routes. The paths of media and of parts are read as a whole, so that one place
//! decides what an address is.

use axum::{
    Router,
    extract::DefaultBodyLimit,
    routing::{get, post, put},
};

use crate::{StreamState, form_upload, media, parts, source};

/// `/media/…` and `/up/…`.
pub fn router(state: StreamState) -> Router {
    Router::new()
        .route("/media/{*path}", get(media::get))
        .route("/media/source/{video}/{upload}", get(source::get))
        .route("/up/{*path}", put(parts::put))
        .route("/up/form/{video}", post(form_upload::post))
        // Both count what they take by their signature.
        .layer(DefaultBodyLimit::disable())
        .with_state(state)
}

//! The data plane's routes. A media path is read as a whole (`address.rs`), so that one place
//! decides what an address is.

use axum::{
    Router,
    routing::{get, put},
};

use crate::{StreamState, media, parts};

/// `/media/…` and `/up/…`.
pub fn router(state: StreamState) -> Router {
    Router::new()
        .route("/media/{*path}", get(media::get))
        .route("/up/{upload}/{number}", put(parts::put))
        .with_state(state)
}

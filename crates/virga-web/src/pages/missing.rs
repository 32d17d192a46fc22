//! Any other address: 404.

use axum::response::Response;
use http::StatusCode;

use crate::{fault::Fault, visit::Visit};

/// Everything that is no page.
pub(crate) async fn show(visit: Visit) -> Result<Response, Fault> {
    Err(visit.status(StatusCode::NOT_FOUND))
}

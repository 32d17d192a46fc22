//! Any other address: 404.

use axum::response::Response;
use http::StatusCode;

use crate::context::{PageContext, PageError};

/// Everything that is no page.
pub(crate) async fn show(visit: PageContext) -> Result<Response, PageError> {
    Err(visit.status(StatusCode::NOT_FOUND))
}

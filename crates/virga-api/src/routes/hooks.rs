//! What a bucket's service tells by itself: a form has brought a file whole. Verified, and then no
//! more than a hint to look; the browser that closed on the last byte need not say so.

use axum::extract::{OriginalUri, State};
use http::HeaderMap;
use serde_json::{Value, json};
use virga_core::{Code, Failure};
use virga_http::{Bytes, Json, Path, Result};
use virga_objects::Callback;

use crate::ApiState;

/// A report names one object.
pub(crate) const BODY_LIMIT: usize = 4 * 1024;

/// Takes a report. The service passes the answer on to the browser that sent the form.
pub(crate) async fn receive(
    State(state): State<ApiState>,
    Path(service): Path<String>,
    OriginalUri(uri): OriginalUri,
    headers: HeaderMap,
    Bytes(body): Bytes,
) -> Result<Json<Value>> {
    if state.delivery.reporter() != Some(service.as_str()) {
        return Err(Failure::not_found("thing at this address").into());
    }
    let report = Callback {
        target: uri.path_and_query().map_or("/", |target| target.as_str()),
        headers: &headers,
        body: &body,
    };
    let object = state.delivery.verify_callback(report).await?;
    let object = object.ok_or_else(|| {
        let detail = "This report is not signed by the service that keeps this site's files.";
        Failure::new(Code::ReportSignature, detail)
    })?;
    let row = state.app.object_reported(&object).await?;
    Ok(Json(json!({"state": row.state})))
}

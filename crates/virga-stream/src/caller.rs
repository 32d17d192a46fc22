//! What this role asks of api, it asks for the one whose request it answers.

use axum::extract::Request;
use virga_client::{ApiCaller, Caller};
use virga_core::keys::Voucher;
use virga_http::{layers::RequestId, viewer::ClientIp};

use crate::StreamState;

/// This role, for the one whose request it is.
pub(crate) fn as_caller(state: &StreamState, request: &Request) -> ApiCaller {
    let id = request.extensions().get::<RequestId>();
    state.api.as_caller(Caller {
        token: None,
        voucher: Voucher {
            address: ClientIp::of(request).0,
            request_id: id.map_or_else(String::new, |id| id.0.clone()),
        },
    })
}

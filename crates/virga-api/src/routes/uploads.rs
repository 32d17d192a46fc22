//! Uploads: open, sign parts, complete, cancel.

use axum::{
    extract::State,
    response::{IntoResponse, Response},
};
use futures_util::{StreamExt, TryStreamExt, stream};
use http::StatusCode;
use std::{collections::BTreeMap, time::Duration};
use virga_app::{NewUploadRequest, Opened};
use virga_core::{
    Code, Failure, UploadId,
    paths::{PartTicket, Ticket},
    permission::Action,
    upload::{PartSpan, UploadState, part_span},
    wire::{
        FormAsk, FormField, FormOffer, HeldPart, NewUpload, PartNumbers, SignedPart, Upload,
        UploadMode,
    },
};
use virga_db::{UploadRow, uploads};
use virga_http::{Json, Path, Result};
use virga_objects::{ObjectError, SharedDirect, Validity};

use crate::{
    ApiState,
    caller::{Caller, SignedIn},
};

/// How long a signed address holds.
pub(super) const TICKET_LIFE: Duration = Duration::from_secs(900);
const MOST_NUMBERS: usize = 100;
/// Uploads that a list asks the store about at once.
const AT_ONCE: usize = 8;

async fn show(state: &ApiState, row: UploadRow) -> Result<Upload> {
    let held = match state.app.sessions.list_parts(row.id).await {
        Ok(held) => held.bytes(),
        Err(ObjectError::NoSession(_)) if row.state == UploadState::Stored => row.size,
        Err(ObjectError::NoSession(_)) => 0,
        Err(other) => return Err(Failure::from(other).into()),
    };
    Ok(Upload {
        id: row.id,
        video_id: row.video,
        file_name: row.file_name,
        size: row.size,
        fingerprint: row.fingerprint,
        state: row.state,
        held,
        mode: UploadMode::Multipart,
        part_size: row.part_size,
        expires_at: row.expires_at,
    })
}

/// One's open uploads.
#[utoipa::path(get, path = "/uploads", operation_id = "list_uploads", tag = "uploads",
    responses((status = 200, body = Vec<Upload>)))]
pub(crate) async fn list(
    State(state): State<ApiState>,
    signed: SignedIn,
) -> Result<Json<Vec<Upload>>> {
    let rows = uploads::open_of_user(state.app.db.read(), signed.user.id).await?;
    // Each asks the store: some at a time.
    let shown = stream::iter(rows)
        .map(|row| show(&state, row))
        .buffered(AT_ONCE);
    Ok(Json(shown.try_collect().await?))
}

/// An upload.
#[utoipa::path(get, path = "/uploads/{id}", operation_id = "read_upload", tag = "uploads", params(("id" = UploadId, Path)),
    responses((status = 200, body = Upload)))]
pub(crate) async fn read(
    State(state): State<ApiState>,
    caller: Caller,
    Path(id): Path<UploadId>,
) -> Result<Json<Upload>> {
    let row = state.app.find_upload(&caller.viewer, id).await?;
    Ok(Json(show(&state, row).await?))
}

/// Opens an upload; 200 with the open one where it is the same file.
#[utoipa::path(post, path = "/uploads", operation_id = "create_upload", tag = "uploads", request_body = NewUpload,
    responses((status = 201, body = Upload), (status = 200, body = Upload), (status = 404), (status = 409),
        (status = 507)))]
pub(crate) async fn create(
    State(state): State<ApiState>,
    caller: Caller,
    _: SignedIn,
    Json(new): Json<NewUpload>,
) -> Result<Response> {
    let ask = NewUploadRequest {
        part_size: new.part_size,
        video: new.video_id,
        file_name: new.file_name,
        size: new.size,
        content_type: new.content_type,
        fingerprint: new.fingerprint,
    };
    let (status, row) = match state.app.open_upload(&caller.viewer, ask).await? {
        Opened::New(row) => (StatusCode::CREATED, row),
        Opened::Existing(row) => (StatusCode::OK, row),
    };
    Ok((status, Json(show(&state, row).await?)).into_response())
}

/// The address of a plain form that sends the whole file, for browsers without script.
#[utoipa::path(post, path = "/uploads/form", tag = "uploads", request_body = FormAsk,
    responses((status = 200, body = FormOffer), (status = 409), (status = 507)))]
pub(crate) async fn offer_form(
    State(state): State<ApiState>,
    caller: Caller,
    _: SignedIn,
    Json(ask): Json<FormAsk>,
) -> Result<Json<FormOffer>> {
    let ticket = state.app.offer_form(&caller.viewer, ask.video_id).await?;
    Ok(Json(FormOffer {
        url: ticket.to_path(&state.keys),
        max: ticket.max,
        expires_at: ticket.expires,
    }))
}

/// Addresses to send parts to.
#[utoipa::path(post, path = "/uploads/{id}/parts/sign", tag = "uploads",
    params(("id" = UploadId, Path)), request_body = PartNumbers,
    responses((status = 200, body = Vec<SignedPart>), (status = 409)))]
pub(crate) async fn sign_parts(
    State(state): State<ApiState>,
    caller: Caller,
    Path(id): Path<UploadId>,
    Json(ask): Json<PartNumbers>,
) -> Result<Json<Vec<SignedPart>>> {
    let row = state.app.find_upload(&caller.viewer, id).await?;
    virga_app::require(&state.app, &caller.viewer, row.video, Action::Edit).await?;
    if ask.numbers.is_empty() || ask.numbers.len() > MOST_NUMBERS {
        let detail = format!("Ask for 1 to {MOST_NUMBERS} parts.");
        return Err(Failure::field("numbers", Code::PartsCount, detail).into());
    }
    let spans = ask.numbers.iter().map(|&number| {
        let span = part_span(number, row.size, row.part_size).ok_or_else(|| {
            let detail = format!("This file has no part {number}.");
            Failure::field("numbers", Code::PartsNumber, detail)
        })?;
        Ok((number, span))
    });
    let spans = spans.collect::<Result<Vec<_>, Failure>>()?;
    state.app.touch_upload(&row).await?;
    let direct = state.delivery.uploads().await.filter(|_| !ask.proxied);
    let mut signed = Vec::with_capacity(spans.len());
    for (number, span) in spans {
        signed.push(sign_part(&state, direct.as_ref(), &row, number, span).await?);
    }
    Ok(Json(signed))
}

/// The bucket's own address for a part where browsers reach it, else the site's.
async fn sign_part(
    state: &ApiState,
    direct: Option<&SharedDirect>,
    row: &UploadRow,
    number: u32,
    span: PartSpan,
) -> Result<SignedPart, Failure> {
    let now = state.app.clock.now();
    let expires = now.plus(TICKET_LIFE);
    let mut part = SignedPart {
        number,
        url: String::new(),
        method: "PUT".to_owned(),
        headers: BTreeMap::new(),
        fields: Vec::new(),
        expires_at: expires,
    };
    let validity = Validity {
        from: now,
        lasts: TICKET_LIFE,
    };
    match direct {
        // A small file goes by one form, which names key, type and size: no session takes part.
        Some(direct) if span.size == row.size => {
            let form = state
                .delivery
                .form(direct, &row.object_key, row.size, validity)
                .await?;
            part.url = form.url;
            "POST".clone_into(&mut part.method);
            let field = |(name, value): (&'static str, String)| FormField {
                name: name.to_owned(),
                value,
            };
            part.fields = form.fields.into_iter().map(field).collect();
        }
        Some(direct) => {
            let signed = direct.sign_part(row.id, number, span, validity);
            part.url = signed.await?.url;
        }
        None => {
            let ticket = PartTicket {
                upload: row.id,
                number,
                offset: span.offset,
                size: span.size,
                total: row.size,
                expires,
            };
            part.url = ticket.to_path(&state.keys);
        }
    }
    Ok(part)
}

/// Parts that the store holds.
#[utoipa::path(get, path = "/uploads/{id}/parts", operation_id = "list_parts", tag = "uploads",
    params(("id" = UploadId, Path)),
    responses((status = 200, body = Vec<HeldPart>), (status = 409)))]
pub(crate) async fn parts(
    State(state): State<ApiState>,
    caller: Caller,
    Path(id): Path<UploadId>,
) -> Result<Json<Vec<HeldPart>>> {
    let row = state.app.find_upload(&caller.viewer, id).await?;
    if !row.state.is_open() {
        let detail = "This upload is over.";
        return Err(Failure::new(Code::UploadClosed, detail).into());
    }
    match state.app.sessions.list_parts(id).await {
        Ok(held) => Ok(Json(held.parts)),
        // Its row is a moment older than its session.
        Err(ObjectError::NoSession(_)) => Ok(Json(Vec::new())),
        Err(other) => Err(Failure::from(other).into()),
    }
}

/// Makes the parts the video's source. Idempotent.
#[utoipa::path(post, path = "/uploads/{id}/complete", operation_id = "complete_upload", tag = "uploads",
    params(("id" = UploadId, Path)),
    responses((status = 202, body = Upload), (status = 409), (status = 422), (status = 507)))]
pub(crate) async fn complete(
    State(state): State<ApiState>,
    caller: Caller,
    Path(id): Path<UploadId>,
) -> Result<Response> {
    let row = state.app.find_upload(&caller.viewer, id).await?;
    if row.state != UploadState::Stored {
        virga_app::require(&state.app, &caller.viewer, row.video, Action::Edit).await?;
    }
    let row = state.app.complete_upload(row.id).await?;
    Ok((StatusCode::ACCEPTED, Json(show(&state, row).await?)).into_response())
}

/// Cancels an upload.
#[utoipa::path(delete, path = "/uploads/{id}", operation_id = "cancel_upload", tag = "uploads",
    params(("id" = UploadId, Path)), responses((status = 204), (status = 409)))]
pub(crate) async fn cancel(
    State(state): State<ApiState>,
    caller: Caller,
    Path(id): Path<UploadId>,
) -> Result<StatusCode> {
    let row = state.app.find_upload(&caller.viewer, id).await?;
    state.app.cancel_upload(&row).await?;
    Ok(StatusCode::NO_CONTENT)
}

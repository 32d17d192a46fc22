//! `POST /up/form/{video}`: a whole file by one plain form, for browsers without script, permitted
//! once by the signature in its address. Bytes go straight into the store; the API hears of them
//! before the object gets its name, so that a crash in between is healed by its sweeper.

mod head;

use std::time::Duration;

use axum::{
    extract::{Multipart, Path, Request, State, multipart::Field},
    response::{IntoResponse, Redirect, Response},
};
use http::{HeaderMap, Uri, header};
use serde::Deserialize;
use virga_client::{ApiCaller, Caller, ClientError};
use virga_core::{
    Code, Failure, Kind, MediaKey, OsEntropy, Timestamp, UploadId, UserId, VideoId,
    keys::{BadSignature, FormTicket, Voucher},
    wire::FormFile,
};
use virga_http::{layers::RequestId, viewer::Address};
use virga_objects::ObjectError;

use crate::{StreamState, parts::check_room};

/// The name of the one field: it comes first, and nothing after it is read.
const FIELD: &str = "file";
/// A refused sender is read off for this long, so that it hears why.
const READ_OFF: Duration = Duration::from_secs(60);

/// The query of a form's address.
#[derive(Debug, Deserialize)]
struct Signed {
    user: String,
    max: u64,
    exp: i64,
    kid: String,
    sig: String,
}

/// Takes a file in and sends the browser on to the video's page, or back with the reason.
pub(crate) async fn post(
    State(state): State<StreamState>,
    Path(video): Path<String>,
    request: Request,
) -> virga_http::Result<Response> {
    let page = wants_page(request.headers());
    let taken = take(&state, &video, request).await;
    match taken {
        Ok(id) => Ok(Redirect::to(&format!("/v/{id}")).into_response()),
        Err(failure) if page && failure.kind() != Kind::Internal => {
            tracing::info!(code = %failure.code, "a form's file was refused");
            let video = video.parse::<VideoId>().map(|id| format!("video={id}&"));
            let back = format!(
                "/upload?{}refused={}",
                video.unwrap_or_default(),
                failure.code
            );
            Ok(Redirect::to(&back).into_response())
        }
        Err(failure) => Err(failure.into()),
    }
}

fn wants_page(headers: &HeaderMap) -> bool {
    let accept = headers.get(header::ACCEPT);
    accept.is_some_and(|accept| accept.to_str().is_ok_and(|text| text.contains("text/html")))
}

async fn take(state: &StreamState, video: &str, request: Request) -> Result<VideoId, Failure> {
    let ticket = permitted(state, video, request.uri())
        .map_err(|bad| Failure::new(Code::UploadBadSignature, bad.to_string()))?;
    let length = request.headers().get(header::CONTENT_LENGTH);
    let length = length.and_then(|value| value.to_str().ok()?.parse().ok());
    check_room(state, length.unwrap_or(0).min(ticket.max)).await?;
    let api = as_caller(state, &request);
    let request = head::bounded(request).await?;
    let mut form = <Multipart as axum::extract::FromRequest<()>>::from_request(request, &())
        .await
        .map_err(|error| malformed(error.body_text()))?;
    match form.next_field().await.map_err(broken)? {
        Some(field) if field.name() == Some(FIELD) => {
            Box::pin(store(state, &api, ticket, field)).await
        }
        _ => Err(malformed(format!(
            "The form's first field must be the file, named {FIELD:?}."
        ))),
    }
}

/// Reads the address; whatever is wrong with it reads the same.
fn permitted(state: &StreamState, video: &str, uri: &Uri) -> Result<FormTicket, BadSignature> {
    let axum::extract::Query(signed) =
        axum::extract::Query::<Signed>::try_from_uri(uri).map_err(|_| BadSignature)?;
    let ticket = FormTicket {
        video: video.parse().map_err(|_| BadSignature)?,
        user: signed.user.parse::<UserId>().map_err(|_| BadSignature)?,
        max: signed.max,
        expires: Timestamp::from_seconds(signed.exp),
    };
    ticket.check(&state.keys, &signed.kid, &signed.sig, state.clock.now())?;
    Ok(ticket)
}

fn as_caller(state: &StreamState, request: &Request) -> ApiCaller {
    let id = request.extensions().get::<RequestId>();
    state.api.as_caller(Caller {
        token: None,
        voucher: Voucher {
            address: Address::of(request).0,
            request_id: id.map_or_else(String::new, |id| id.0.clone()),
        },
    })
}

async fn store(
    state: &StreamState,
    api: &ApiCaller,
    ticket: FormTicket,
    mut field: Field<'_>,
) -> Result<VideoId, Failure> {
    let upload = UploadId::random(&OsEntropy);
    let key = MediaKey::source(ticket.video, upload);
    let mut file = FormFile {
        upload,
        video: ticket.video,
        user: ticket.user,
        file_name: field.file_name().unwrap_or_default().to_owned(),
        size: 0,
        content_type: field.content_type().unwrap_or_default().to_owned(),
    };
    let mut writer = state.store.writer(&key).await?;
    while let Some(bytes) = field.chunk().await.map_err(broken)? {
        file.size += bytes.len() as u64;
        if file.size > ticket.max {
            read_off(field).await;
            let detail = format!("At most {} bytes are taken by this form.", ticket.max);
            return Err(Failure::new(Code::UploadTooLarge, detail));
        }
        if let Err(error) = writer.write(bytes).await {
            read_off(field).await;
            return Err(error.into());
        }
    }
    if file.size == 0 {
        let detail = "This file is empty.";
        return Err(Failure::field("file", Code::UploadEmpty, detail));
    }
    api.claim_form(&file).await.map_err(told)?;
    virga_core::fail::point("form.claimed");
    writer.commit().await?;
    virga_core::fail::point("form.stored");
    if let Err(refused) = api.finish_form(upload).await {
        // Given up meanwhile: nothing points at the object. Not heard: the sweeper finds it.
        if refused.problem().is_some() {
            state.store.delete(&key).await?;
        }
        return Err(told(refused));
    }
    Ok(ticket.video)
}

async fn read_off(mut field: Field<'_>) {
    let rest = async { while let Ok(Some(_)) = field.chunk().await {} };
    let _ = tokio::time::timeout(READ_OFF, rest).await;
}

fn malformed(detail: String) -> Failure {
    Failure::new(Code::UploadForm, detail)
}

fn broken(error: axum::extract::multipart::MultipartError) -> Failure {
    Failure::from(ObjectError::Body(error.into()))
}

/// The API's refusal in its own words.
#[expect(clippy::needless_pass_by_value, reason = "it stands in `map_err`")]
fn told(error: ClientError) -> Failure {
    if let Some(problem) = error.problem() {
        return refusal(problem);
    }
    let detail = "The site is restarting. Try again in a moment.";
    Failure::new(Code::UploadApiAway, detail)
        .after(5)
        .caused_by(error.to_string())
}

fn refusal(problem: &virga_core::wire::Problem) -> Failure {
    let code = match problem.known() {
        Some(
            known @ (Code::AccountBlocked
            | Code::UploadQuota
            | Code::UploadTooMany
            | Code::UploadOtherFile
            | Code::VideoHasSource
            | Code::UploadClosed),
        ) => known,
        _ if problem.status == 404 => Code::NotFound,
        _ => Code::UploadApiAway,
    };
    Failure::new(code, problem.detail.clone())
}

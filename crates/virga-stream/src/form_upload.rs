//! `POST /up/form/{video}`: a whole file by one plain form, for browsers without script, permitted
//! once by the signature in its address. Bytes go straight into the store; the API is notified
//! before the object gets its name, so that the sweeper can repair a crash in between.

mod head;

use std::time::Duration;

use axum::{
    extract::{Multipart, Path, Request, State, multipart::Field},
    response::{IntoResponse, Redirect, Response},
};
use http::{HeaderMap, header};
use virga_client::{ApiCaller, ClientError};
use virga_core::{
    Code, Failure, Kind, MediaKey, OsEntropy, UploadId, VideoId,
    paths::FormTicket,
    wire::{FormFile, Problem},
    with_causes,
};
use virga_objects::ObjectError;

use crate::{
    StreamState,
    caller::as_caller,
    parts::{check_room, permitted},
};

/// The name of the one field: it comes first, and nothing after it is read.
const FIELD: &str = "file";
/// How long a refused body is drained, so that the sender receives the reason.
const READ_OFF: Duration = Duration::from_secs(60);

/// Why a form's file was not taken: found here, or said by the API, whose words go on as they are.
struct Refused(Problem);

impl<F: Into<Failure>> From<F> for Refused {
    fn from(failure: F) -> Self {
        let failure = failure.into();
        if failure.kind() == Kind::Internal {
            tracing::error!(error = %with_causes(&failure), "a form's file was not stored");
        }
        Self(virga_http::problem(&failure))
    }
}

/// Takes a file in and sends the browser on to the video's page, or back with the reason.
pub(crate) async fn post(
    State(state): State<StreamState>,
    Path(video): Path<String>,
    request: Request,
) -> Response {
    let page = wants_page(request.headers());
    match take(&state, request).await {
        Ok(id) => Redirect::to(&format!("/v/{id}")).into_response(),
        Err(Refused(problem)) if page && problem.status != 500 => {
            tracing::info!(code = problem.code, "a form's file was refused");
            Redirect::to(&way_back(&video, &problem)).into_response()
        }
        Err(Refused(problem)) => virga_http::answer(&problem),
    }
}

/// The upload page, which says why in the viewer's language.
fn way_back(video: &str, problem: &Problem) -> String {
    let is_code = |sign: char| sign.is_ascii_alphanumeric() || matches!(sign, '.' | '-' | '_');
    let code: String = problem.code.chars().filter(|sign| is_code(*sign)).collect();
    let video = video.parse::<VideoId>().map(|id| format!("video={id}&"));
    let mut back = format!("/upload?{}refused={code}", video.unwrap_or_default());
    if problem.known().is_none() {
        back += &format!("&status={}", problem.status);
    }
    if let Some(seconds) = problem.retry_after {
        back += &format!("&seconds={seconds}");
    }
    back
}

fn wants_page(headers: &HeaderMap) -> bool {
    let accept = headers.get(header::ACCEPT);
    accept.is_some_and(|accept| accept.to_str().is_ok_and(|text| text.contains("text/html")))
}

async fn take(state: &StreamState, request: Request) -> Result<VideoId, Refused> {
    let ticket: FormTicket = permitted(state, request.uri())?;
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
        _ => {
            let detail = format!("The form's first field must be the file, named {FIELD:?}.");
            Err(malformed(detail).into())
        }
    }
}

async fn store(
    state: &StreamState,
    api: &ApiCaller,
    ticket: FormTicket,
    mut field: Field<'_>,
) -> Result<VideoId, Refused> {
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
            return Err(Failure::new(Code::UploadTooLarge, detail).into());
        }
        if let Err(error) = writer.write(bytes).await {
            read_off(field).await;
            return Err(error.into());
        }
    }
    if file.size == 0 {
        let detail = "This file is empty.";
        return Err(Failure::field("file", Code::UploadEmpty, detail).into());
    }
    api.claim_form(&file).await.map_err(told)?;
    virga_core::fail::point("form.claimed");
    writer.commit().await?;
    virga_core::fail::point("form.stored");
    if let Err(refused) = api.finish_form(upload).await {
        // If the API rejected it, delete the object. If the API was unreachable, leave it to the
        // sweeper.
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

fn malformed(detail: impl Into<String>) -> Failure {
    Failure::new(Code::UploadForm, detail)
}

fn broken(error: axum::extract::multipart::MultipartError) -> Failure {
    Failure::from(ObjectError::Body(error.into()))
}

/// The API's refusal as it is, or that the API says nothing.
fn told(error: ClientError) -> Refused {
    match error {
        ClientError::Problem(problem) => Refused(*problem),
        silent => {
            let detail = "The site is restarting. Try again in a moment.";
            let failure = Failure::new(Code::UploadApiAway, detail).after(5);
            tracing::warn!(error = %with_causes(&silent), "the API cannot be reached");
            failure.into()
        }
    }
}

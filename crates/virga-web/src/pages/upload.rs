//! `/upload`: files by script, and one whole file by a plain form without.

use askama::Template;
use axum::{
    extract::Query,
    response::{IntoResponse, Redirect, Response},
};
use serde::Deserialize;
use virga_core::{
    Code, Kind, VideoId,
    video::{VideoState, Visibility},
    wire::{FormAsk, FormOffer, NewVideo, Problem, Upload, Video},
};

use crate::{
    context::{FormRequest, PageContext, PageError},
    errors::{FormErrors, problem_text},
    format,
    layout::Layout,
    locale::Lang,
    pages::studio::Publish,
};

const UPLOAD_STRINGS: [&str; 44] = [
    "upload-waiting",
    "upload-checking",
    "upload-paused",
    "upload-offline",
    "upload-finishing",
    "upload-sent",
    "upload-done",
    "upload-speed",
    "upload-away",
    "upload-percent",
    "upload-saved",
    "upload-too-large",
    "upload-empty",
    "upload-changed",
    "upload-other-file",
    "upload-signed-out",
    "upload-failed",
    "upload-folder",
    "upload-discard-ask",
    "upload-give-up",
    "upload-keep",
    "reason-file_empty",
    "reason-file_is_audio",
    "reason-file_is_concat",
    "reason-file_is_image",
    "reason-file_is_playlist",
    "reason-file_is_sdp",
    "reason-file_is_text",
    "reason-file_unknown",
    "publish",
    "publish-private",
    "publish-when-ready",
    "publish-until",
    "publish-done",
    "publish-comes",
    "problem-field-length",
    "problem-upload-quota",
    "problem-upload-too-large",
    "problem-upload-empty",
    "problem-upload-other-file",
    "problem-upload-closed",
    "problem-video-has-source",
    "problem-video-deleted",
    "problem-not-yours",
];

const FIELDS: [(&str, &str); 2] = [("title", "title"), ("description", "description")];

/// `/upload`.
#[derive(Template)]
#[template(path = "upload.html")]
pub(crate) struct UploadPage {
    pub(crate) f: Layout,
    pub(crate) strings: String,
    pub(crate) upload_max: u64,
    pub(crate) upload_max_text: String,
    pub(crate) quota: String,
    /// The draft that the first file fills.
    pub(crate) target: Option<Video>,
    pub(crate) open: Vec<OpenUpload>,
    /// Without script: where the file of the draft is sent.
    pub(crate) form: Option<PlainForm>,
    /// Without script: to publish the draft before it has its file.
    pub(crate) publish: Option<Publish>,
    /// Without script: why the last try was refused.
    pub(crate) refused: Option<String>,
    /// Without script: what is wrong with the new draft's words, and the words.
    pub(crate) errors: FormErrors,
    pub(crate) title: String,
    pub(crate) description: String,
    /// The visibility that is chosen beforehand.
    pub(crate) visibility: &'static str,
    /// The account publishes what it uploads without a press of the button.
    pub(crate) at_once: bool,
}

/// The form that sends a whole file without script.
pub(crate) struct PlainForm {
    pub(crate) url: String,
    pub(crate) max: String,
}

/// An upload that can be resumed.
pub(crate) struct OpenUpload {
    id: String,
    file_name: String,
    size: String,
    percent: u64,
    until: String,
}

impl OpenUpload {
    pub(crate) fn new(lang: Lang, upload: &Upload) -> Self {
        Self {
            id: upload.id.to_string(),
            file_name: upload.file_name.clone(),
            size: format::bytes(upload.size),
            percent: upload.held.min(upload.size).saturating_mul(100) / upload.size.max(1),
            until: format::date(lang, upload.expires_at),
        }
    }
}

impl UploadPage {
    pub(crate) fn new(
        visit_frame: Layout,
        upload_max: u64,
        quota: String,
        target: Option<Video>,
        open: &[Upload],
        form: Option<FormOffer>,
    ) -> Self {
        let f = visit_frame;
        Self {
            strings: f.strings_with_states(&UPLOAD_STRINGS),
            upload_max,
            upload_max_text: format::bytes(upload_max),
            quota,
            publish: target.as_ref().and_then(|video| {
                let here = format!("/upload?video={}", video.id);
                Publish::new(f.lang, video, &here)
            }),
            target,
            open: open
                .iter()
                .map(|upload| OpenUpload::new(f.lang, upload))
                .collect(),
            form: form.map(|offer| PlainForm {
                max: format::bytes(offer.max),
                url: offer.url,
            }),
            refused: None,
            errors: FormErrors::default(),
            title: String::new(),
            description: String::new(),
            visibility: f
                .me
                .as_ref()
                .map_or(Visibility::Public, |me| me.upload_visibility)
                .as_str(),
            at_once: f.me.as_ref().is_some_and(|me| me.publish_at_once),
            f,
        }
    }
}

/// Which draft to fill, and why a plain form was sent back.
#[derive(Debug, Default, Deserialize)]
pub(crate) struct UploadQuery {
    video: Option<String>,
    refused: Option<String>,
    /// Of a code that stream did not know either.
    status: Option<u16>,
    /// To wait before the next try.
    seconds: Option<u64>,
}

/// `GET /upload`.
pub(crate) async fn show(
    visit: PageContext,
    Query(asked): Query<UploadQuery>,
) -> Result<Response, PageError> {
    let mut page = load(&visit, asked.video.as_deref()).await?;
    page.refused = refusal_text(visit.frame.lang, &asked).or(page.refused);
    Ok(visit.ok(&page))
}

async fn load(visit: &PageContext, video: Option<&str>) -> Result<UploadPage, PageError> {
    let quota = format::quota(visit.frame.lang, visit.me()?);
    let target = match video.and_then(|id| id.parse::<VideoId>().ok()) {
        Some(id) => Some(visit.call(visit.api.video(id)).await?),
        None => None,
    };
    let open = visit.call(visit.api.uploads()).await?;
    // Only a draft that is one's own and has nothing yet can be filled.
    let target = target.filter(|video| video.editable && video.state == VideoState::Draft);
    let offer = match &target {
        Some(video) => Some(visit.api.offer_form(&FormAsk { video_id: video.id }).await),
        None => None,
    };
    let (form, refused) = match offer.transpose() {
        Ok(form) => (form, None),
        Err(error) => {
            let problem = visit.refusal(error)?;
            (None, Some(problem_text(visit.frame.lang, &problem)))
        }
    };
    let (frame, max) = (visit.frame.clone(), visit.site.upload_max);
    let mut page = UploadPage::new(frame, max, quota, target, &open, form);
    page.refused = refused;
    Ok(page)
}

/// The words for a code that came back in the address. Where it has none of its own, those of its
/// status: what is only away says here that the file has to be sent again.
fn refusal_text(lang: Lang, asked: &UploadQuery) -> Option<String> {
    let code = asked.refused.clone()?;
    let kind = Code::parse(&code).map(Code::kind);
    let status = kind.map_or(asked.status.unwrap_or(400), Kind::status);
    let known = Code::parse(&code).and_then(Code::text_key).is_some();
    let code = match status {
        503 if !known => Code::UploadApiAway.to_string(),
        _ => code,
    };
    let problem = Problem {
        kind: String::new(),
        title: String::new(),
        status,
        detail: String::new(),
        code,
        field: None,
        retry_after: asked.seconds,
        request_id: None,
    };
    Some(problem_text(lang, &problem))
}

/// The words of a new draft.
#[derive(Debug, Deserialize)]
pub(crate) struct DraftForm {
    #[serde(default)]
    title: String,
    #[serde(default)]
    description: String,
    visibility: Visibility,
}

/// `POST /upload`, without script: makes the draft; its file is sent from the next page.
pub(crate) async fn draft(
    FormRequest(visit, form): FormRequest<DraftForm>,
) -> Result<Response, PageError> {
    let at_once = visit.me()?.publish_at_once;
    let new = NewVideo {
        title: form.title.clone(),
        description: form.description.clone(),
        // Private also where a release answers that does not know `publish_as`.
        visibility: if at_once {
            form.visibility
        } else {
            Visibility::Private
        },
        publish_as: (!at_once).then_some(form.visibility),
    };
    match visit.api.create_video(&new).await {
        Ok(video) => Ok(Redirect::to(&format!("/upload?video={}", video.id)).into_response()),
        Err(error) => {
            let problem = visit.refusal(error)?;
            let mut page = load(&visit, None).await?;
            page.errors = FormErrors::new(visit.frame.lang, &problem, &FIELDS);
            page.title = form.title;
            page.description = form.description;
            page.visibility = form.visibility.as_str();
            Ok(visit.refused(&problem, &page))
        }
    }
}

//! `/v/{id}/edit`, and the forms that delete, restore and retry a video.

mod work;

pub(crate) use self::work::{WorkForms, cancel, remake};

use askama::Template;
use axum::{
    extract::Path,
    response::{IntoResponse, Redirect, Response},
};
use http::StatusCode;
use serde::Deserialize;
use virga_client::ClientError;
use virga_core::{
    VideoId,
    video::Visibility,
    wire::{Site, Video, VideoPatch},
};

use crate::{
    context::{FormRequest, PageContext, PageError},
    errors::FormErrors,
    layout::{Layout, local},
    locale::Lang,
    pages::studio::visibility_text,
};

const FIELDS: [(&str, &str); 3] = [
    ("title", "title"),
    ("description", "description"),
    ("visibility", "visibility"),
];

/// The page.
#[derive(Template)]
#[template(path = "edit.html")]
pub(crate) struct EditPage {
    pub(crate) f: Layout,
    pub(crate) id: String,
    pub(crate) title: String,
    pub(crate) description: String,
    pub(crate) visibility: String,
    /// It is unpublished: the visibility is what publishing gives, and a button publishes.
    pub(crate) unpublished: bool,
    /// What can be done about the work on it.
    pub(crate) work: WorkForms,
    pub(crate) undo_text: String,
    /// How long existing media addresses keep working, if there are any.
    pub(crate) loose_text: Option<String>,
    pub(crate) errors: FormErrors,
    /// The tag of what the form was filled from.
    pub(crate) seen: String,
    /// What somebody else saved in the meantime.
    pub(crate) other: Option<Saved>,
}

/// What is saved, to be compared with what the form holds.
pub(crate) struct Saved {
    pub(crate) title: String,
    pub(crate) description: String,
    pub(crate) visibility: String,
}

impl Saved {
    pub(crate) fn new(lang: Lang, video: &Video) -> Self {
        let visibility = video.publish_as.unwrap_or(video.visibility);
        Self {
            title: video.title.clone(),
            description: video.description.clone(),
            visibility: visibility_text(lang, visibility),
        }
    }
}

/// The form as sent.
#[derive(Debug, Deserialize)]
pub(crate) struct EditForm {
    #[serde(default)]
    title: String,
    #[serde(default)]
    description: String,
    #[serde(default)]
    visibility: String,
    /// `yes`: the form was shown for an unpublished video.
    #[serde(default)]
    unpublished: String,
    /// `yes`: the button that publishes was pressed.
    #[serde(default)]
    publish: String,
    /// The tag of what the form was filled from.
    #[serde(default)]
    seen: String,
}

impl EditForm {
    fn patch(&self) -> VideoPatch {
        let visibility = Visibility::parse(&self.visibility);
        let publishes = self.unpublished != "yes" || self.publish == "yes";
        VideoPatch {
            title: Some(self.title.clone()),
            description: Some(self.description.clone()),
            visibility: visibility.filter(|_| publishes),
            publish_as: visibility.filter(|_| !publishes),
        }
    }
}

#[cfg(test)]
impl EditForm {
    pub(crate) fn sample(text: &str) -> Self {
        Self {
            title: text.to_owned(),
            description: text.to_owned(),
            visibility: "unlisted".to_owned(),
            unpublished: "yes".to_owned(),
            publish: String::new(),
            seen: "0a1b".to_owned(),
        }
    }
}

/// The page for these values.
pub(crate) fn page(f: Layout, site: &Site, id: VideoId, form: EditForm) -> EditPage {
    let days = site.undo_seconds / 86_400;
    let minutes = site.loose_seconds.div_ceil(60);
    let loose = f.lang.count("edit-loose", minutes, &minutes.to_string());
    EditPage {
        loose_text: (minutes > 0).then_some(loose),
        undo_text: f.lang.count("edit-delete-hint", days, &days.to_string()),
        id: id.to_string(),
        title: form.title,
        description: form.description,
        visibility: form.visibility,
        unpublished: form.unpublished == "yes",
        work: WorkForms::default(),
        seen: form.seen,
        errors: FormErrors::default(),
        other: None,
        f,
    }
}

/// `GET /v/{id}/edit`.
pub(crate) async fn show(
    visit: PageContext,
    Path(id): Path<String>,
) -> Result<Response, PageError> {
    let id: VideoId = visit.id(&id)?;
    visit.me()?;
    let video = editable(&visit, id).await?;
    Ok(visit.ok(&filled(&visit, id, video)))
}

/// The video, if the viewer may change it.
async fn editable(visit: &PageContext, id: VideoId) -> Result<Video, PageError> {
    let video = visit.call(visit.api.video(id)).await?;
    if video.editable {
        Ok(video)
    } else {
        Err(visit.status(StatusCode::FORBIDDEN))
    }
}

/// The page with what is saved.
fn filled(visit: &PageContext, id: VideoId, video: Video) -> EditPage {
    let work = WorkForms::of(&video);
    let form = EditForm {
        seen: video.edit_tag(),
        title: video.title,
        description: video.description,
        visibility: video
            .publish_as
            .unwrap_or(video.visibility)
            .as_str()
            .to_owned(),
        unpublished: yes(video.publish_as.is_some()),
        publish: String::new(),
    };
    let page = page(visit.frame.clone(), &visit.site, id, form);
    EditPage { work, ..page }
}

/// `POST /v/{id}/edit`.
pub(crate) async fn submit(
    Path(id): Path<String>,
    FormRequest(visit, form): FormRequest<EditForm>,
) -> Result<Response, PageError> {
    let id: VideoId = visit.id(&id)?;
    match save(&visit, id, &form).await {
        Ok(_) => Ok(Redirect::to(&format!("/v/{id}")).into_response()),
        Err(error) => {
            let problem = visit.refusal(error)?;
            if problem.status == StatusCode::PRECONDITION_FAILED.as_u16() {
                return conflict(&visit, id, form).await;
            }
            let now = visit.api.video(id).await;
            let work = now.map_or_else(|_| WorkForms::default(), |it| WorkForms::of(&it));
            let page = page(visit.frame.clone(), &visit.site, id, form);
            let mut page = EditPage { work, ..page };
            page.errors = FormErrors::new(visit.frame.lang, &problem, &FIELDS);
            Ok(visit.refused(&problem, &page))
        }
    }
}

/// Saves what the form holds, unless somebody saved something else since it was filled.
async fn save(visit: &PageContext, id: VideoId, form: &EditForm) -> Result<Video, ClientError> {
    let patch = form.patch();
    // A form of the release before has no tag.
    if form.seen.is_empty() {
        return visit.api.edit_video(id, &patch).await;
    }
    let tag = format!("W/\"{}\"", form.seen);
    match visit.api.edit_video_if(id, &patch, &tag).await {
        // The release before knows only tags that move with every view.
        Err(ClientError::Problem(problem))
            if problem.status == StatusCode::PRECONDITION_FAILED.as_u16()
                && visit.api.video(id).await?.edit_tag() == form.seen =>
        {
            visit.api.edit_video(id, &patch).await
        }
        answer => answer,
    }
}

/// How the form says yes.
fn yes(it: bool) -> String {
    if it { "yes" } else { "" }.to_owned()
}

/// Both texts side by side; saving again replaces what is shown.
async fn conflict(visit: &PageContext, id: VideoId, form: EditForm) -> Result<Response, PageError> {
    let saved = visit.call(visit.api.video(id)).await?;
    let work = WorkForms::of(&saved);
    let form = EditForm {
        seen: saved.edit_tag(),
        unpublished: yes(saved.publish_as.is_some()),
        ..form
    };
    let page = page(visit.frame.clone(), &visit.site, id, form);
    let mut page = EditPage { work, ..page };
    page.other = Some(Saved::new(visit.frame.lang, &saved));
    Ok(visit.html(StatusCode::PRECONDITION_FAILED, &page))
}

/// Where to go next.
#[derive(Debug, Default, Deserialize)]
pub(crate) struct PublishForm {
    #[serde(default)]
    next: String,
}

/// `POST /v/{id}/publish`: gives an unpublished video the visibility that its owner chose.
pub(crate) async fn publish(
    Path(id): Path<String>,
    FormRequest(visit, form): FormRequest<PublishForm>,
) -> Result<Response, PageError> {
    let id: VideoId = visit.id(&id)?;
    visit.me()?;
    let video = editable(&visit, id).await?;
    // Pressed twice, or in two tabs: what is published stays as it is.
    if let Some(plan) = video.publish_as {
        let patch = VideoPatch {
            visibility: Some(plan),
            ..VideoPatch::default()
        };
        visit.call(visit.api.edit_video(id, &patch)).await?;
    }
    Ok(Redirect::to(local(&form.next)).into_response())
}

/// With `now`: permanently.
#[derive(Debug, Default, Deserialize)]
pub(crate) struct DeleteForm {
    #[serde(default)]
    now: String,
}

/// `POST /v/{id}/delete`.
pub(crate) async fn delete(
    Path(id): Path<String>,
    FormRequest(visit, form): FormRequest<DeleteForm>,
) -> Result<Response, PageError> {
    let id: VideoId = visit.id(&id)?;
    let (answer, next) = if form.now == "true" {
        (
            visit.api.purge_video(id).await,
            "/my/videos?done=purged".to_owned(),
        )
    } else {
        (
            visit.api.delete_video(id).await,
            format!("/my/videos?deleted={id}"),
        )
    };
    answer.map_err(|error| visit.fault(&error))?;
    Ok(Redirect::to(&next).into_response())
}

/// `POST /v/{id}/restore`.
pub(crate) async fn restore(
    visit: PageContext,
    Path(id): Path<String>,
) -> Result<Response, PageError> {
    let id: VideoId = visit.id(&id)?;
    visit.call(visit.api.restore_video(id)).await?;
    Ok(Redirect::to("/my/videos?done=restored").into_response())
}

/// `POST /v/{id}/retry`.
pub(crate) async fn retry(
    visit: PageContext,
    Path(id): Path<String>,
) -> Result<Response, PageError> {
    let id: VideoId = visit.id(&id)?;
    visit.call(visit.api.retry_video(id)).await?;
    Ok(Redirect::to("/my/videos?done=retried").into_response())
}

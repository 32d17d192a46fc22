//! `/v/{id}/edit`, and the forms that delete, restore and retry a video.

use askama::Template;
use axum::{
    extract::Path,
    response::{IntoResponse, Redirect, Response},
};
use http::StatusCode;
use serde::Deserialize;
use virga_core::{
    VideoId,
    video::Visibility,
    wire::{Site, VideoPatch},
};

use crate::{
    errors::FormErrors,
    fault::Fault,
    frame::Frame,
    visit::{Sent, Visit},
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
    pub(crate) f: Frame,
    pub(crate) id: String,
    pub(crate) title: String,
    pub(crate) description: String,
    pub(crate) visibility: String,
    pub(crate) undo_text: String,
    /// How long what was given out goes on, where anything does.
    pub(crate) loose_text: Option<String>,
    pub(crate) errors: FormErrors,
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
}

#[cfg(test)]
impl EditForm {
    pub(crate) fn sample(text: &str) -> Self {
        Self {
            title: text.to_owned(),
            description: text.to_owned(),
            visibility: "unlisted".to_owned(),
        }
    }
}

/// The page for these values.
pub(crate) fn page(f: Frame, site: &Site, id: VideoId, form: EditForm) -> EditPage {
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
        errors: FormErrors::default(),
        f,
    }
}

/// `GET /v/{id}/edit`.
pub(crate) async fn show(visit: Visit, Path(id): Path<String>) -> Result<Response, Fault> {
    let id: VideoId = visit.id(&id)?;
    visit.me()?;
    let video = visit
        .api
        .video(id)
        .await
        .map_err(|error| visit.fault(&error))?;
    if !video.editable {
        return Err(visit.status(StatusCode::FORBIDDEN));
    }
    let form = EditForm {
        title: video.title,
        description: video.description,
        visibility: video.visibility.as_str().to_owned(),
    };
    let frame = visit.frame.clone();
    Ok(visit.ok(&page(frame, &visit.site, id, form)))
}

/// `POST /v/{id}/edit`.
pub(crate) async fn submit(
    Path(id): Path<String>,
    Sent(visit, form): Sent<EditForm>,
) -> Result<Response, Fault> {
    let id: VideoId = visit.id(&id)?;
    let patch = VideoPatch {
        title: Some(form.title.clone()),
        description: Some(form.description.clone()),
        visibility: Visibility::parse(&form.visibility),
    };
    match visit.api.edit_video(id, &patch).await {
        Ok(_) => Ok(Redirect::to(&format!("/v/{id}")).into_response()),
        Err(error) => {
            let problem = visit.refusal(error)?;
            let mut page = page(visit.frame.clone(), &visit.site, id, form);
            page.errors = FormErrors::new(visit.frame.lang, &problem, &FIELDS);
            let status =
                StatusCode::from_u16(problem.status).unwrap_or(StatusCode::UNPROCESSABLE_ENTITY);
            Ok(visit.html(status, &page))
        }
    }
}

/// With `now`: for ever.
#[derive(Debug, Default, Deserialize)]
pub(crate) struct DeleteForm {
    #[serde(default)]
    now: String,
}

/// `POST /v/{id}/delete`.
pub(crate) async fn delete(
    Path(id): Path<String>,
    Sent(visit, form): Sent<DeleteForm>,
) -> Result<Response, Fault> {
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
pub(crate) async fn restore(visit: Visit, Path(id): Path<String>) -> Result<Response, Fault> {
    let id: VideoId = visit.id(&id)?;
    visit
        .api
        .restore_video(id)
        .await
        .map_err(|error| visit.fault(&error))?;
    Ok(Redirect::to("/my/videos?done=restored").into_response())
}

/// `POST /v/{id}/retry`.
pub(crate) async fn retry(visit: Visit, Path(id): Path<String>) -> Result<Response, Fault> {
    let id: VideoId = visit.id(&id)?;
    visit
        .api
        .retry_video(id)
        .await
        .map_err(|error| visit.fault(&error))?;
    Ok(Redirect::to("/my/videos?done=retried").into_response())
}

//! The comment forms under a video.

use axum::{
    extract::Path,
    response::{IntoResponse, Redirect, Response},
};
use serde::Deserialize;
use virga_core::{CommentId, VideoId, wire::NewComment};

use crate::{
    context::{FormRequest, PageContext, PageError},
    errors::FormErrors,
    pages::watch,
};

/// The form as sent.
#[derive(Debug, Deserialize)]
pub(crate) struct CommentForm {
    #[serde(default)]
    text: String,
}

/// `POST /v/{id}/comments`.
pub(crate) async fn write(
    Path(id): Path<String>,
    FormRequest(visit, form): FormRequest<CommentForm>,
) -> Result<Response, PageError> {
    let id: VideoId = visit.id(&id)?;
    let comment = NewComment { text: form.text };
    match visit.api.write_comment(id, &comment).await {
        Ok(written) => Ok(Redirect::to(&format!("/v/{id}#c-{}", written.id)).into_response()),
        Err(error) => {
            // The page again, with the words kept.
            let problem = visit.refusal(error)?;
            let mut page = watch::load(&visit, id, watch::WatchQuery::default(), &[]).await?;
            page.draft = comment.text;
            page.errors = FormErrors::new(visit.frame.lang, &problem, &[("text", "text")]);
            Ok(visit.refused(&problem, &page))
        }
    }
}

/// `POST /v/{id}/comments/{comment}`.
pub(crate) async fn edit(
    Path((id, comment)): Path<(String, String)>,
    FormRequest(visit, form): FormRequest<CommentForm>,
) -> Result<Response, PageError> {
    let (id, comment): (VideoId, CommentId) = (visit.id(&id)?, visit.id(&comment)?);
    visit
        .call(
            visit
                .api
                .edit_comment(id, comment, &NewComment { text: form.text }),
        )
        .await?;
    Ok(Redirect::to(&format!("/v/{id}#c-{comment}")).into_response())
}

/// `POST /v/{id}/comments/{comment}/delete`.
pub(crate) async fn delete(
    visit: PageContext,
    Path((id, comment)): Path<(String, String)>,
) -> Result<Response, PageError> {
    let (id, comment): (VideoId, CommentId) = (visit.id(&id)?, visit.id(&comment)?);
    visit.call(visit.api.delete_comment(id, comment)).await?;
    Ok(Redirect::to(&format!("/v/{id}#comments")).into_response())
}

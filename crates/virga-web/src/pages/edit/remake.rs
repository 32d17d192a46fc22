//! The form that rebuilds a video: everything that was made from its file is made again.

use axum::{
    extract::Path,
    response::{IntoResponse, Redirect, Response},
};
use virga_core::{VideoId, video::VideoState, wire::Video};

use crate::{
    context::{PageContext, PageError},
    errors::FormErrors,
};

/// The video has its file, and no work on it is known to be under way.
pub(super) fn offered(video: &Video) -> bool {
    matches!(
        video.state,
        VideoState::Playable | VideoState::Ready | VideoState::Failed
    )
}

/// `POST /v/{id}/remake`.
pub(crate) async fn remake(
    visit: PageContext,
    Path(id): Path<String>,
) -> Result<Response, PageError> {
    let id: VideoId = visit.id(&id)?;
    visit.me()?;
    let Err(error) = visit.api.remake_video(id).await else {
        return Ok(Redirect::to("/my/videos?done=remade").into_response());
    };
    let problem = visit.refusal(error)?;
    let video = super::editable(&visit, id).await?;
    let mut page = super::filled(&visit, id, video);
    page.errors = FormErrors::new(visit.frame.lang, &problem, &[]);
    Ok(visit.refused(&problem, &page))
}

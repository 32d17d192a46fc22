//! The forms over the work on a video: stop it, and rebuild the video, so that everything that was made from
//! its file is made again.

use axum::{
    extract::Path,
    response::{IntoResponse, Redirect, Response},
};
use virga_client::ClientError;
use virga_core::{VideoId, video::VideoState, wire::Video};

use crate::{
    context::{PageContext, PageError},
    errors::FormErrors,
};

/// Which of the forms there are.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct WorkForms {
    /// There is a file, and something was made of it or failed.
    pub(crate) remake: bool,
    /// Work on it waits or runs.
    pub(crate) stop: bool,
}

impl WorkForms {
    pub(super) fn of(video: &Video) -> Self {
        use VideoState::{Failed, Playable, Processing, Ready};
        Self {
            remake: matches!(video.state, Playable | Ready | Failed),
            stop: matches!(video.state, Processing | Playable),
        }
    }
}

/// `POST /v/{id}/remake`.
pub(crate) async fn remake(
    visit: PageContext,
    Path(id): Path<String>,
) -> Result<Response, PageError> {
    let id: VideoId = visit.id(&id)?;
    visit.me()?;
    done(&visit, id, visit.api.remake_video(id).await, "remade").await
}

/// `POST /v/{id}/cancel`.
pub(crate) async fn cancel(
    visit: PageContext,
    Path(id): Path<String>,
) -> Result<Response, PageError> {
    let id: VideoId = visit.id(&id)?;
    visit.me()?;
    done(&visit, id, visit.api.cancel_video(id).await, "cancelled").await
}

/// The list, which says what was done, or the edit page, which says why not.
async fn done(
    visit: &PageContext,
    id: VideoId,
    answer: Result<(), ClientError>,
    word: &str,
) -> Result<Response, PageError> {
    let Err(error) = answer else {
        return Ok(Redirect::to(&format!("/my/videos?done={word}")).into_response());
    };
    let problem = visit.refusal(error)?;
    let video = super::editable(visit, id).await?;
    let mut page = super::filled(visit, id, video);
    page.errors = FormErrors::new(visit.frame.lang, &problem, &[]);
    Ok(visit.refused(&problem, &page))
}

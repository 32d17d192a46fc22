//! `/embed/{id}`: the player alone, for frames of other sites. Requests are anonymous: no cookie is
//! read, so private videos never play in another site's page.

use askama::Template;
use axum::{
    extract::{Path, Query},
    response::Response,
};
use http::StatusCode;
use serde::Deserialize;
use virga_client::ClientError;
use virga_core::VideoId;

use crate::{
    context::{AnonymousContext, PageContext},
    headers::FrameAncestors,
    layout::Layout,
    pages::{
        clip::{Clip, Pairs, millis},
        share::Share,
        watch::WatchPage,
    },
};

/// The page: a player, or a card that says why there is none.
#[derive(Template)]
#[template(path = "embed.html")]
pub(crate) struct EmbedPage {
    pub(crate) f: Layout,
    pub(crate) watch: Option<Box<WatchPage>>,
    /// Where the title leads.
    pub(crate) href: String,
    /// What a card says.
    pub(crate) text: String,
    /// Play without being asked, as far as the browser permits.
    pub(crate) autoplay: bool,
    /// Begin without sound.
    pub(crate) mute: bool,
}

impl EmbedPage {
    /// A card in the player's place.
    pub(crate) fn card(f: Layout, key: &str) -> Self {
        Self {
            watch: None,
            href: format!("{}/", f.base),
            text: f.t(key),
            autoplay: false,
            mute: false,
            f,
        }
    }

    /// A player; a card where the page says that the video may not be shared.
    pub(crate) fn player(mut watch: WatchPage, asked: &EmbedQuery) -> Self {
        // A place of its own, within a clip too.
        if let Some(from) = asked.t.as_deref().and_then(millis) {
            let to = watch.clip.and_then(|clip| clip.to).filter(|to| *to > from);
            watch.fragment = Clip { from, to }.fragment();
        }
        let f = watch.f.clone();
        let Some(share) = watch.share.as_ref().filter(|_| watch.plays) else {
            return Self::card(f, "embed-missing");
        };
        Self {
            href: share.url.clone(),
            text: String::new(),
            autoplay: is_on(asked.autoplay.as_deref()),
            mute: is_on(asked.mute.as_deref()),
            watch: Some(Box::new(watch)),
            f,
        }
    }
}

/// Where and how to begin.
#[derive(Debug, Default, Deserialize)]
pub(crate) struct EmbedQuery {
    pub(crate) t: Option<String>,
    pub(crate) autoplay: Option<String>,
    pub(crate) mute: Option<String>,
}

/// A switch as other sites' players take it: `1` or `true`.
fn is_on(value: Option<&str>) -> bool {
    value.is_some_and(|text| text == "1" || text.eq_ignore_ascii_case("true"))
}

/// `GET /embed/{id}`.
pub(crate) async fn show(
    AnonymousContext(visit): AnonymousContext,
    Path(id): Path<String>,
    Query(asked): Query<EmbedQuery>,
    Query(pairs): Query<Pairs>,
) -> Response {
    let (status, page) = match load(&visit, &id, &pairs).await {
        Ok(Some(watch)) => (StatusCode::OK, EmbedPage::player(watch, &asked)),
        Ok(None) => (
            StatusCode::NOT_FOUND,
            EmbedPage::card(visit.frame.clone(), "embed-missing"),
        ),
        Err(error) => {
            tracing::warn!(%error, "an embedded player cannot be shown");
            let card = EmbedPage::card(visit.frame.clone(), "fault-down");
            (StatusCode::SERVICE_UNAVAILABLE, card)
        }
    };
    let mut answer = visit.html(status, &page);
    let ancestors = FrameAncestors(visit.state.config.embed_ancestors.clone());
    answer.extensions_mut().insert(ancestors);
    answer
}

/// What plays, as a stranger sees it.
async fn load(
    visit: &PageContext,
    id: &str,
    pairs: &[(String, String)],
) -> Result<Option<WatchPage>, ClientError> {
    let Ok(id) = id.parse::<VideoId>() else {
        return Ok(None);
    };
    let found = tokio::try_join!(visit.api.video(id), visit.api.playback(id));
    match found {
        Ok((video, playback)) if Share::of(&visit.frame, &video, None).is_some() => {
            let (frame, now) = (visit.frame.clone(), visit.now);
            let clip = Clip::asked(pairs, video.duration);
            let page = WatchPage::new(frame, now, video, Some(playback), clip);
            Ok(Some(page))
        }
        Ok(_) => Ok(None),
        // 409: nothing plays yet.
        Err(error) if matches!(error.status(), Some(404 | 409)) => Ok(None),
        Err(error) => Err(error),
    }
}

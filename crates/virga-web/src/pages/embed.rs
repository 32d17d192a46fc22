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
    pages::{share::Share, watch::WatchPage},
};

/// The page: a player, or a card that says why there is none.
#[derive(Template)]
#[template(path = "embed.html")]
pub(crate) struct EmbedPage {
    pub(crate) f: Layout,
    pub(crate) watch: Option<Box<WatchPage>>,
    /// Where the title leads.
    pub(crate) href: String,
    /// Seconds to begin at, as a media fragment for browsers without scripts.
    pub(crate) fragment: String,
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
            fragment: String::new(),
            text: f.t(key),
            autoplay: false,
            mute: false,
            f,
        }
    }

    /// A player; a card where the page says that the video may not be shared.
    pub(crate) fn player(watch: WatchPage, asked: &EmbedQuery) -> Self {
        let f = watch.f.clone();
        let Some(share) = watch.share.as_ref().filter(|_| watch.plays) else {
            return Self::card(f, "embed-missing");
        };
        let start = asked.t.as_deref().and_then(seconds);
        Self {
            href: share.url.clone(),
            fragment: start.map_or_else(String::new, |at| format!("#t={at}")),
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

/// Seconds of `90`, `90s`, `1m30s`, `1h2m3s`, `1:30` or `1:02:03`.
fn seconds(text: &str) -> Option<u64> {
    if text.contains(':') {
        let parts = text.split(':').map(|part| part.parse::<u32>().ok());
        let parts: Vec<u32> = parts.collect::<Option<_>>()?;
        let sum = |sum: u64, part: &u32| sum * 60 + u64::from(*part);
        return (parts.len() <= 3).then(|| parts.iter().fold(0, sum));
    }
    let (mut total, mut digits) = (0_u64, String::new());
    for c in text.chars() {
        let unit = match c {
            '0'..='9' => {
                digits.push(c);
                continue;
            }
            'h' => 3600,
            'm' => 60,
            's' => 1,
            _ => return None,
        };
        let value: u32 = digits.parse().ok()?;
        total += u64::from(value) * unit;
        digits.clear();
    }
    match digits.as_str() {
        "" if text.is_empty() => None,
        "" => Some(total),
        rest => Some(total + u64::from(rest.parse::<u32>().ok()?)),
    }
}

/// `GET /embed/{id}`.
pub(crate) async fn show(
    AnonymousContext(visit): AnonymousContext,
    Path(id): Path<String>,
    Query(asked): Query<EmbedQuery>,
) -> Response {
    let (status, page) = match load(&visit, &id).await {
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
async fn load(visit: &PageContext, id: &str) -> Result<Option<WatchPage>, ClientError> {
    let Ok(id) = id.parse::<VideoId>() else {
        return Ok(None);
    };
    let found = tokio::try_join!(visit.api.video(id), visit.api.playback(id));
    match found {
        Ok((video, playback)) if Share::of(&visit.frame, &video).is_some() => {
            let (frame, now) = (visit.frame.clone(), visit.now);
            Ok(Some(WatchPage::new(frame, now, video, Some(playback))))
        }
        Ok(_) => Ok(None),
        // 409: nothing plays yet.
        Err(error) if matches!(error.status(), Some(404 | 409)) => Ok(None),
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_start_is_read_as_people_write_it() {
        for (text, at) in [
            ("90", Some(90)),
            ("90s", Some(90)),
            ("1m30s", Some(90)),
            ("1h2m3s", Some(3723)),
            ("1:30", Some(90)),
            ("1:02:03", Some(3723)),
            ("", None),
            ("m", None),
            ("1:x", None),
            ("-5", None),
            ("99999999999", None),
            ("<b>", None),
        ] {
            assert_eq!(seconds(text), at, "{text}");
        }
    }
}

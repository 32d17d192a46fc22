//! What leaves the site: addresses with the site's origin, the code to embed a video, and oEmbed.

use askama::Template;
use axum::{
    Json,
    extract::Query,
    response::{IntoResponse, Response},
};
use http::{StatusCode, header};
use serde::Deserialize;
use serde_json::json;
use virga_client::ClientError;
use virga_core::{VideoId, video::Visibility, wire::Video};

use crate::{
    context::AnonymousContext,
    layout::{Layout, query_value},
    pages::clip::{Clip, Pairs},
};

/// An embedded player's larger side when nothing else is asked for, pixels.
const SIDE: u32 = 640;
/// And at most.
const SIDE_MAX: u32 = 3840;
/// Posters are not wider than this.
const POSTER_WIDEST: u32 = 1280;

/// The largest size of the video's shape within a box.
fn fit(video: &Video, within: (u32, u32)) -> (u32, u32) {
    let shape = video.width.zip(video.height);
    let (width, height) = shape
        .filter(|(width, height)| *width > 0 && *height > 0)
        .unwrap_or((16, 9));
    let scaled = |side: u32, by: u32, of: u32| {
        let side = u64::from(side) * u64::from(by) / u64::from(of);
        u32::try_from(side).unwrap_or(u32::MAX).max(1)
    };
    let by_width = (within.0, scaled(height, within.0, width));
    if by_width.1 <= within.1 {
        by_width
    } else {
        (scaled(width, within.1, height), within.1)
    }
}

/// The code that shows a video in another page.
#[derive(Template)]
#[template(
    source = r#"<iframe src="{{ src }}" width="{{ width }}" height="{{ height }}" title="{{ title }}" loading="lazy" allow="autoplay; fullscreen; picture-in-picture" allowfullscreen></iframe>"#,
    ext = "html"
)]
struct Code<'a> {
    src: &'a str,
    title: &'a str,
    width: u32,
    height: u32,
}

/// How a video that is public or unlisted, and plays, is shared.
#[derive(Clone, Debug)]
pub(crate) struct Share {
    /// The watch page.
    pub(crate) page: String,
    /// The same with the clip that is shared.
    pub(crate) url: String,
    /// The player alone, also with the clip.
    pub(crate) embed: String,
    /// To put into another page.
    pub(crate) code: String,
    pub(crate) width: u32,
    pub(crate) height: u32,
    /// What describes it to programs.
    pub(crate) oembed: String,
    pub(crate) image: Option<String>,
    /// Cards with a player in them want https.
    pub(crate) https: bool,
}

impl Share {
    /// `None` for what may not be shared, or has nothing to show yet.
    pub(crate) fn of(f: &Layout, video: &Video, clip: Option<Clip>) -> Option<Self> {
        (video.visibility != Visibility::Private && video.state.plays())
            .then(|| Self::sized(f, video, clip, (SIDE, SIDE)))
    }

    fn sized(f: &Layout, video: &Video, clip: Option<Clip>, within: (u32, u32)) -> Self {
        let base = &f.base;
        let page = format!("{base}/v/{}", video.id);
        let query = clip.map_or_else(String::new, Clip::query);
        let (url, embed) = (
            format!("{page}{query}"),
            format!("{base}/embed/{}{query}", video.id),
        );
        let (width, height) = fit(video, within);
        let code = Code {
            src: &embed,
            title: &video.title,
            width,
            height,
        };
        Self {
            code: code.render().unwrap_or_default(),
            width,
            height,
            oembed: format!("{base}/oembed?url={}&format=json", query_value(&url)),
            image: video.poster.as_ref().map(|path| absolute(base, path)),
            https: base.starts_with("https:"),
            page,
            url,
            embed,
        }
    }
}

/// A path of the site with its origin; what is an address already stays.
pub(crate) fn absolute(base: &str, path: &str) -> String {
    if path.starts_with('/') {
        format!("{base}{path}")
    } else {
        path.to_owned()
    }
}

/// `?url=&format=&maxwidth=&maxheight=`
#[derive(Debug, Default, Deserialize)]
pub(crate) struct OembedQuery {
    #[serde(default)]
    url: String,
    format: Option<String>,
    maxwidth: Option<u32>,
    maxheight: Option<u32>,
}

/// Host, port and path of an address; a port that its scheme has anyway is none.
fn place(url: &str) -> Option<(String, Option<u16>, String)> {
    let uri: http::Uri = url.parse().ok()?;
    let usual = match uri.scheme_str()?.to_ascii_lowercase().as_str() {
        "http" => 80,
        "https" => 443,
        _ => return None,
    };
    let port = uri.port_u16().filter(|port| *port != usual);
    let host = uri.host()?.to_ascii_lowercase();
    Some((host, port, uri.path().to_owned()))
}

/// The video that an address of this site shows, whichever scheme it names.
fn video_of(base: &str, url: &str) -> Option<VideoId> {
    let (own, own_port, _) = place(base)?;
    let (host, port, path) = place(url)?;
    if (host, port) != (own, own_port) {
        return None;
    }
    let id = path
        .strip_prefix("/v/")
        .or_else(|| path.strip_prefix("/embed/"))?;
    id.trim_end_matches('/').parse().ok()
}

/// The stretch of the video that an address names.
fn clip_of(url: &str, duration: Option<f64>) -> Option<Clip> {
    let url: http::Uri = url.parse().ok()?;
    let Query(pairs) = Query::<Pairs>::try_from_uri(&url).ok()?;
    Clip::asked(&pairs, duration)
}

/// `GET /oembed`: how to embed a video (oEmbed 1.0), as a stranger sees it.
pub(crate) async fn oembed(
    AnonymousContext(visit): AnonymousContext,
    Query(asked): Query<OembedQuery>,
) -> Response {
    if asked
        .format
        .as_deref()
        .is_some_and(|format| format != "json")
    {
        return (
            StatusCode::NOT_IMPLEMENTED,
            "Only format=json is known here.\n",
        )
            .into_response();
    }
    let missing = || (StatusCode::NOT_FOUND, "There is no such video.\n").into_response();
    let Some(id) = video_of(&visit.frame.base, &asked.url) else {
        return missing();
    };
    let video = match visit.api.video(id).await {
        Ok(video) => video,
        Err(ClientError::Problem(problem)) if problem.status == 404 => return missing(),
        Err(error) => {
            tracing::warn!(%error, "oembed");
            return StatusCode::SERVICE_UNAVAILABLE.into_response();
        }
    };
    if Share::of(&visit.frame, &video, None).is_none() {
        return missing();
    }
    let side = |asked: Option<u32>, otherwise: u32| asked.unwrap_or(otherwise).clamp(1, SIDE_MAX);
    let width = side(asked.maxwidth, SIDE);
    let within = (width, side(asked.maxheight, width));
    let clip = clip_of(&asked.url, video.duration);
    let share = Share::sized(&visit.frame, &video, clip, within);
    let mut answer = json!({
        "version": "1.0",
        "type": "video",
        "title": video.title,
        "author_name": video.owner,
        "author_url": format!("{}/u/{}", visit.frame.base, query_value(&video.owner)),
        "provider_name": visit.frame.site,
        "provider_url": format!("{}/", visit.frame.base),
        "html": share.code,
        "width": share.width,
        "height": share.height,
    });
    let widest = video.width.unwrap_or(POSTER_WIDEST).min(POSTER_WIDEST);
    let (wide, high) = fit(&video, (widest, u32::MAX));
    let fits = asked.maxwidth.is_none_or(|most| wide <= most)
        && asked.maxheight.is_none_or(|most| high <= most);
    if let Some(image) = share.image.filter(|_| fits) {
        answer["thumbnail_url"] = image.into();
        answer["thumbnail_width"] = wide.into();
        answer["thumbnail_height"] = high.into();
    }
    ([(header::CACHE_CONTROL, "no-cache")], Json(answer)).into_response()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_this_sites_addresses_name_a_video() {
        let id = |url| video_of("https://v.example", url).map(|id| id.to_string());
        let own = Some("0000000abcd".to_owned());
        assert_eq!(id("https://v.example/v/0000000abcd?t=3#c"), own);
        assert_eq!(id("https://v.example/embed/0000000abcd/"), own);
        assert_eq!(id("HTTPS://V.Example:443/v/0000000abcd"), own);
        assert_eq!(id("http://v.example/v/0000000abcd"), own);
        assert_eq!(id("http://v.example:80/v/0000000abcd#t=3"), own);
        for other in [
            "",
            "/v/0000000abcd",
            "https://v.example:8443/v/0000000abcd",
            "http://v.example:443/v/0000000abcd",
            "ftp://v.example/v/0000000abcd",
            "https://v.example@evil/v/0000000abcd",
            "https://v.example.evil/v/0000000abcd",
            "https://v.example/u/0000000abcd",
            "https://v.example/v/../0000000abcd",
        ] {
            assert_eq!(id(other), None, "{other}");
        }
    }
}

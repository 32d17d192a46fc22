//! For programs: a feed of an account's public videos, the sitemap, robots.txt. All as a stranger
//! sees the site, so that nothing in them depends on who asks.

use askama::Template;
use axum::{
    extract::{Path, Query},
    response::{IntoResponse, Response},
};
use http::{StatusCode, header};
use serde::Deserialize;
use virga_client::VideoQuery;
use virga_core::{Timestamp, wire::Video};

use crate::{
    context::{AnonymousContext, PageError},
    layout::query_value,
    pages::share::absolute,
};

/// Entries of a feed.
const ENTRIES: u32 = 50;

/// RSS 2.0.
#[derive(Template)]
#[template(path = "feed.xml")]
struct Feed {
    title: String,
    home: String,
    own: String,
    items: Vec<Item>,
}

struct Item {
    title: String,
    href: String,
    date: String,
    html: String,
    image: Option<String>,
}

/// What XML 1.0 cannot hold is left out.
fn xml(text: &str) -> String {
    text.chars()
        .filter(|c| {
            !matches!(c, '\u{0}'..='\u{8}' | '\u{b}' | '\u{c}' | '\u{e}'..='\u{1f}' | '\u{fffe}' | '\u{ffff}')
        })
        .collect()
}

/// Plain words as the HTML that a feed's description is.
fn html(text: &str) -> String {
    xml(text)
        .replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
        .replace('\n', "<br>\n")
}

/// `Sun, 22 Nov 2026 15:04:05 GMT`, RFC 822 with a year of four digits.
fn rfc822(at: Timestamp) -> String {
    let day = at.to_datetime();
    let (weekday, month) = (day.weekday().to_string(), day.month().to_string());
    format!(
        "{:.3}, {:02} {:.3} {} {:02}:{:02}:{:02} GMT",
        weekday,
        day.day(),
        month,
        day.year(),
        day.hour(),
        day.minute(),
        day.second()
    )
}

impl Item {
    fn new(base: &str, video: &Video) -> Self {
        Self {
            title: xml(&video.title),
            href: format!("{base}/v/{}", video.id),
            date: rfc822(video.published_at.unwrap_or(video.created_at)),
            html: html(&video.description),
            image: video.poster.as_ref().map(|path| absolute(base, path)),
        }
    }
}

fn document(kind: &'static str, page: &impl Template) -> Response {
    match page.render() {
        Ok(text) => (
            [
                (header::CONTENT_TYPE, kind),
                // What is withdrawn is gone from here at once.
                (header::CACHE_CONTROL, "no-cache"),
            ],
            text,
        )
            .into_response(),
        Err(error) => {
            tracing::error!(%error, "a feed cannot be rendered");
            StatusCode::INTERNAL_SERVER_ERROR.into_response()
        }
    }
}

/// `GET /u/{name}/feed.xml`.
pub(crate) async fn of_person(
    AnonymousContext(visit): AnonymousContext,
    Path(name): Path<String>,
) -> Result<Response, PageError> {
    let query = VideoQuery {
        limit: Some(ENTRIES),
        ..VideoQuery::default()
    };
    let (user, videos) =
        tokio::try_join!(visit.api.user(&name), visit.api.user_videos(&name, &query))
            .map_err(|error| visit.fault(&error))?;
    let base = &visit.frame.base;
    let home = format!("{base}/u/{}", query_value(&user.name));
    let feed = Feed {
        title: xml(&format!("{} · {}", user.name, visit.frame.site)),
        own: format!("{home}/feed.xml"),
        home,
        items: videos
            .items
            .iter()
            .map(|video| Item::new(base, video))
            .collect(),
    };
    Ok(document("application/rss+xml; charset=utf-8", &feed))
}

/// A page of addresses, or the list of such pages.
#[derive(Template)]
#[template(path = "sitemap.xml")]
struct SitemapPage {
    base: String,
    /// More than one: the list of pages.
    pages: u64,
    /// Address and moment.
    videos: Vec<(String, String)>,
}

/// Which page.
#[derive(Debug, Default, Deserialize)]
pub(crate) struct FeedQuery {
    page: Option<u64>,
}

/// `GET /sitemap.xml`.
pub(crate) async fn sitemap(
    AnonymousContext(visit): AnonymousContext,
    Query(asked): Query<FeedQuery>,
) -> Result<Response, PageError> {
    let found = visit
        .call(visit.api.sitemap(asked.page.unwrap_or(0)))
        .await?;
    let index = asked.page.is_none() && found.pages > 1;
    let page = SitemapPage {
        base: visit.frame.base.clone(),
        pages: if index { found.pages } else { 0 },
        videos: found
            .videos
            .iter()
            .map(|video| (video.id.to_string(), video.published_at.to_string()))
            .collect(),
    };
    Ok(document("application/xml; charset=utf-8", &page))
}

/// `GET /robots.txt`.
pub(crate) async fn robots(AnonymousContext(visit): AnonymousContext) -> Response {
    let text = format!(
        "User-agent: *\nDisallow: /api/\nDisallow: /media/g/\nDisallow: /up/\nDisallow: /admin\n\
         Disallow: /settings\nDisallow: /my/\nDisallow: /upload\nDisallow: /sign-\n\
         Sitemap: {}/sitemap.xml\n",
        visit.frame.base
    );
    let kind = (header::CONTENT_TYPE, "text/plain; charset=utf-8");
    let cache = (header::CACHE_CONTROL, "public, max-age=300");
    ([kind, cache], text).into_response()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_sitemap_is_a_list_of_its_pages() {
        let page = |pages| SitemapPage {
            base: "https://v.example".into(),
            pages,
            videos: vec![("0000000abcd".into(), "2026-01-01T00:00:00Z".into())],
        };
        let index = page(3).render().unwrap();
        assert!(index.starts_with("<?xml") && index.contains("<sitemapindex"));
        assert!(index.contains("<loc>https://v.example/sitemap.xml?page=2</loc>"));
        assert!(!index.contains("page=3") && !index.contains("/v/"));
        let list = page(0).render().unwrap();
        assert!(list.contains("<urlset") && list.contains("/v/0000000abcd</loc>"));
    }

    #[test]
    fn a_feed_holds_text_that_xml_and_html_can_hold() {
        assert_eq!(xml("a\u{0}\u{ffff}\u{b}b\n"), "ab\n");
        assert_eq!(html("<b> & c\nd"), "&lt;b&gt; &amp; c<br>\nd");
        let at = Timestamp::from_seconds(1_000_000);
        assert_eq!(rfc822(at), "Mon, 12 Jan 1970 13:46:40 GMT");
    }
}

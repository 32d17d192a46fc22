//! `/`: public videos, newest or most viewed first, or what a search finds.

use askama::Template;
use axum::{extract::Query, response::Response};
use serde::Deserialize;
use virga_client::VideoQuery;
use virga_core::wire::Sort;

use crate::{
    context::{PageContext, PageError},
    format::Card,
    layout::{Layout, query_value},
};

/// The page.
#[derive(Template)]
#[template(path = "home.html")]
pub(crate) struct HomePage {
    pub(crate) f: Layout,
    pub(crate) needs_setup: bool,
    pub(crate) cards: Vec<Card>,
    pub(crate) popular: bool,
    pub(crate) new_href: String,
    pub(crate) popular_href: String,
    pub(crate) more: Option<String>,
}

/// What of the list is asked for. Read leniently: a wrong word is the default.
#[derive(Debug, Default, Deserialize)]
pub(crate) struct HomeQuery {
    #[serde(default)]
    q: String,
    #[serde(default)]
    sort: String,
    cursor: Option<String>,
}

/// `GET /`.
pub(crate) async fn show(
    mut visit: PageContext,
    Query(asked): Query<HomeQuery>,
) -> Result<Response, PageError> {
    let words = asked.q.trim().chars().take(200).collect::<String>();
    let popular = asked.sort == "popular";
    let query = VideoQuery {
        sort: if popular { Sort::Popular } else { Sort::New },
        q: (!words.is_empty()).then(|| words.clone()),
        cursor: asked.cursor,
        limit: Some(visit.state.config.page_size),
        ..VideoQuery::default()
    };
    let page = visit.call(visit.api.videos(&query)).await?;
    visit.frame.q.clone_from(&words);
    let page = HomePage {
        needs_setup: visit.site.needs_setup,
        cards: visit.cards(&page.items),
        popular,
        new_href: href(&words, false, None),
        popular_href: href(&words, true, None),
        more: page.next.map(|next| href(&words, popular, Some(&next))),
        f: visit.frame.clone(),
    };
    Ok(visit.ok(&page))
}

fn href(words: &str, popular: bool, cursor: Option<&str>) -> String {
    let mut pairs = Vec::new();
    if !words.is_empty() {
        pairs.push(format!("q={}", query_value(words)));
    }
    if popular {
        pairs.push("sort=popular".to_owned());
    }
    if let Some(cursor) = cursor {
        pairs.push(format!("cursor={}", query_value(cursor)));
    }
    if pairs.is_empty() {
        "/".to_owned()
    } else {
        format!("/?{}", pairs.join("&"))
    }
}

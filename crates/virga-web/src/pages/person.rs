//! `/u/{name}`: an account's public videos.

use askama::Template;
use axum::{
    extract::{Path, Query},
    response::Response,
};
use serde::Deserialize;
use virga_client::VideoQuery;

use crate::{
    context::{PageContext, PageError},
    format::{self, Card},
    layout::{Layout, query_value},
};

/// The page.
#[derive(Template)]
#[template(path = "person.html")]
pub(crate) struct PersonPage {
    pub(crate) f: Layout,
    pub(crate) name: String,
    pub(crate) count: String,
    pub(crate) since: String,
    pub(crate) cards: Vec<Card>,
    pub(crate) more: Option<String>,
}

/// Which page of the list.
#[derive(Debug, Default, Deserialize)]
pub(crate) struct PersonQuery {
    cursor: Option<String>,
}

/// `GET /u/{name}`.
pub(crate) async fn show(
    visit: PageContext,
    Path(name): Path<String>,
    Query(asked): Query<PersonQuery>,
) -> Result<Response, PageError> {
    let query = VideoQuery {
        cursor: asked.cursor,
        limit: Some(visit.state.config.page_size),
        ..VideoQuery::default()
    };
    let (user, videos) =
        tokio::try_join!(visit.api.user(&name), visit.api.user_videos(&name, &query))
            .map_err(|error| visit.fault(&error))?;
    let lang = visit.frame.lang;
    let page = PersonPage {
        count: lang.count("videos", user.videos, &format::count(lang, user.videos)),
        since: lang.with("person-since", "date", format::date(lang, user.created_at)),
        cards: visit.cards(&videos.items),
        more: videos.next.map(|next| {
            format!(
                "/u/{}?cursor={}",
                query_value(&user.name),
                query_value(&next)
            )
        }),
        name: user.name,
        f: visit.frame.clone(),
    };
    Ok(visit.ok(&page))
}

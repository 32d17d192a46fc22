//! Every public video, for search engines.

use axum::extract::State;
use serde::Deserialize;
use virga_core::{
    Failure,
    wire::{SITEMAP_PAGE, Sitemap, SitemapVideo},
};
use virga_db::sitemap;
use virga_http::{Json, Query, Result};

use crate::ApiState;

/// `?page=`
#[derive(Debug, Default, Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct SitemapQuery {
    /// From 0.
    #[serde(default)]
    #[param(maximum = 4_294_967_295_u64)]
    page: u32,
}

/// Public videos that play, the oldest first, 10,000 a page.
#[utoipa::path(get, path = "/sitemap", tag = "videos", params(SitemapQuery),
    security((), ("token" = [])), responses((status = 200, body = Sitemap), (status = 404)))]
pub(crate) async fn sitemap(
    State(state): State<ApiState>,
    Query(query): Query<SitemapQuery>,
) -> Result<Json<Sitemap>> {
    let db = &state.app.db;
    let count = db.read_lagging(|c| async move { sitemap::count(&c).await });
    let count = count.await?;
    let pages = count.div_ceil(SITEMAP_PAGE).max(1);
    let page = u64::from(query.page);
    if page >= pages {
        return Err(Failure::not_found("page").into());
    }
    let from = page * SITEMAP_PAGE;
    let stretch = |c| async move { sitemap::stretch(&c, from, SITEMAP_PAGE).await };
    let videos = db.read_lagging(stretch).await?;
    let videos = videos
        .into_iter()
        .map(|(id, published_at)| SitemapVideo { id, published_at })
        .collect();
    Ok(Json(Sitemap { pages, videos }))
}

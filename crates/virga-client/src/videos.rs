//! The catalogue: videos, lists, playback, views.

use std::fmt::Write;

use http::{HeaderName, Method, header};
use virga_core::{
    VideoId,
    text::percent_encoded,
    wire::{NewVideo, Page, Playback, Sort, Video, VideoPatch, ViewReport},
};

use crate::{ApiCaller, Result};

/// What of a list of videos is asked for.
#[derive(Clone, Debug, Default)]
pub struct VideoQuery {
    /// Order.
    pub sort: Sort,
    /// Words to search for.
    pub q: Option<String>,
    /// The next page of an earlier answer.
    pub cursor: Option<String>,
    /// Entries a page; the API's own default where absent.
    pub limit: Option<u32>,
    /// Of the viewer's own: only unpublished ones, or only the others.
    pub unpublished: Option<bool>,
}

impl VideoQuery {
    fn to_query(&self) -> String {
        let sort = match self.sort {
            Sort::New => "new",
            Sort::Popular => "popular",
        };
        let mut query = format!("?sort={sort}");
        let pairs = [
            ("q", self.q.clone()),
            ("cursor", self.cursor.clone()),
            ("limit", self.limit.map(|limit| limit.to_string())),
            ("unpublished", self.unpublished.map(|it| it.to_string())),
        ];
        for (name, value) in pairs {
            if let Some(value) = value {
                let _ = write!(query, "&{name}={}", percent_encoded(&value));
            }
        }
        query
    }
}

impl ApiCaller {
    /// `GET /videos`: public ones that play.
    pub async fn videos(&self, query: &VideoQuery) -> Result<Page<Video>> {
        self.get(&format!("/videos{}", query.to_query())).await
    }

    /// `GET /users/{name}/videos`: public ones of one account.
    pub async fn user_videos(&self, name: &str, query: &VideoQuery) -> Result<Page<Video>> {
        let path = format!(
            "/users/{}/videos{}",
            percent_encoded(name),
            query.to_query()
        );
        self.get(&path).await
    }

    /// `GET /users/me/videos`: the viewer's own, in every state.
    pub async fn my_videos(&self, query: &VideoQuery) -> Result<Page<Video>> {
        self.get(&format!("/users/me/videos{}", query.to_query()))
            .await
    }

    /// `GET /videos/{id}`.
    pub async fn video(&self, id: VideoId) -> Result<Video> {
        self.get(&format!("/videos/{id}")).await
    }

    /// `POST /videos`: a draft.
    pub async fn create_video(&self, video: &NewVideo) -> Result<Video> {
        self.exchange(Method::POST, "/videos", video).await
    }

    /// The same under a key, for callers that try again: a second call makes no second draft.
    pub async fn create_video_once(&self, video: &NewVideo, key: &str) -> Result<Video> {
        let key = (HeaderName::from_static("idempotency-key"), key);
        self.exchange_with(Method::POST, "/videos", video, key)
            .await
    }

    /// `PATCH /videos/{id}`.
    pub async fn edit_video(&self, id: VideoId, patch: &VideoPatch) -> Result<Video> {
        self.exchange(Method::PATCH, &format!("/videos/{id}"), patch)
            .await
    }

    /// The same, unless the words or the visibility changed since they had this tag
    /// ([`Video::edit_tag`]): then 412.
    pub async fn edit_video_if(&self, id: VideoId, patch: &VideoPatch, tag: &str) -> Result<Video> {
        let path = format!("/videos/{id}");
        self.exchange_with(Method::PATCH, &path, patch, (header::IF_MATCH, tag))
            .await
    }

    /// `DELETE /videos/{id}`: can be restored for a while.
    pub async fn delete_video(&self, id: VideoId) -> Result<()> {
        self.send_empty(Method::DELETE, &format!("/videos/{id}"))
            .await
    }

    /// `DELETE /videos/{id}?now=true`: without a way back.
    pub async fn purge_video(&self, id: VideoId) -> Result<()> {
        self.send_empty(Method::DELETE, &format!("/videos/{id}?now=true"))
            .await
    }

    /// `POST /videos/{id}/restore`.
    pub async fn restore_video(&self, id: VideoId) -> Result<()> {
        self.send_empty(Method::POST, &format!("/videos/{id}/restore"))
            .await
    }

    /// `POST /videos/{id}/retry`: failed work once more.
    pub async fn retry_video(&self, id: VideoId) -> Result<()> {
        self.send_empty(Method::POST, &format!("/videos/{id}/retry"))
            .await
    }

    /// `POST /videos/{id}/cancel`: ends the work on it.
    pub async fn cancel_video(&self, id: VideoId) -> Result<()> {
        self.send_empty(Method::POST, &format!("/videos/{id}/cancel"))
            .await
    }

    /// `POST /videos/{id}/retry?all=true`: all that is made from the file, once more.
    pub async fn remake_video(&self, id: VideoId) -> Result<()> {
        self.send_empty(Method::POST, &format!("/videos/{id}/retry?all=true"))
            .await
    }

    /// `GET /videos/{id}/playback`; 409 before anything plays.
    pub async fn playback(&self, id: VideoId) -> Result<Playback> {
        self.get(&format!("/videos/{id}/playback")).await
    }

    /// `POST /videos/{id}/views`.
    pub async fn report_view(&self, id: VideoId, report: &ViewReport) -> Result<()> {
        self.send_json(Method::POST, &format!("/videos/{id}/views"), report)
            .await
    }
}

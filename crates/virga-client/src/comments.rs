//! Comments under a video.

use http::Method;
use virga_core::{
    CommentId, VideoId,
    text::percent_encoded,
    wire::{Comment, NewComment, Page},
};

use crate::{ApiCaller, Result};

impl ApiCaller {
    /// `GET /videos/{id}/comments`.
    pub async fn comments(&self, video: VideoId, cursor: Option<&str>) -> Result<Page<Comment>> {
        let cursor = cursor.map_or_else(String::new, |cursor| {
            format!("?cursor={}", percent_encoded(cursor))
        });
        self.get(&format!("/videos/{video}/comments{cursor}")).await
    }

    /// `POST /videos/{id}/comments`.
    pub async fn write_comment(&self, video: VideoId, comment: &NewComment) -> Result<Comment> {
        let path = format!("/videos/{video}/comments");
        self.exchange(Method::POST, &path, comment).await
    }

    /// `PATCH /videos/{id}/comments/{comment}`.
    pub async fn edit_comment(
        &self,
        video: VideoId,
        id: CommentId,
        comment: &NewComment,
    ) -> Result<Comment> {
        let path = format!("/videos/{video}/comments/{id}");
        self.exchange(Method::PATCH, &path, comment).await
    }

    /// `DELETE /videos/{id}/comments/{comment}`.
    pub async fn delete_comment(&self, video: VideoId, id: CommentId) -> Result<()> {
        let path = format!("/videos/{video}/comments/{id}");
        self.send_empty(Method::DELETE, &path).await
    }
}

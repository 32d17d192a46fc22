//! Subtitles and chapters: `WebVTT` files, which are stretches of one object, and playlists of them. All of it comes
//! from here however media is delivered.

use axum::response::Response;
use virga_core::{CacheLifetime, paths::MediaFile, presentation::Presentation};
use virga_http::representation::etag;
use virga_media::text_playlist;

use crate::{
    error::StreamError,
    media::{MediaRequest, PLAYLIST, WEBVTT, not_there},
};

impl MediaRequest<'_> {
    /// `text-{n}.vtt`
    pub(crate) async fn text(
        &self,
        presentation: &Presentation,
        n: u32,
    ) -> Result<Response, StreamError> {
        let texts = presentation.texts.as_ref().ok_or_else(not_there)?;
        let text = texts.numbered(n).ok_or_else(not_there)?;
        let place = [text.offset, text.len].map(u64::to_be_bytes);
        let tag = etag(&[texts.object.as_str().as_bytes(), place.as_flattened()]);
        let answer = self.representation(WEBVTT, CacheLifetime::Revalidate, tag, text.len);
        self.stored(answer, &texts.object, text.offset).await
    }

    /// `text-{n}.m3u8`
    pub(crate) async fn text_playlist(
        &self,
        presentation: &Presentation,
        n: u32,
    ) -> Result<Response, StreamError> {
        let texts = presentation.texts.as_ref().ok_or_else(not_there)?;
        let there = texts.subtitles().any(|text| text.n == n);
        if !there {
            return Err(not_there().into());
        }
        let uri = MediaFile::Text(n).to_string();
        // Playlists that are played together are all of one type.
        let text = text_playlist(&uri, texts.duration, presentation.grows());
        self.small(PLAYLIST, CacheLifetime::Revalidate, text.into())
            .await
    }
}

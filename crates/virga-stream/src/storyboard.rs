//! The storyboard: a `WebVTT` file whose cues name parts of pictures (media fragments, `#xywh=`), and those
//! pictures. Both come from here however media is delivered: one object holds them all.

use std::fmt::Write as _;

use axum::response::Response;
use virga_core::{CacheLifetime, Failure, MediaKey, StoryboardIndex, paths::MediaFile};
use virga_http::representation::etag;
use virga_media::webvtt_time;

use crate::{
    error::StreamError,
    media::{MediaRequest, WEBVTT, not_there},
};

/// An index holds some hundred tiles.
const MOST_INDEX: u64 = 256 * 1024;

impl MediaRequest<'_> {
    /// `storyboard.vtt`
    pub(crate) async fn storyboard(&self, key: Option<&MediaKey>) -> Result<Response, StreamError> {
        let (index, _) = self.index(key.ok_or_else(not_there)?).await?;
        let text = cues(&index);
        self.small(WEBVTT, CacheLifetime::Revalidate, text.into())
            .await
    }

    /// A sheet of its pictures.
    pub(crate) async fn sheet(
        &self,
        key: Option<&MediaKey>,
        n: usize,
    ) -> Result<Response, StreamError> {
        let key = key.ok_or_else(not_there)?;
        let (index, index_len) = self.index(key).await?;
        let (offset, len) = index.sheet(index_len, n).ok_or_else(not_there)?;
        let place = [offset, len].map(u64::to_be_bytes);
        let tag = etag(&[key.as_str().as_bytes(), place.as_flattened()]);
        let answer = self.representation("image/jpeg", CacheLifetime::Revalidate, tag, len);
        self.stored(answer, key, offset).await
    }

    /// The index of a storyboard, and how long it is.
    async fn index(&self, key: &MediaKey) -> Result<(StoryboardIndex, u64), StreamError> {
        let len = key.storyboard_index().filter(|len| *len <= MOST_INDEX);
        let len = len.ok_or_else(not_there)?;
        let bytes = self.state.store.read(key, 0..len).await?;
        let index = serde_json::from_slice(&bytes).map_err(Failure::internal)?;
        Ok((index, len))
    }
}

/// Each tile holds until the next one; the first one also before its moment.
fn cues(index: &StoryboardIndex) -> String {
    let mut text = "WEBVTT\n".to_owned();
    let (width, height) = (index.width, index.height);
    for (tile, at) in index.times.iter().enumerate() {
        let from = if tile == 0 { 0 } else { *at };
        let next = index.times.get(tile + 1).copied();
        let until = next.unwrap_or(index.duration).max(from + 1);
        let (sheet, x, y) = index.place(tile);
        let sheet = MediaFile::Sheet(sheet);
        let (from, until) = (webvtt_time(from), webvtt_time(until));
        let _ = write!(
            text,
            "\n{from} --> {until}\n{sheet}#xywh={x},{y},{width},{height}\n"
        );
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cue_holds_until_the_next_tile() {
        let index = StoryboardIndex {
            width: 160,
            height: 90,
            columns: 2,
            rows: 1,
            sheets: vec![9, 9],
            times: vec![20, 2020, 3_602_020],
            duration: 3_603_500,
        };
        assert_eq!(
            cues(&index),
            "WEBVTT\n\n\
             00:00:00.000 --> 00:00:02.020\nstoryboard-0.jpg#xywh=0,0,160,90\n\n\
             00:00:02.020 --> 01:00:02.020\nstoryboard-0.jpg#xywh=160,0,160,90\n\n\
             01:00:02.020 --> 01:00:03.500\nstoryboard-1.jpg#xywh=0,0,160,90\n"
        );
    }
}

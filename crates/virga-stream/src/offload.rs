//! Answers that lead to the bucket or its CDN, where media is delivered that way: media playlists as
//! byte ranges of a track's object, redirects, and new addresses for a player whose old ones expire.
//! A track that is still packaged just in time has no object and is served from here.

use axum::response::Response;
use serde::Serialize;
use std::collections::BTreeMap;
use virga_core::{
    CacheLifetime, Failure, MediaKey,
    paths::TrackFile,
    presentation::{Presentation, PresentedTrack, TrackBody},
};
use virga_delivery::DeliveryMethod;
use virga_http::representation::etag;
use virga_media::{Addressing, TrackKind, event_playlist, i_frame_playlist, media_playlist};

use crate::{
    error::StreamError,
    media::{MediaRequest, PLAYLIST, media_type, not_there},
    tables::Table,
};

/// `urls.json`: where the tracks' objects are from now on.
#[derive(Debug, Serialize)]
struct Urls {
    /// Seconds from now until it is worth asking again; the addresses hold longer.
    renew_in: u64,
    /// Address by track name.
    tracks: BTreeMap<String, String>,
}

impl MediaRequest<'_> {
    /// How this video's media is delivered.
    pub(crate) async fn method(&self) -> DeliveryMethod {
        self.state.delivery.method(!self.private).await
    }

    /// A track's media playlist.
    pub(crate) async fn playlist(
        &self,
        presentation: &Presentation,
        track: &PresentedTrack,
    ) -> Result<Response, StreamError> {
        if track.grows() {
            return self.event(presentation, track).await;
        }
        let table = self.state.tables.get(self.video, track).await?;
        let text = self
            .addressed(track, |addressing| media_playlist(&table, addressing))
            .await?;
        self.small(PLAYLIST, CacheLifetime::Revalidate, text.into())
            .await
    }

    /// The playlist of a track's key frames, for players that show pictures while someone seeks.
    pub(crate) async fn i_frames(&self, track: &PresentedTrack) -> Result<Response, StreamError> {
        if track.grows() {
            return Err(not_there().into());
        }
        let table = self.state.tables.get(self.video, track).await?;
        let text = self
            .addressed(track, |addressing| i_frame_playlist(&table, addressing))
            .await?;
        let text = text.ok_or_else(not_there)?;
        self.small(PLAYLIST, CacheLifetime::Revalidate, text.into())
            .await
    }

    /// What names the segments of a track that is whole, with the addresses that its bytes have now.
    async fn addressed<T>(
        &self,
        track: &PresentedTrack,
        write: impl FnOnce(&Addressing<'_>) -> T,
    ) -> Result<T, StreamError> {
        let method = self.method().await;
        Ok(match (object_of(track), method) {
            (None, _) | (_, DeliveryMethod::Proxy) => {
                let segment = |n| TrackFile::Segment(n).to_string();
                write(&Addressing::Each {
                    init: &TrackFile::Init.to_string(),
                    segment: &segment,
                })
            }
            (Some(_), DeliveryMethod::Redirect) => write(&Addressing::Ranges {
                uri: &TrackFile::Whole.to_string(),
                define: false,
            }),
            (Some(key), method) => {
                let uri = self.state.delivery.playlist_url(method, key).await?;
                write(&Addressing::Ranges {
                    uri: &uri,
                    define: !self.state.delivery.writes_in_full(),
                })
            }
        })
    }

    /// The playlist of a track that grows, also once it is whole: players that began with it go on with it.
    /// Its segments come from here however media is delivered otherwise.
    pub(crate) async fn event(
        &self,
        presentation: &Presentation,
        track: &PresentedTrack,
    ) -> Result<Response, StreamError> {
        let table = self.state.tables.get(self.video, track).await?;
        let edge = if track.grows() {
            None
        } else {
            self.edge(presentation, &table).await?
        };
        let ends = |n: &usize| table.start_micros(n + 1);
        let shown = match edge {
            Some(edge) => (0..table.segments())
                .take_while(|n| ends(n) <= edge)
                .count(),
            None => table.standing(),
        };
        let whole = edge.is_none() && table.is_whole();
        let init = TrackFile::Init.to_string();
        let segment = |n| TrackFile::Segment(n).to_string();
        let text = event_playlist(&table, shown, whole, &init, &segment);
        self.small(PLAYLIST, CacheLifetime::Revalidate, text.into())
            .await
    }

    /// How far what is played with a whole track stands, in microseconds, where that grows: a player is not
    /// to run out of one before the other. A picture needs the sound; the sound is needed as far as any
    /// picture is.
    async fn edge(
        &self,
        presentation: &Presentation,
        table: &Table,
    ) -> Result<Option<i64>, StreamError> {
        let others: Vec<&PresentedTrack> = match table.kind {
            TrackKind::Audio => presentation.known_videos().collect(),
            _ => presentation.known_audio().into_iter().collect(),
        };
        if others.is_empty() || !others.iter().all(|other| other.grows()) {
            return Ok(None);
        }
        let mut edge = 0;
        for other in others {
            let other = self.state.tables.get(self.video, other).await?;
            edge = edge.max(other.start_micros(other.standing()));
        }
        Ok(Some(edge))
    }

    /// Fresh addresses of all tracks that playlists name by address.
    pub(crate) async fn urls(&self, presentation: &Presentation) -> Result<Response, StreamError> {
        let method = self.method().await;
        let mut tracks = BTreeMap::new();
        if matches!(method, DeliveryMethod::Direct | DeliveryMethod::Cdn) {
            for track in presentation.known() {
                if let Some(key) = object_of(track) {
                    let url = self.state.delivery.playlist_url(method, key).await?;
                    tracks.insert(track.name.clone(), url);
                }
            }
        }
        let renew_in = self.state.delivery.renewed_in().as_secs();
        let urls = Urls { renew_in, tracks };
        let text = serde_json::to_vec(&urls).map_err(Failure::internal)?;
        self.small("application/json", CacheLifetime::NoStore, text.into())
            .await
    }

    /// A track's whole object; the client requests ranges of it.
    pub(crate) async fn track(&self, track: &PresentedTrack) -> Result<Response, StreamError> {
        let key = object_of(track).ok_or_else(not_there)?;
        match self.method().await {
            DeliveryMethod::Proxy => {
                let table = self.state.tables.get(self.video, track).await?;
                let size = self.size(key).await?;
                let tag = etag(&[&table.init, &size.to_be_bytes()]);
                let (kind, life) = (media_type(&table), CacheLifetime::Immutable);
                let answer = self.representation(kind, life, tag, size);
                self.stored(answer, key, 0).await
            }
            method => self.send_to(method, key).await,
        }
    }

    /// The one-file MP4.
    pub(crate) async fn fallback(&self, key: Option<&MediaKey>) -> Result<Response, StreamError> {
        let key = key.ok_or_else(not_there)?;
        match self.method().await {
            DeliveryMethod::Proxy => self.object(key, CacheLifetime::Revalidate).await,
            method => self.send_to(method, key).await,
        }
    }

    /// Elsewhere, for now.
    async fn send_to(
        &self,
        method: DeliveryMethod,
        key: &MediaKey,
    ) -> Result<Response, StreamError> {
        let url = self.state.delivery.redirect_url(method, key).await?;
        Ok(virga_http::redirect(&url)?)
    }
}

/// The track's object, where it stands.
pub(crate) fn object_of(track: &PresentedTrack) -> Option<&MediaKey> {
    match &track.body {
        TrackBody::Object { object } => Some(object),
        TrackBody::Source { .. } | TrackBody::Arriving { .. } | TrackBody::Growing { .. } => None,
    }
}

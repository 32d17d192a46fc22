//! `manifest.mpd`: the film for players of DASH. It names the segments of the HLS playlists, by the addresses
//! that these give.

use axum::response::Response;
use virga_core::{
    CacheLifetime,
    paths::{MediaFile, TrackFile},
    presentation::{Presentation, PresentedTrack},
};
use virga_delivery::DeliveryMethod;
use virga_media::{DashAddressing, DashTrack, dash_manifest};

use crate::{
    error::StreamError,
    media::{MediaRequest, not_there},
    named_sounds::named_sounds,
    named_texts::NamedTexts,
    offload::object_of,
    tables::Table,
};

const MANIFEST: &str = "application/dash+xml";

/// A track and where its bytes are.
struct Addressed {
    name: String,
    table: Table,
    /// The object's address; `None`: segment by segment.
    uri: Option<String>,
    init: String,
    segments: String,
}

impl Addressed {
    fn as_track(&self) -> DashTrack<'_> {
        let addressing = match &self.uri {
            Some(uri) => DashAddressing::Ranges { uri },
            None => DashAddressing::Each {
                init: &self.init,
                segments: &self.segments,
            },
        };
        DashTrack {
            id: &self.name,
            table: &self.table,
            addressing,
        }
    }
}

impl MediaRequest<'_> {
    /// What is whole of the film. A manifest is read once, so it leaves out what grows; a film whose sound
    /// grows has none.
    pub(crate) async fn manifest(
        &self,
        presentation: &Presentation,
    ) -> Result<Response, StreamError> {
        let mut videos = Vec::new();
        for track in presentation.known_videos().filter(|track| is_whole(track)) {
            videos.push(self.addressed_whole(track).await?);
        }
        let heard = named_sounds(presentation);
        let missing = videos.is_empty() && !presentation.is_sound_only();
        if missing || !heard.iter().all(|sound| is_whole(sound.track)) {
            return Err(not_there().into());
        }
        let mut sounds = Vec::new();
        for sound in &heard {
            sounds.push((self.addressed_whole(sound.track).await?, sound.label));
        }
        let videos: Vec<DashTrack<'_>> = videos.iter().map(Addressed::as_track).collect();
        let sounds: Vec<_> = sounds
            .iter()
            .map(|(sound, label)| (sound.as_track(), *label))
            .collect();
        let texts = NamedTexts::of(presentation, MediaFile::Text);
        let text = dash_manifest(&videos, &sounds, &texts.renditions());
        self.small(MANIFEST, CacheLifetime::Revalidate, text.into())
            .await
    }

    async fn addressed_whole(&self, track: &PresentedTrack) -> Result<Addressed, StreamError> {
        let file = |file| MediaFile::Track(track.name.clone(), file).to_string();
        let uri = match (object_of(track), self.method().await) {
            (None, _) | (_, DeliveryMethod::Proxy) => None,
            (Some(_), DeliveryMethod::Redirect) => Some(file(TrackFile::Whole)),
            (Some(key), method) => Some(self.state.delivery.playlist_url(method, key).await?),
        };
        Ok(Addressed {
            name: track.name.clone(),
            table: self.state.tables.get(self.video, track).await?,
            uri,
            init: file(TrackFile::Init),
            segments: format!("{}/{}", track.name, TrackFile::NUMBERED),
        })
    }
}

fn is_whole(track: &PresentedTrack) -> bool {
    !track.grows()
}

//! `GET /media/…`: what a player asks for.

use std::{future::ready, sync::Arc};

use axum::{
    body::Body,
    extract::{Request, State},
    response::Response,
};
use bytes::Bytes;
use http::{HeaderMap, request::Parts};
use virga_core::{
    CacheLifetime, Code, Failure, MediaKey, VideoId, keys,
    paths::{GRANTED, MediaFile, MediaPath, TrackFile},
    presentation::{Presentation, PresentedTrack},
    video::Visibility,
};
use virga_http::{
    BodyPart, FileQueue,
    layers::is_compressible,
    representation::{Representation, etag},
};
use virga_media::{AudioRendition, TrackTable, VideoVariant, multivariant};

use crate::{
    StreamState,
    egress::Lane,
    error::StreamError,
    files::{file_body, streamed},
    named_sounds::named_sounds,
    named_texts::NamedTexts,
    segments::SegmentName,
    tables::find,
};

pub(crate) const PLAYLIST: &str = "application/vnd.apple.mpegurl";
pub(crate) const WEBVTT: &str = "text/vtt; charset=utf-8";

/// Answers any media address.
pub(crate) async fn get(
    State(state): State<StreamState>,
    request: Request,
) -> virga_http::Result<Response> {
    let (request, _) = request.into_parts();
    let (path, query) = (request.uri.path(), request.uri.query());
    let address = MediaPath::parse(path, query);
    let address = address.ok_or_else(|| refused(path.starts_with(GRANTED)))?;
    let download = matches!(address.file, MediaFile::Clip(..));
    let lane = Lane::of(&request.extensions, address.video, download);
    state.egress.admit(lane)?;
    let found = state.presentations.get(address.video).await?;
    let answered = match answer(&state, &address, found, &request).await {
        // The presentation that is held names an object that is gone: there must be a newer one.
        Err(StreamError::Gone(key)) => {
            tracing::debug!(key, "an object is gone, reading the presentation again");
            let found = state.presentations.get_anew(address.video).await?;
            answer(&state, &address, found, &request).await
        }
        answered => answered,
    };
    Ok(state.egress.pace(lane, answered?))
}

/// One refusal for requests without a grant and one for requests with a grant; neither reveals
/// whether the video exists. On the second, a player requests a new address.
pub(crate) fn refused(with_grant: bool) -> Failure {
    if with_grant {
        let detail = keys::BadSignature.to_string();
        Failure::new(Code::MediaNoGrant, detail)
    } else {
        not_there()
    }
}

pub(crate) fn not_there() -> Failure {
    Failure::not_found("media")
}

async fn answer(
    state: &StreamState,
    address: &MediaPath,
    presentation: Option<Arc<Presentation>>,
    request: &Parts,
) -> Result<Response, StreamError> {
    let permitted = presentation.filter(|it| is_permitted(state, address, it));
    let presentation = permitted.ok_or_else(|| refused(address.grant.is_some()))?;
    let headers = &request.headers;
    let request = MediaRequest {
        state,
        video: address.video,
        private: presentation.visibility != Visibility::Public,
        headers,
        queue: request.extensions.get(),
    };
    let mut answer = match &address.file {
        MediaFile::Multivariant => request.multivariant(&presentation).await,
        MediaFile::Manifest => request.manifest(&presentation).await,
        MediaFile::Urls => request.urls(&presentation).await,
        MediaFile::Poster(width) => request.poster(presentation.poster.as_ref(), *width).await,
        MediaFile::Fallback => request.fallback(presentation.fallback.as_ref()).await,
        MediaFile::Clip(from, to) => {
            let key = presentation.fallback.as_ref();
            request.clip(key, (*from, *to)).await
        }
        MediaFile::Storyboard => request.storyboard(presentation.storyboard.as_ref()).await,
        MediaFile::Sheet(n) => request.sheet(presentation.storyboard.as_ref(), *n).await,
        MediaFile::Text(n) => request.text(&presentation, *n).await,
        MediaFile::TextPlaylist(n) => request.text_playlist(&presentation, *n).await,
        MediaFile::Track(name, file) => {
            let track = find(&presentation, name).ok_or_else(not_there)?;
            match file {
                TrackFile::Whole => request.track(track).await,
                TrackFile::Playlist => request.playlist(&presentation, track).await,
                TrackFile::Event => request.event(&presentation, track).await,
                TrackFile::IFrames => request.i_frames(track).await,
                TrackFile::Init => request.init(track).await,
                TrackFile::Segment(n) => request.segment(track, *n).await,
            }
        }
    }?;
    if !request.private && address.grant.is_none() {
        let origins = &state.origins;
        origins.apply(&address.file, headers, answer.headers_mut());
    }
    Ok(answer)
}

/// Public videos open at any address; all others only under a valid grant.
fn is_permitted(state: &StreamState, address: &MediaPath, presentation: &Presentation) -> bool {
    let grant = address.grant.as_deref().unwrap_or_default();
    let (epoch, now) = (presentation.epoch, state.clock.now());
    presentation.visibility == Visibility::Public
        || keys::check_grant(&state.keys, grant, address.video, epoch, now).is_ok()
}

/// One permitted request.
pub(crate) struct MediaRequest<'a> {
    pub(crate) state: &'a StreamState,
    pub(crate) video: VideoId,
    pub(crate) private: bool,
    pub(crate) headers: &'a HeaderMap,
    /// Where its connection takes bytes of files.
    pub(crate) queue: Option<&'a FileQueue>,
}

impl MediaRequest<'_> {
    pub(crate) fn representation(
        &self,
        content_type: &'static str,
        cache: CacheLifetime,
        etag: String,
        length: u64,
    ) -> Representation {
        let (public, cdn) = (!self.private, self.state.cdn_max_age);
        let cache_control = match cache {
            CacheLifetime::Immutable if public => {
                format!("public, max-age=31536000, s-maxage={cdn}, immutable")
            }
            // A grant was needed: no shared cache may keep it.
            CacheLifetime::Immutable => "private, max-age=31536000, immutable".to_owned(),
            CacheLifetime::Revalidate if public => "public, no-cache".to_owned(),
            CacheLifetime::Revalidate => "private, no-cache".to_owned(),
            CacheLifetime::NoStore => "no-store".to_owned(),
        };
        Representation {
            content_type,
            etag,
            cache_control,
            length,
        }
    }

    /// Bytes in memory.
    pub(crate) async fn small(
        &self,
        content_type: &'static str,
        cache: CacheLifetime,
        bytes: Bytes,
    ) -> Result<Response, StreamError> {
        let length = bytes.len() as u64;
        let answer = self.representation(content_type, cache, etag(&[&bytes]), length);
        let part = |first, count| {
            let at = |offset| usize::try_from(offset).unwrap_or(bytes.len());
            ready(Ok(Body::from(bytes.slice(at(first)..at(first + count)))))
        };
        answer.answer(self.headers, part).await
    }

    /// Bytes of an object, from this place in it on.
    pub(crate) async fn stored(
        &self,
        answer: Representation,
        key: &MediaKey,
        begins: u64,
    ) -> Result<Response, StreamError> {
        let read = async |first, count| {
            let offset = begins + first;
            let Some(file) = self.state.files.get(key).await? else {
                let range = offset..offset + count;
                return Ok(streamed(self.state.store.stream(key, range).await?));
            };
            let length = count;
            let part = BodyPart::File { offset, length };
            let queue = self.queue.filter(|_| !is_compressible(answer.content_type));
            Ok(file_body(&file, vec![part], queue)?)
        };
        answer.answer(self.headers, read).await
    }

    /// How many bytes an object has.
    pub(crate) async fn size(&self, key: &MediaKey) -> Result<u64, StreamError> {
        match self.state.files.get(key).await? {
            Some(file) => Ok(file.size),
            None => Ok(self.state.store.stat(key).await?.size),
        }
    }

    async fn multivariant(&self, presentation: &Presentation) -> Result<Response, StreamError> {
        let tables = &self.state.tables;
        // Playlists that are played together are all of one type.
        let file = if presentation.grows() {
            TrackFile::Event
        } else {
            TrackFile::Playlist
        };
        let playlist_of =
            |track: &PresentedTrack| MediaFile::Track(track.name.clone(), file).to_string();
        let mut videos = Vec::with_capacity(presentation.videos.len());
        for track in presentation.known_videos() {
            let table = tables.get(self.video, track).await?;
            videos.push((playlist_of(track), i_frames_of(track, &table), table));
        }
        if videos.is_empty() && !presentation.is_sound_only() {
            return Err(not_there().into());
        }
        let mut heard = Vec::new();
        for sound in named_sounds(presentation) {
            let table = tables.get(self.video, sound.track).await?;
            heard.push((playlist_of(sound.track), table, sound.label));
        }
        let variants: Vec<VideoVariant<'_>> = videos
            .iter()
            .map(|(uri, i_frames, table)| VideoVariant {
                uri,
                i_frames: i_frames.as_deref(),
                table,
            })
            .collect();
        let sounds: Vec<AudioRendition<'_>> = heard
            .iter()
            .map(|(uri, table, label)| AudioRendition {
                uri,
                table,
                label: *label,
            })
            .collect();
        let texts = NamedTexts::of(presentation, MediaFile::TextPlaylist);
        let text = multivariant(&variants, &sounds, &texts.renditions());
        self.small(PLAYLIST, CacheLifetime::Revalidate, text.into())
            .await
    }

    async fn init(&self, track: &PresentedTrack) -> Result<Response, StreamError> {
        let table = self.state.tables.get(self.video, track).await?;
        let bytes = Bytes::copy_from_slice(&table.init);
        self.small(media_type(&table), lifetime(track), bytes).await
    }

    async fn segment(&self, track: &PresentedTrack, n: usize) -> Result<Response, StreamError> {
        let tables = &self.state.tables;
        let table = tables.with_segment(self.video, track, n).await?;
        let range = table.byte_range(n).filter(|_| n < table.standing());
        let (offset, length) = range.ok_or_else(not_there)?;
        // What decides the bytes whether they come from the source or the track object: both
        // tables agree in all of this.
        let place = [n as u64, offset, length].map(u64::to_be_bytes);
        let tag = etag(&[&table.init, place.as_flattened()]);
        let answer = self.representation(media_type(&table), lifetime(track), tag, length);
        let name = SegmentName {
            video: self.video,
            track: track.name.clone(),
            n,
        };
        let segments = &self.state.segments;
        let read = |first, count| segments.read(name, track, &table, (first, count), self.queue);
        answer.answer(self.headers, read).await
    }

    /// The poster as wide as asked, or the JPEG where there is none of that width.
    async fn poster(&self, key: Option<&MediaKey>, width: u32) -> Result<Response, StreamError> {
        let key = key.ok_or_else(not_there)?;
        let parts = key.poster_parts();
        let wanted = parts.iter().find(|part| part.width == width);
        let Some(part) = wanted.or(parts.first()) else {
            return self.object(key, CacheLifetime::Revalidate).await;
        };
        let place = [part.offset, part.len].map(u64::to_be_bytes);
        let tag = etag(&[key.as_str().as_bytes(), place.as_flattened()]);
        let cache = CacheLifetime::Revalidate;
        let answer = self.representation(part.content_type(), cache, tag, part.len);
        self.stored(answer, key, part.offset).await
    }

    /// A whole object.
    pub(crate) async fn object(
        &self,
        key: &MediaKey,
        cache: CacheLifetime,
    ) -> Result<Response, StreamError> {
        let size = self.size(key).await?;
        let tag = etag(&[key.as_str().as_bytes(), &size.to_be_bytes()]);
        let answer = self.representation(key.content_type(), cache, tag, size);
        self.stored(answer, key, 0).await
    }
}

/// How long a track's bytes may be kept elsewhere. They never change; but those of an upload that is not
/// stored are gone when it is cancelled.
fn lifetime(track: &PresentedTrack) -> CacheLifetime {
    if track.arrives() {
        CacheLifetime::NoStore
    } else {
        CacheLifetime::Immutable
    }
}

/// Where the playlist of its key frames is, if there is one: the frames of a track that grows are not counted.
fn i_frames_of(track: &PresentedTrack, table: &TrackTable) -> Option<String> {
    table.first_frames.as_ref().filter(|_| !track.grows())?;
    Some(MediaFile::Track(track.name.clone(), TrackFile::IFrames).to_string())
}

pub(crate) fn media_type(table: &TrackTable) -> &'static str {
    match table.kind {
        virga_media::TrackKind::Audio => "audio/mp4",
        _ => "video/mp4",
    }
}

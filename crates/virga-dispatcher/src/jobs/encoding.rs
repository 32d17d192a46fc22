//! What the jobs that run ffmpeg share: the source under its fixed name in scratch, what it is, and
//! how an encoded file becomes a track.

use std::{path::Path, sync::Arc};
use virga_core::{Code, MediaKey};

use tokio::task::spawn_blocking;
use virga_db::{TrackRow, TrackRowKind, VideoRow, tracks};
use virga_media::{
    Movie, Rung, SourceShape, TrackTable, TranscodeReason, first_shown, ladder, plan_audio,
    plan_video, shape,
};

use super::copied;
use crate::{
    ffmpeg::{self, FfmpegRun, Probed, Stretch},
    job_result::JobError,
    media::{Excerpt, Media, Source, index_own},
    pack::Packed,
    scratch::{self, Scratch},
    work::Work,
};

/// A source ready to be decoded.
#[derive(Debug)]
pub(super) struct Ready {
    scratch: Scratch,
    pub(super) source: Source,
    pub(super) probed: Probed,
    /// The source's shape, if its own picture has been copied.
    pub(super) copied: Option<SourceShape>,
}

impl Ready {
    /// Brings the source to scratch and asks ffprobe what it is.
    pub(super) async fn open(work: &Work<'_>, row: &VideoRow) -> Result<Self, JobError> {
        let key = Work::source(row)?;
        let source = Source::inspect(&work.app().store, &key).await?;
        Self::of(work, &key, source).await
    }

    /// The same for rungs next to the source's own picture or instead of it: the source is looked at whole.
    pub(super) async fn for_rungs(work: &Work<'_>, row: &VideoRow) -> Result<Self, JobError> {
        let mut ready = Self::open(work, row).await?;
        let media = ready.media()?;
        ready.source.walk(work, &media).await?;
        let tracks = tracks::of_video(work.app().db.read(), work.video()).await?;
        let published =
            |track: &TrackRow| track.kind == TrackRowKind::Video && track.rung.is_none();
        // Where ffmpeg sees something else in it than our own reader, it is not published.
        ready.source.own = ready
            .source
            .own
            .filter(|own| !own.everywhere || tracks.iter().any(published));
        ready.copied =
            copied::shape(work, (ready.source.container, &ready.probed), &tracks).await?;
        Ok(ready)
    }

    /// The same to decode a part of the film and nothing else of it: of a bucket, no more than that is read.
    pub(super) async fn for_stretch(
        work: &Work<'_>,
        row: &VideoRow,
        stretch: Stretch,
    ) -> Result<Self, JobError> {
        let key = Work::source(row)?;
        let store = &work.app().store;
        let mut source = Source::sniffed(store, &key).await?;
        if source.junk.len > 0 {
            source = Source::inspect(store, &key).await?;
        } else if store.free_space().await?.is_none()
            && let Some(part) = Excerpt::plan(&source.media, source.container, stretch).await?
        {
            scratch::prepare(&work.dispatcher.scratch)?;
            let scratch = Scratch::open(work, part.len())?;
            part.write(&scratch.input()).await?;
            return Self::probed(work, scratch, source).await;
        }
        Self::of(work, &key, source).await
    }

    pub(super) async fn of(
        work: &Work<'_>,
        key: &MediaKey,
        source: Source,
    ) -> Result<Self, JobError> {
        let store = &work.app().store;
        scratch::prepare(&work.dispatcher.scratch)?;
        let (_, total) = scratch::disk(&work.dispatcher.scratch)?;
        // On the store's own disk the source is a hard link.
        let room = store.free_space().await?;
        let linked = room.is_some_and(|room| room.total == total);
        let need = if linked { 0 } else { source.media.len };
        let scratch = Scratch::open(work, need)?;
        store.link_to(key, &scratch.input()).await?;
        Self::probed(work, scratch, source).await
    }

    async fn probed(work: &Work<'_>, scratch: Scratch, source: Source) -> Result<Self, JobError> {
        let session = FfmpegRun::new(work, scratch.folder(), (source.container, source.junk));
        let probed = ffmpeg::probe(&session).await?;
        Ok(Self {
            scratch,
            source,
            probed,
            copied: None,
        })
    }

    /// The source's bytes in scratch.
    pub(super) fn media(&self) -> Result<Media, JobError> {
        Media::scratch(&self.scratch.input())
    }

    pub(super) fn session<'a>(&'a self, work: &Work<'a>) -> FfmpegRun<'a> {
        FfmpegRun::new(
            work,
            self.scratch.folder(),
            (self.source.container, self.source.junk),
        )
    }

    /// The shape that decides the ladder.
    pub(super) fn shape(&self) -> Result<SourceShape, JobError> {
        if let Some(shape) = &self.copied {
            return Ok(shape.clone());
        }
        match (&self.source.movie, self.source.own) {
            (Some(movie), Some(own)) if own.everywhere => {
                Ok(shape(movie).ok_or(TranscodeReason::NoVideo)?)
            }
            _ => Ok(self.probed.shape.clone()),
        }
    }

    pub(super) fn ladder(&self, work: &Work<'_>) -> Result<Vec<Rung>, JobError> {
        Ok(ladder(&self.shape()?, work.config().max_height))
    }

    /// Whether an encoded picture is not smaller by a tenth than the source's own, which is served itself.
    pub(super) fn outweighed_by(&self, written: &Written) -> Result<bool, JobError> {
        let own = self.shape()?.instant_bitrate;
        let made = shape(&written.movie).map_or(0, |it| it.video_bitrate);
        let outweighed = own.is_some_and(|own| made.saturating_mul(10) >= own.saturating_mul(9));
        if outweighed {
            tracing::info!(own, made, "a rung is hardly smaller than the source");
        }
        Ok(outweighed)
    }

    /// Whether the disk has room for these rungs, in scratch and as objects.
    pub(super) fn require(&self, work: &Work<'_>, rungs: &[Rung]) -> Result<(), JobError> {
        self.require_for(work, rungs, Stretch::ALL)
    }

    /// The same for a part of the film.
    pub(super) fn require_for(
        &self,
        work: &Work<'_>,
        rungs: &[Rung],
        stretch: Stretch,
    ) -> Result<(), JobError> {
        let length = stretch.length(self.probed.shape.duration_micros);
        let need = ffmpeg::most_bytes(rungs, length);
        scratch::require(work, need.saturating_mul(2))
    }
}

/// A file that the encoder wrote.
#[derive(Clone, Debug)]
pub(super) struct Written {
    pub(super) media: Media,
    pub(super) movie: Arc<Movie>,
}

impl Written {
    pub(super) async fn open(path: &Path) -> Result<Self, JobError> {
        let media = Media::scratch(path)?;
        let movie = Arc::new(index_own(&media).await?);
        Ok(Self { media, movie })
    }

    /// A track object.
    pub(super) async fn stored(work: &Work<'_>, object: &MediaKey) -> Result<Self, JobError> {
        let media = Media::stored(&work.app().store, object).await?;
        let movie = Arc::new(index_own(&media).await?);
        Ok(Self { media, movie })
    }

    /// A file whose index was read while it was written.
    pub(super) fn read(path: &Path, movie: Movie) -> Result<Self, JobError> {
        let media = Media::scratch(path)?;
        let movie = Arc::new(movie);
        Ok(Self { media, movie })
    }

    /// When the first frame is shown on the clock of the encode, microseconds.
    pub(super) fn first_shown(&self) -> i64 {
        self.movie
            .video()
            .map_or(0, |track| first_shown(&self.movie, track))
    }

    /// Makes it the video track of a rung, whose last frame is held until `until` microseconds if it
    /// ends before that.
    pub(super) async fn put_picture(
        &self,
        work: &Work<'_>,
        name: String,
        rung: &Rung,
        until: i64,
    ) -> Result<(TrackRow, TrackTable), JobError> {
        let track = self
            .movie
            .video()
            .filter(|track| !self.movie.tracks[*track].samples.is_empty());
        let track = track.ok_or_else(no_frame)?;
        let movie = Arc::clone(&self.movie);
        let planned = spawn_blocking(move || plan_video(&movie, track, until)).await??;
        let table = planned.table.clone();
        let packed = Packed::encoded(name, Some(rung.name.clone()), planned);
        Ok((packed.put(work, &self.media).await?, table))
    }

    /// How long its picture is shown, microseconds.
    pub(super) fn shown(&self) -> i64 {
        self.movie.video().map_or(0, |track| {
            virga_media::ends(&self.movie, track, self.first_shown())
        })
    }

    /// When its sound ends, if its moment `origin` is 0, microseconds.
    pub(super) fn ends(&self, origin: i64) -> i64 {
        self.audible()
            .map_or(0, |track| virga_media::ends(&self.movie, track, origin))
    }

    /// The track to hear, if it holds any sound.
    pub(super) fn audible(&self) -> Option<usize> {
        self.movie
            .audio()
            .filter(|track| !self.movie.tracks[*track].samples.is_empty())
    }

    /// Makes an audio track of it whose moment `origin` is 0, cut near the picture's segments if there are any.
    pub(super) async fn put_sound(
        &self,
        work: &Work<'_>,
        name: String,
        origin: i64,
        picture: Option<&TrackTable>,
    ) -> Result<Option<TrackRow>, JobError> {
        let Some(track) = self.audible() else {
            return Ok(None);
        };
        let starts = picture.map(starts).unwrap_or_default();
        let movie = Arc::clone(&self.movie);
        let planned = spawn_blocking(move || plan_audio(&movie, track, origin, &starts)).await??;
        let packed = Packed::encoded(name, None, planned);
        Ok(Some(packed.put(work, &self.media).await?))
    }
}

/// When the segments of a picture begin, without the first, microseconds.
pub(super) fn starts(picture: &TrackTable) -> Vec<i64> {
    let starts = (1..picture.segments()).map(|n| picture.start_micros(n));
    starts.collect()
}

/// The encoder ended well without a picture.
pub(super) fn no_frame() -> JobError {
    let text = "Its picture cannot be decoded: no frame came out.";
    JobError::fail(Code::Damaged, text)
}

/// The name of the track that this job makes of a rung.
pub(super) fn name_of(work: &Work<'_>, rung: &Rung) -> String {
    format!("{}-{}", rung.name, work.job.id)
}

//! Media bytes in the store or on scratch, read the same way, and what they are.

mod excerpt;
mod junk;
mod matroska;
mod samples;

use std::{fs::File, os::unix::fs::FileExt, path::Path, sync::Arc};
use virga_core::{MediaKey, UploadId};

use bytes::Bytes;
use futures_util::{StreamExt, future::try_join_all};
use tokio::task::spawn_blocking;
use virga_media::{
    Choice, Choices, Container, FragmentStep, FragmentWalk, InstantTracks, MediaError, MoovLocator,
    Movie, SNIFF_LEN, Step, TranscodeReason, choose, choose_sound, sniff_behind, tag_length,
};
use virga_objects::{ObjectError, ObjectWriter, Piece, SharedSessions, SharedStore};

use crate::{job_result::JobError, work::Work};
pub(crate) use excerpt::Excerpt;
pub(crate) use junk::Junk;
use samples::Extent;

/// Bytes in one read.
const STEP: u64 = 1 << 20;

/// One media file.
#[derive(Clone, Debug)]
pub(crate) struct Media {
    pub(crate) len: u64,
    place: Place,
}

#[derive(Clone, Debug)]
enum Place {
    Store(SharedStore, MediaKey),
    Scratch(Arc<File>),
    /// An upload that still arrives.
    Arriving(SharedSessions, UploadId),
    /// Files as one, each with where it begins.
    Chain(Arc<[(u64, Media)]>),
    /// What is behind so many bytes of another.
    Behind(Arc<Media>, u64),
}

impl Media {
    pub(crate) async fn stored(store: &SharedStore, key: &MediaKey) -> Result<Self, JobError> {
        let len = store.stat(key).await?.size;
        let place = Place::Store(Arc::clone(store), key.clone());
        Ok(Self { len, place })
    }

    /// What is here of an upload of `len` bytes.
    pub(crate) fn arriving(sessions: &SharedSessions, upload: UploadId, len: u64) -> Self {
        let place = Place::Arriving(Arc::clone(sessions), upload);
        Self { len, place }
    }

    pub(crate) fn scratch(path: &Path) -> Result<Self, JobError> {
        let file = File::open(path)?;
        let len = file.metadata()?.len();
        let place = Place::Scratch(Arc::new(file));
        Ok(Self { len, place })
    }

    /// These, one after another.
    pub(crate) fn chain(parts: impl IntoIterator<Item = Self>) -> Self {
        let mut len = 0;
        let begin = |part: Self| {
            let begins = len;
            len += part.len;
            (begins, part)
        };
        let place = Place::Chain(parts.into_iter().map(begin).collect());
        Self { len, place }
    }

    /// What is behind `junk` bytes.
    fn behind(&self, junk: u64) -> Self {
        if junk == 0 {
            return self.clone();
        }
        Self {
            len: self.len.saturating_sub(junk),
            place: Place::Behind(Arc::new(self.clone()), junk),
        }
    }

    /// A range as it is; `len` is bounded by the caller.
    pub(crate) async fn read(&self, offset: u64, len: u64) -> Result<Bytes, JobError> {
        match &self.place {
            Place::Store(store, key) if len <= virga_objects::READ_LIMIT => {
                Ok(store.read(key, offset..offset + len).await?)
            }
            Place::Store(store, key) => {
                let mut all = Vec::with_capacity(usize::try_from(len).unwrap_or(0));
                let mut stream = store.stream(key, offset..offset + len).await?;
                while let Some(bytes) = stream.next().await {
                    all.extend_from_slice(&bytes?);
                }
                Ok(all.into())
            }
            Place::Scratch(file) => read_at(file, offset, len).await,
            Place::Arriving(sessions, upload) => {
                let piece = (offset, u32::try_from(len).map_err(|_| JobError::NotHere)?);
                let read = sessions.read_parts(*upload, vec![piece]).await;
                let mut stream = read.map_err(not_here)?;
                let mut all = Vec::with_capacity(usize::try_from(len).unwrap_or(0));
                while let Some(bytes) = stream.next().await {
                    all.extend_from_slice(&bytes?);
                }
                Ok(all.into())
            }
            Place::Chain(parts) => {
                let (part, offset) = of_chain(parts, offset);
                Box::pin(part.read(offset, len)).await
            }
            Place::Behind(media, junk) => Box::pin(media.read(junk + offset, len)).await,
        }
    }

    /// Appends ranges to an object, one after another, a bounded piece at a time.
    pub(crate) async fn copy(
        &self,
        pieces: Vec<Piece>,
        to: &mut dyn ObjectWriter,
    ) -> Result<(), JobError> {
        match &self.place {
            Place::Store(store, key) => {
                let mut stream = store.read_pieces(key, pieces).await?;
                while let Some(bytes) = stream.next().await {
                    to.write(bytes?).await?;
                }
            }
            // Nothing is made of an upload before it is whole.
            Place::Arriving(..) => return Err(JobError::NotHere),
            Place::Scratch(file) => {
                for (offset, len) in pieces {
                    let end = offset + u64::from(len);
                    let mut at = offset;
                    while at < end {
                        let step = STEP.min(end - at);
                        to.write(read_at(file, at, step).await?).await?;
                        at += step;
                    }
                }
            }
            Place::Chain(parts) => {
                for (offset, len) in pieces {
                    let (part, offset) = of_chain(parts, offset);
                    Box::pin(part.copy(vec![(offset, len)], to)).await?;
                }
            }
            Place::Behind(media, junk) => {
                let pieces = pieces.into_iter().map(|(at, len)| (junk + at, len));
                Box::pin(media.copy(pieces.collect(), to)).await?;
            }
        }
        Ok(())
    }
}

fn not_here(error: ObjectError) -> JobError {
    match error {
        ObjectError::PartsMissing(_) | ObjectError::NoSession(_) => JobError::NotHere,
        error => error.into(),
    }
}

/// The file of a chain that holds an offset, and the offset within that file. A range never crosses two files.
fn of_chain(parts: &[(u64, Media)], offset: u64) -> (&Media, u64) {
    let before = parts.partition_point(|(begins, _)| *begins <= offset);
    let (begins, part) = &parts[before.saturating_sub(1)];
    (part, offset - begins)
}

async fn read_at(file: &Arc<File>, offset: u64, len: u64) -> Result<Bytes, JobError> {
    let file = Arc::clone(file);
    let read = spawn_blocking(move || {
        let mut buffer = vec![0; usize::try_from(len).unwrap_or(0)];
        file.read_exact_at(&mut buffer, offset).map(|()| buffer)
    });
    Ok(read.await??.into())
}

/// What a source is, by ranged reads alone.
#[derive(Clone, Debug)]
pub(crate) struct Source {
    pub(crate) media: Media,
    pub(crate) container: Container,
    pub(crate) junk: Junk,
    /// Its index, where this program can read it.
    pub(crate) movie: Option<Arc<Movie>>,
    /// What browsers play of it as it is.
    pub(crate) own: Option<Own>,
    /// What becomes of its sound, if our own reader finds no picture.
    sound_only: Option<Choice>,
}

/// The tracks of a source whose picture browsers play as it is, all of them or some.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Own {
    pub(crate) picture: usize,
    /// Whether all browsers do; if not, the picture is also encoded for the others.
    pub(crate) everywhere: bool,
    pub(crate) sound: OwnSound,
}

/// What becomes of the sound next to such a picture.
#[derive(Clone, Copy, Debug)]
pub(crate) enum OwnSound {
    /// There is none.
    None,
    /// Browsers play it as well.
    Plays(usize),
    /// It must be encoded.
    Encoded,
}

impl Own {
    /// `None`: not even the picture plays.
    fn of(choices: &Choices) -> Option<Self> {
        let everywhere = choices.video.against.is_none();
        if !everywhere && !choices.video.for_some {
            return None;
        }
        let sound = match choices.audio {
            None => OwnSound::None,
            Some(sound) if sound.against.is_none() => OwnSound::Plays(sound.track),
            Some(_) => OwnSound::Encoded,
        };
        Some(Self {
            picture: choices.video.track,
            everywhere,
            sound,
        })
    }

    /// The tracks of a file both of which play as they are.
    pub(crate) fn instant(self) -> Option<InstantTracks> {
        let audio = match self.sound {
            OwnSound::None => None,
            OwnSound::Plays(track) => Some(track),
            OwnSound::Encoded => return None,
        };
        Some(InstantTracks {
            video: self.picture,
            audio,
        })
    }
}

impl Source {
    /// What kind of file a source is, and nothing else of it.
    pub(crate) async fn sniffed(store: &SharedStore, key: &MediaKey) -> Result<Self, JobError> {
        let media = Media::stored(store, key).await?;
        let head = media.read(0, media.len.min(SNIFF_LEN as u64)).await?;
        let (container, len) = match tag_length(&head) {
            Some(tag) if tag >= head.len() as u64 => behind_tag(&media, tag).await?,
            _ => sniff_behind(&head)?,
        };
        Ok(Self {
            container,
            junk: Junk::added(len),
            media,
            movie: None,
            own: None,
            sound_only: None,
        })
    }

    /// Looks at a source. Refuses what no encoder can mend.
    pub(crate) async fn inspect(store: &SharedStore, key: &MediaKey) -> Result<Self, JobError> {
        let mut source = Self::sniffed(store, key).await?;
        let container = source.container;
        if container == Container::Matroska {
            source.look_into_matroska().await?;
        }
        if container != Container::Mp4 {
            return Ok(source);
        }
        let media = source.media.behind(source.junk.len);
        let head = media.read(0, media.len.min(SNIFF_LEN as u64)).await?;
        let movie = match index(&media, &head).await {
            Ok(movie) => movie,
            Err(IndexError::Job(error)) => return Err(error),
            // Cut off, or never finished: nothing reads that.
            // Or a way to make much out of little.
            Err(IndexError::Media(
                error @ (MediaError::Truncated | MediaError::NoMoov | MediaError::Repeated),
            )) => {
                return Err(error.into());
            }
            // Beyond our own reader; ffmpeg may know it.
            Err(IndexError::Media(_)) => return Ok(source),
        };
        let mut movie = movie;
        if source.junk.len > 0 {
            (source.junk, movie) = source.junk.settle(&media, movie).await?;
        }
        movie.cut_off(source.media.len)?;
        match source.judge(&movie).await? {
            // The encoder makes of everything else what can be made.
            Ok(()) => {}
            Err(
                error @ (TranscodeReason::NoVideo
                | TranscodeReason::Truncated
                | TranscodeReason::External
                | TranscodeReason::Encrypted),
            ) => return Err(error.into()),
            Err(_) => {}
        }
        source.movie = Some(Arc::new(movie));
        Ok(source)
    }

    /// Decides about the tracks of its index.
    async fn judge(&mut self, movie: &Movie) -> Result<Result<(), TranscodeReason>, JobError> {
        if movie.video().is_none() {
            return Ok(choose_sound(movie).map(|sound| self.sound_only = Some(sound)));
        }
        match choose(movie) {
            Ok(choices) => {
                self.own = own(&self.media, movie, &choices).await?;
                Ok(Ok(()))
            }
            Err(reason) => Ok(Err(reason)),
        }
    }

    /// What browsers play as it is, in a container that they do not: the frames lie there as in an
    /// MP4. The encoder makes of everything else what can be made.
    async fn look_into_matroska(&mut self) -> Result<(), JobError> {
        let Some(movie) = matroska::index(&self.media).await? else {
            return Ok(());
        };
        match self.judge(&movie).await? {
            Ok(()) => {
                let plays = self.own.is_some() || self.heard().is_some();
                self.movie = plays.then(|| Arc::new(movie));
            }
            Err(reason) => tracing::debug!(%reason, "a Matroska file is encoded"),
        }
        Ok(())
    }

    /// Looks at every sample of a large file, of which `inspect` saw some so that it plays soon, and
    /// believes its own tracks no longer if one is wrong. `media`: the same bytes, here or nearer.
    pub(crate) async fn walk(&mut self, work: &Work<'_>, media: &Media) -> Result<(), JobError> {
        if media.len <= samples::WHOLE {
            return Ok(());
        }
        if let (Some(movie), Some(own)) = (&self.movie, self.own) {
            let right = tokio::select! {
                right = samples::are_right(media, movie, own.picture, Extent::All) => right?,
                () = work.lease.halt.cancelled() => return Err(JobError::Interrupted),
            };
            if !right {
                self.own = None;
            }
        }
        Ok(())
    }

    /// The same for a job that needs nothing else of the source than to know which of its own tracks may be
    /// served. A small file is looked at again too: who published it may have been an earlier release, which
    /// did not look. `None`: it is refused.
    pub(crate) async fn again(work: &Work<'_>, key: &MediaKey) -> Result<Option<Self>, JobError> {
        let mut source = match Self::inspect(&work.app().store, key).await {
            // The encoder will say so to the owner.
            Err(JobError::Fail(_)) => return Ok(None),
            inspected => inspected?,
        };
        let media = source.media.clone();
        source.walk(work, &media).await?;
        Ok(Some(source))
    }

    /// The sound of a file without a picture, if browsers play it as it is.
    pub(crate) fn heard(&self) -> Option<usize> {
        let sound = self.sound_only.filter(|sound| sound.against.is_none())?;
        Some(sound.track)
    }

    /// The tracks of a file both of which play as they are.
    pub(crate) fn instant(&self) -> Option<InstantTracks> {
        self.own.and_then(Own::instant)
    }
}

/// What follows a tag that is longer than the bytes that are looked at: its cover may be.
async fn behind_tag(media: &Media, tag: u64) -> Result<(Container, u64), JobError> {
    let rest = media.len.saturating_sub(tag).min(SNIFF_LEN as u64);
    let behind = media.read(tag.min(media.len), rest).await?;
    Ok(match sniff_behind(&behind) {
        Ok((sound @ (Container::Flac | Container::Adts), _)) => (sound, 0),
        Ok((Container::Mp4, 0)) => (Container::Mp4, tag),
        _ => (Container::Mp3, 0),
    })
}

/// What browsers play as it is, by what is decided about the tracks and a look at some frames.
async fn own(media: &Media, movie: &Movie, choices: &Choices) -> Result<Option<Own>, JobError> {
    let Some(own) = Own::of(choices) else {
        return Ok(None);
    };
    let right = samples::are_right(media, movie, own.picture, Extent::Some).await?;
    Ok(right.then_some(own))
}

/// The index of an upload that still arrives, and what browsers play of it as it is. `None`: all of it is needed to
/// know, or to play.
pub(crate) async fn index_arriving(
    media: &Media,
) -> Result<Option<(Movie, InstantTracks)>, JobError> {
    let head = media.read(0, media.len.min(SNIFF_LEN as u64)).await?;
    if !matches!(sniff_behind(&head), Ok((Container::Mp4, 0))) {
        return Ok(None);
    }
    let place = match locate(media, &head).await {
        Err(IndexError::Job(error)) => return Err(error),
        Err(IndexError::Media(_)) => return Ok(None),
        Ok(place) => place,
    };
    let movie = match parse(media, &head, place).await {
        Err(IndexError::Job(error)) => return Err(error),
        Err(IndexError::Media(_)) => return Ok(None),
        Ok(movie) => movie,
    };
    if movie.fragmented {
        return Ok(None);
    }
    let own = choose(&movie).ok().as_ref().and_then(Own::of);
    let tracks = own.filter(|own| own.everywhere).and_then(Own::instant);
    Ok(tracks.map(|tracks| (movie, tracks)))
}

/// The index of a file that our own encoder wrote.
pub(crate) async fn index_own(media: &Media) -> Result<Movie, JobError> {
    let head = media.read(0, media.len.min(SNIFF_LEN as u64)).await?;
    index(media, &head).await.map_err(|error| match error {
        IndexError::Job(error) => error,
        IndexError::Media(error) => JobError::Retry(format!("the encoder's output: {error}")),
    })
}

enum IndexError {
    Job(JobError),
    Media(MediaError),
}

impl<E: Into<JobError>> From<E> for IndexError {
    fn from(error: E) -> Self {
        Self::Job(error.into())
    }
}

async fn index(media: &Media, head: &[u8]) -> Result<Movie, IndexError> {
    let place = locate(media, head).await?;
    let movie = parse(media, head, place).await?;
    if movie.fragmented {
        return gather(media, head, movie).await;
    }
    Ok(movie)
}

/// Where a file's index is, and how long.
async fn locate(media: &Media, head: &[u8]) -> Result<(u64, u64), IndexError> {
    let mut locator = MoovLocator::new(media.len);
    loop {
        match locator.step().map_err(IndexError::Media)? {
            Step::Read { offset: 0, len } if len <= head.len() as u64 => locator.feed(head),
            Step::Read { offset, len } => locator.feed(&media.read(offset, len).await?),
            Step::Found { offset, len } => return Ok((offset, len)),
        }
    }
}

async fn parse(media: &Media, head: &[u8], (offset, len): (u64, u64)) -> Result<Movie, IndexError> {
    let end = usize::try_from(offset + len).unwrap_or(usize::MAX);
    let moov = match head.get(usize::try_from(offset).unwrap_or(usize::MAX)..end) {
        Some(held) => Bytes::copy_from_slice(held),
        None => media.read(offset, len).await?,
    };
    let file_size = media.len;
    let parsed = spawn_blocking(move || Movie::parse(&moov, file_size));
    parsed.await?.map_err(IndexError::Media)
}

/// Fills a fragmented file's index with the samples of its fragments. One whose fragments are beyond
/// our own reader stays as it is: ffmpeg may know them.
async fn gather(media: &Media, head: &[u8], mut movie: Movie) -> Result<Movie, IndexError> {
    let mut walk = match FragmentWalk::new(&movie, media.len) {
        Ok(walk) => walk,
        Err(error) => return Ok(beyond(&error, movie)),
    };
    walk.feed(0, head);
    loop {
        let ranges = match walk.step() {
            Ok(FragmentStep::Read(ranges)) => ranges,
            Ok(FragmentStep::Done) => break,
            Err(error) => return Ok(beyond(&error, movie)),
        };
        let read = |(offset, len)| async move {
            let bytes = media.read(offset, len).await?;
            Ok::<_, JobError>((offset, bytes))
        };
        for (offset, bytes) in try_join_all(ranges.into_iter().map(read)).await? {
            walk.feed(offset, &bytes);
        }
    }
    if walk.is_cut_off() {
        tracing::info!("the file ends within a fragment; what is before plays");
        movie.cut_from = Some(movie.duration_micros);
    }
    let filled = spawn_blocking(move || walk.finish(&mut movie).map(|()| movie));
    filled.await?.map_err(IndexError::Media)
}

fn beyond(error: &MediaError, movie: Movie) -> Movie {
    tracing::info!(%error, "its fragments are left to ffmpeg");
    movie
}

//! Subtitles and chapters of the file as `WebVTT` files, in one object.

use virga_core::{FilmText, FilmTexts, MediaKey, TextKind};
use virga_media::{Container, FilmSpan, chapters_webvtt, language_tag, subtitles_webvtt};
use virga_objects::ObjectWriter;

use super::{encoding::Ready, labels::Labels};
use crate::{
    ffmpeg::{self, Stretch, TextStream},
    job_result::{JobError, JobResult, Outcome},
    work::Work,
};

/// A stretch that is in the beginning of every file.
const HEAD: Stretch = Stretch {
    from: 0,
    until: Some(1),
};

/// Whether files of this kind can have any that are read here.
pub(super) fn may_be_in(container: Container) -> bool {
    matches!(
        container,
        Container::Mp4 | Container::Matroska | Container::Ogg | Container::Mp3 | Container::Flac
    )
}

pub(crate) async fn run(work: &Work<'_>) -> Result<JobResult, JobError> {
    let row = work.row().await?;
    let mut ready = Ready::for_stretch(work, &row, HEAD).await?;
    let mut found = ffmpeg::find_texts(&ready.session(work)).await?;
    if found.is_empty() {
        return Ok(Outcome::default().into());
    }
    if work.app().store.free_space().await?.is_none() {
        // Of a bucket, its head was enough to see that there are any. Its folder is taken over.
        drop(ready);
        ready = Ready::open(work, &row).await?;
        found = ffmpeg::find_texts(&ready.session(work)).await?;
    }
    let length = row.duration.unwrap_or(ready.probed.shape.duration_micros);
    let begins = ready.probed.first_micros.unwrap_or(found.begins);
    let film = FilmSpan {
        begins: begins / 1000,
        length: u64::try_from(length / 1000).unwrap_or(0),
    };
    let session = ready.session(work);
    let streams = ffmpeg::extract_texts(&session, &ready.probed, &found).await?;
    let key = MediaKey::texts(work.video(), work.job.id, work.attempt());
    let mut writer = TextsWriter::open(work, key, film).await?;
    for (stream, path) in streams {
        work.check()?;
        let script = tokio::fs::read(&path).await?;
        let made = tokio::task::spawn_blocking(move || {
            subtitles_webvtt(&String::from_utf8_lossy(&script), film)
        });
        if let Some(text) = made.await? {
            writer.add_subtitles(stream, text).await?;
        }
    }
    if let Some(text) = chapters_webvtt(&found.chapters, film) {
        writer.add_chapters(text).await?;
    }
    let texts = writer.end().await?;
    Ok(Outcome {
        texts,
        ..Outcome::default()
    }
    .into())
}

/// Writes one text after another into the object.
struct TextsWriter {
    object: Box<dyn ObjectWriter>,
    texts: FilmTexts,
    labels: Labels,
    at: u64,
}

impl TextsWriter {
    async fn open(work: &Work<'_>, key: MediaKey, film: FilmSpan) -> Result<Self, JobError> {
        Ok(Self {
            object: work.writer(&key).await?,
            texts: FilmTexts {
                object: key,
                duration: film.length,
                tracks: Vec::new(),
            },
            labels: Labels::default(),
            at: 0,
        })
    }

    async fn add_subtitles(&mut self, stream: &TextStream, text: String) -> Result<(), JobError> {
        let language = stream.language.as_deref().and_then(language_tag);
        let label = self.labels.name(&stream.title, language.as_deref());
        let kind = if stream.captions {
            TextKind::Captions
        } else {
            TextKind::Subtitles
        };
        // Some programs call every subtitle of a file its default.
        let taken = self.texts.tracks.iter().any(|text| text.default);
        let added = FilmText {
            n: 0,
            kind,
            language,
            label,
            default: stream.default && !taken,
            forced: stream.forced,
            offset: 0,
            len: 0,
        };
        self.add(added, text).await
    }

    async fn add_chapters(&mut self, text: String) -> Result<(), JobError> {
        let added = FilmText {
            n: 0,
            kind: TextKind::Chapters,
            language: None,
            label: None,
            default: false,
            forced: false,
            offset: 0,
            len: 0,
        };
        self.add(added, text).await
    }

    async fn add(&mut self, mut added: FilmText, text: String) -> Result<(), JobError> {
        added.n = u32::try_from(self.texts.tracks.len()).unwrap_or(u32::MAX);
        (added.offset, added.len) = (self.at, text.len() as u64);
        self.at += added.len;
        self.object.write(text.into()).await?;
        self.texts.tracks.push(added);
        Ok(())
    }

    /// `None`, and no object, if there was nothing to read.
    async fn end(self) -> Result<Option<FilmTexts>, JobError> {
        if self.texts.tracks.is_empty() {
            return Ok(None);
        }
        self.object.commit().await?;
        Ok(Some(self.texts))
    }
}

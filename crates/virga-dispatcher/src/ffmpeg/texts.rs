//! Subtitles that ffmpeg decodes as text, and chapters. Every subtitle comes out as an ASS script, into which ffmpeg
//! turns all of them; ours is to make of it what browsers show.

use std::path::PathBuf;

use serde::Deserialize;
use virga_core::Code;
use virga_media::{ChapterMark, Container};

use super::{
    Arguments, FfmpegRun, Probed,
    answer::{Stream, Tags, micros},
    deadline,
    probe::entries,
    process::{self, Bounds},
    quietly, span,
};
use crate::job_result::JobError;

/// Codings of subtitles that are text, by ffmpeg's name of the coding or the decoder.
const CODINGS: [&str; 7] = ["subrip", "srt", "ass", "ssa", "mov_text", "webvtt", "text"];
/// Subtitles of a film at most; the others are left out.
const MOST_STREAMS: usize = 32;
/// Bytes of one script; ffmpeg ends it there.
const MOST_BYTES: u64 = 4 << 20;
/// Decoders of other streams that ffprobe opens on its way.
const MOST_UNLISTED: usize = 16;

const ENTRIES: &str = "format=start_time:stream=index,codec_type,codec_name:\
    stream_disposition=default,forced,hearing_impaired:stream_tags=language,title,handler_name:\
    chapter=start_time:chapter_tags=title";

/// What a file has to read.
#[derive(Clone, Debug)]
pub(crate) struct FoundTexts {
    /// The file's earliest moment, microseconds.
    pub(crate) begins: i64,
    pub(crate) streams: Vec<TextStream>,
    pub(crate) chapters: Vec<ChapterMark>,
}

/// One subtitle.
#[derive(Clone, Debug)]
pub(crate) struct TextStream {
    index: usize,
    /// As the file has it.
    pub(crate) language: Option<String>,
    /// As the file has it; may be empty.
    pub(crate) title: String,
    pub(crate) default: bool,
    pub(crate) forced: bool,
    /// For who does not hear.
    pub(crate) captions: bool,
}

impl FoundTexts {
    pub(crate) fn is_empty(&self) -> bool {
        self.streams.is_empty() && self.chapters.is_empty()
    }
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Answer {
    format: Head,
    streams: Vec<Stream>,
    chapters: Vec<Chapter>,
}

#[derive(Debug, Default, Deserialize)]
struct Head {
    start_time: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Chapter {
    start_time: Option<String>,
    tags: Tags,
}

/// Asks ffprobe what there is.
pub(crate) async fn find_texts(session: &FfmpegRun<'_>) -> Result<FoundTexts, JobError> {
    let decoders = CODINGS.map(str::to_owned).into();
    let answer = entries(session, ENTRIES, (decoders, MOST_UNLISTED)).await?;
    // One that is cut off had more chapters than any film.
    let answer: Answer = serde_json::from_slice(&answer)
        .map_err(|_| JobError::fail(Code::Damaged, "Its chapters cannot be read."))?;
    Ok(read(answer, session.container))
}

fn read(answer: Answer, container: Container) -> FoundTexts {
    let is_text = |stream: &Stream| {
        stream.codec_type == "subtitle" && CODINGS.contains(&stream.codec_name.as_str())
    };
    let texts = answer.streams.into_iter().filter(is_text);
    let chapter = |chapter: Chapter| {
        Some(ChapterMark {
            from: micros(chapter.start_time.as_deref())? / 1000,
            title: chapter.tags.title.unwrap_or_default(),
        })
    };
    FoundTexts {
        begins: micros(answer.format.start_time.as_deref()).unwrap_or(0),
        streams: texts
            .take(MOST_STREAMS)
            .map(|text| stream(text, container))
            .collect(),
        chapters: answer.chapters.into_iter().filter_map(chapter).collect(),
    }
}

fn stream(stream: Stream, container: Container) -> TextStream {
    TextStream {
        index: stream.index,
        language: stream.tags.language.clone(),
        title: stream.tags.name(),
        // What ffmpeg calls so in MP4 is the flag of a track that is not switched off; one always is.
        default: stream.disposition.default != 0 && container != Container::Mp4,
        forced: stream.disposition.forced != 0,
        captions: stream.disposition.hearing_impaired != 0,
    }
}

/// Decodes all subtitles in one pass over the file. If that fails, each by itself: a damaged one is left out.
pub(crate) async fn extract_texts<'a>(
    session: &FfmpegRun<'_>,
    probed: &Probed,
    found: &'a FoundTexts,
) -> Result<Vec<(&'a TextStream, PathBuf)>, JobError> {
    let path = |stream: &TextStream| session.folder.join(name(stream));
    if found.streams.is_empty() {
        return Ok(Vec::new());
    }
    let all: Vec<&TextStream> = found.streams.iter().collect();
    let mut written = Vec::new();
    match extract(session, probed, &all).await {
        Ok(()) => written = all,
        Err(JobError::Fail(_) | JobError::Broke(_)) if all.len() > 1 => {
            for stream in all {
                match extract(session, probed, &[stream]).await {
                    Ok(()) => written.push(stream),
                    Err(JobError::Fail(_) | JobError::Broke(_)) => {
                        tracing::info!(stream = stream.index, "a subtitle cannot be decoded");
                    }
                    Err(other) => return Err(other),
                }
            }
        }
        Err(other) => return Err(other),
    }
    let files = written.into_iter().map(|stream| (stream, path(stream)));
    Ok(files.filter(|(_, path)| path.is_file()).collect())
}

fn name(stream: &TextStream) -> String {
    format!("text-{}.ass", stream.index)
}

async fn extract(
    session: &FfmpegRun<'_>,
    probed: &Probed,
    streams: &[&TextStream],
) -> Result<(), JobError> {
    let mut arguments = Arguments::default();
    quietly(&mut arguments);
    session.guard(&mut arguments, &CODINGS.map(str::to_owned));
    // On the file's own timeline.
    arguments.words("-copyts");
    session.open(&mut arguments);
    let moving = probed.picture.as_ref().map(|picture| picture.stream);
    if let (Container::Matroska, Some(picture)) = (session.container, moving) {
        // It is read anyway: its packets are the progress that is watched.
        arguments.pair("-map", format!("0:{picture}"));
        arguments.words("-c copy -f null");
        arguments = arguments.last("-");
    }
    for stream in streams {
        arguments.pair("-map", format!("0:{}", stream.index));
        arguments.words("-map_metadata -1 -c:s ass");
        arguments.pair("-fs", MOST_BYTES);
        arguments.words("-f ass");
        arguments = arguments.last(&name(stream));
    }
    let length = span(probed.shape.duration_micros);
    let bounds = Bounds {
        deadline: deadline(length),
        file: 2 * MOST_BYTES,
        pixels: 0,
        memory: session.config.resident(0, 0),
    };
    process::encode(session, arguments, bounds, length).await
}

//! The sounds of a file that has several: what it says of them, and those that must be encoded.

use std::path::PathBuf;

use virga_core::{Code, presentation::SoundKind};

use super::{
    FfmpegRun, Probed, SoundAlone,
    answer::{Answer, Stream},
    codecs, deadline,
    encode::{most_bytes, sound_output},
    probe::entries,
    process::{self, Bounds},
    span,
};
use crate::job_result::JobError;

/// Decoders of other streams that ffprobe opens on its way.
const MOST_UNLISTED: usize = 16;

const ENTRIES: &str = "stream=index,codec_type,codec_name,channels:\
    stream_disposition=comment,visual_impaired:stream_tags=language,title,handler_name";

/// One sound.
#[derive(Clone, Debug)]
pub(crate) struct SoundStream {
    pub(crate) index: usize,
    /// Whether it can be decoded here.
    pub(crate) decodes: bool,
    /// As the file has it.
    pub(crate) language: Option<String>,
    /// As the file has it; may be empty.
    pub(crate) title: String,
    pub(crate) kind: SoundKind,
}

/// Asks ffprobe for all sounds, in the order of the file.
pub(crate) async fn find_sounds(session: &FfmpegRun<'_>) -> Result<Vec<SoundStream>, JobError> {
    let answer = entries(session, ENTRIES, (Vec::new(), MOST_UNLISTED)).await?;
    let answer: Answer = serde_json::from_slice(&answer)
        .map_err(|_| JobError::fail(Code::Damaged, "Its sounds cannot be told apart."))?;
    let sounds = answer.streams.into_iter();
    let sounds = sounds.filter(|stream| stream.codec_type == "audio");
    Ok(sounds.map(read).collect())
}

fn read(stream: Stream) -> SoundStream {
    SoundStream {
        index: stream.index,
        decodes: codecs::is_sound(&stream.codec_name) && stream.channels > 0,
        language: stream.tags.language.clone(),
        title: stream.tags.name(),
        kind: match (
            stream.disposition.comment,
            stream.disposition.visual_impaired,
        ) {
            (0, 0) => SoundKind::Alternate,
            (0, _) => SoundKind::Description,
            _ => SoundKind::Commentary,
        },
    }
}

/// Encodes these streams in one pass over the file, each into a file of its own. If that fails, each by itself:
/// a damaged one is left out.
pub(crate) async fn encode_sounds(
    session: &FfmpegRun<'_>,
    probed: &Probed,
    streams: &[usize],
    what: SoundAlone,
) -> Result<Vec<(usize, PathBuf)>, JobError> {
    if streams.is_empty() {
        return Ok(Vec::new());
    }
    let mut written = Vec::new();
    match encode(session, probed, streams, what).await {
        Ok(()) => written = streams.to_vec(),
        Err(JobError::Fail(_) | JobError::Broke(_)) => {
            for stream in streams {
                match encode(session, probed, &[*stream], what).await {
                    Ok(()) => written.push(*stream),
                    Err(JobError::Fail(_) | JobError::Broke(_)) => {
                        tracing::info!(stream, "a sound cannot be decoded");
                    }
                    Err(other) => return Err(other),
                }
            }
        }
        Err(other) => return Err(other),
    }
    let path = |stream: usize| (stream, session.folder.join(name(stream)));
    let files = written.into_iter().map(path);
    Ok(files.filter(|(_, path)| path.is_file()).collect())
}

fn name(stream: usize) -> String {
    format!("sound-{stream}.mp4")
}

async fn encode(
    session: &FfmpegRun<'_>,
    probed: &Probed,
    streams: &[usize],
    what: SoundAlone,
) -> Result<(), JobError> {
    let mut arguments = session.input(None, false);
    for stream in streams {
        let alone = Probed {
            sound: vec![*stream],
            sound_begins: None,
            ..probed.clone()
        };
        let output = sound_output(what.late, &alone, what.picture);
        arguments.append(output.last(&name(*stream)));
    }
    let length = probed.shape.duration_micros;
    let bounds = Bounds {
        deadline: deadline(span(length)),
        file: most_bytes(&[], length.saturating_mul(2)),
        pixels: 0,
        memory: session.config.resident(0, 0),
    };
    process::encode(session, arguments, bounds, span(length)).await
}

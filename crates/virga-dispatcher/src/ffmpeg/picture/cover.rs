//! The picture of a film without one: the cover that came with it, or the waveform of its sound.

use std::time::Duration;
use virga_core::Code;

use super::{
    DEADLINE, FfmpegRun, MOST_BYTES, Pictures, Probed, SMALLER, filters, outputs, pictures,
    process::{self, Bounds},
    span,
};
use crate::{ffmpeg::deadline, job_result::JobError};

/// As wide and high as the box in which such a film is shown.
const SIZE: (u32, u32) = (1280, 720);
/// The same, small, for the blur behind a cover.
const BLUR: (u32, u32) = (64, 36);
/// Width and height of the waveform.
const WAVE: (u32, u32) = (1120, 400);
/// The waveform, and what is behind it.
const COLOURS: (&str, &str) = ("0x2b9cc4", "0x0e141a");
/// The waveform's filter keeps all samples until the end, so there are not to be more than about this many …
const MOST_SAMPLES: u64 = 8_000_000;
/// … at a rate between these.
const RATES: (u64, u64) = (500, 8000);

/// Takes the cover, or draws the waveform where there is none that can be decoded.
pub(super) async fn picture(
    session: &FfmpegRun<'_>,
    probed: &Probed,
) -> Result<Pictures, JobError> {
    match take(session, probed, &SMALLER).await {
        Err(JobError::LacksEncoder(_)) => take(session, probed, &[]).await,
        taken => taken,
    }
}

async fn take(
    session: &FfmpegRun<'_>,
    probed: &Probed,
    smaller: &[u32],
) -> Result<Pictures, JobError> {
    if let Some(cover) = probed.cover {
        let tried = run(session, covered(cover), DEADLINE, smaller).await;
        if let Err(error @ (JobError::Interrupted | JobError::LacksEncoder(_))) = tried {
            return Err(error);
        }
        if let (Ok(()), Some(pictures)) = (tried, pictures(session, smaller)) {
            return Ok(pictures);
        }
        tracing::info!("the cover cannot be decoded");
    }
    let missing = || JobError::fail(Code::Damaged, "No picture could be made of its sound.");
    let heard = *probed.sound.first().ok_or_else(missing)?;
    let length = span(probed.shape.duration_micros);
    run(session, wave(heard, length), deadline(length), smaller).await?;
    pictures(session, smaller).ok_or_else(missing)
}

/// One run; `graph` without the sizes that come out.
async fn run(
    session: &FfmpegRun<'_>,
    graph: String,
    deadline: Duration,
    smaller: &[u32],
) -> Result<(), JobError> {
    let mut arguments = session.input(None, false);
    let beats = graph.contains("[beat]");
    arguments.pair("-filter_complex", graph + &filters::sizes(smaller));
    if beats {
        // Its progress: the picture comes at the very end.
        arguments.words("-map [beat] -f null");
        arguments = arguments.last("beat");
    }
    arguments.append(outputs(smaller));
    let bounds = Bounds {
        deadline,
        file: MOST_BYTES,
        pixels: 0,
        memory: session.config.resident(0, 0),
    };
    process::encode(session, arguments, bounds, Duration::ZERO).await
}

/// The whole cover, not enlarged, before a blurred and darkened one that fills the box.
fn covered(stream: usize) -> String {
    let ((width, height), (across, down)) = (SIZE, BLUR);
    format!(
        "[0:{stream}]format=yuv420p,split[behind][before];\
         [behind]scale={across}:{down}:force_original_aspect_ratio=increase,crop={across}:{down},\
         gblur=sigma=3,lutyuv=y=val*0.5:u=val*0.6+51:v=val*0.6+51,\
         scale={width}:{height}:flags=bicubic[back];\
         [before]scale=w='min(iw,{width})':h='min(ih,{height})':force_original_aspect_ratio=decrease[cover];\
         [back][cover]overlay=(W-w)/2:(H-h)/2,setsar=1,scale=out_range=pc,format=yuvj420p"
    )
}

/// The waveform of a whole stream of sound.
fn wave(stream: usize, length: Duration) -> String {
    let ((width, height), (across, down)) = (SIZE, WAVE);
    let (front, back) = COLOURS;
    // Of unknown length it may be as long as is taken here.
    let rate = (MOST_SAMPLES / length.as_secs().max(1)).clamp(RATES.0, RATES.1);
    let rate = if length.is_zero() { RATES.0 } else { rate };
    format!(
        "[0:{stream}]aformat=sample_fmts=s16:channel_layouts=mono,aresample={rate},asetnsamples=4096,\
         asplit[beat][heard];[heard]showwavespic=s={across}x{down}:colors={front}:scale=sqrt,setpts=0[wave];\
         color=c={back}:s={width}x{height}:r=1:d=1[back];\
         [back][wave]overlay=(W-w)/2:(H-h)/2,setsar=1,scale=out_range=pc,format=yuvj420p"
    )
}

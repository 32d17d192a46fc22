//! Encoding rungs and sound: one decode pass, one progressive MP4 each in scratch.

use std::{path::PathBuf, time::Duration};

use virga_media::Rung;

use super::{
    Arguments, FfmpegRun, Probed, Share, Stretch, deadline, filters,
    process::{self, Bounds},
    span,
};
use crate::job_result::JobError;

/// Bits a second of the sound.
pub(crate) const SOUND_RATE: u64 = 128_000;
/// Ticks a second of an encoded picture's clock.
const PICTURE_TICKS: u32 = 90_000;

/// What to encode.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Encode<'a> {
    pub(crate) rungs: &'a [Rung],
    /// Whether the sound is encoded along.
    pub(crate) sound: bool,
    /// Whether the files are read while they are written: in fragments.
    pub(crate) read_along: bool,
    /// `None`: the whole film.
    pub(crate) stretch: Option<Stretch>,
}

pub(super) const SOUND_FILE: &str = "sound.mp4";

fn rung_file(index: usize) -> String {
    format!("rung{index}.mp4")
}

/// Where [`encode`] writes the only rung.
pub(crate) fn rung_path(session: &FfmpegRun<'_>) -> PathBuf {
    session.folder.join(rung_file(0))
}

/// Where [`encode`] writes the sound, if the file has any.
pub(crate) fn sound_path(session: &FfmpegRun<'_>, probed: &Probed) -> Option<PathBuf> {
    (!probed.sound.is_empty()).then(|| session.folder.join(SOUND_FILE))
}

/// Half a second to a fragment, which reaches the file at once. The description comes with the first one,
/// when it can say what the first frames do to the timeline.
pub(super) fn in_fragments(arguments: &mut Arguments) {
    arguments.words("-movflags +frag_keyframe+delay_moov+default_base_moof");
    arguments.words("-frag_duration 500000 -flush_packets 1");
}

/// Bytes that an encode may come to: caps held throughout, and some air.
pub(crate) fn most_bytes(rungs: &[Rung], duration_micros: i64) -> u64 {
    let bits: u64 = rungs
        .iter()
        .map(|rung| u64::from(rung.maxrate))
        .sum::<u64>()
        + SOUND_RATE;
    let millis = u64::try_from(duration_micros / 1000).unwrap_or(0);
    (bits / 8000).saturating_mul(millis) / 10 * 11 + (64 << 20)
}

/// Pixels of a frame of each, together.
pub(super) fn pixels_of(rungs: &[Rung]) -> u64 {
    rungs.iter().map(Rung::pixels).sum()
}

/// The rungs whose encoders the machine has memory for; an error where it has it for none.
pub(crate) fn fitting(
    session: &FfmpegRun<'_>,
    probed: &Probed,
    mut rungs: Vec<Rung>,
) -> Result<Vec<Rung>, JobError> {
    let need = |rung: &Rung| session.config.resident(probed.pixels(), rung.pixels());
    let least = rungs.iter().map(need).min();
    rungs.retain(|rung| {
        let need = need(rung);
        let fits = session.memory.holds(need);
        if !fits {
            let (rung, need) = (&rung.name, need >> 20);
            tracing::warn!(
                rung,
                need,
                "a rung is not made: the machine lacks MiB of memory for it"
            );
        }
        fits
    });
    match least.filter(|_| rungs.is_empty()) {
        Some(need) => Err(session.memory.too_little(need)),
        None => Ok(rungs),
    }
}

/// Encodes rungs, and the sound where asked, in one pass over the input, or, where the machine lacks the
/// memory for that, each in its own. Answers where the rungs are.
pub(crate) async fn encode(
    session: &FfmpegRun<'_>,
    probed: &Probed,
    what: Encode<'_>,
) -> Result<Vec<PathBuf>, JobError> {
    let together = session
        .config
        .resident(probed.pixels(), pixels_of(what.rungs));
    let most = if session.memory.holds_beside_another(together) {
        what.rungs.len()
    } else {
        1
    };
    let passes = what.rungs.chunks(most.max(1));
    let of = i32::try_from(passes.len()).unwrap_or(1);
    let mut paths = Vec::new();
    for (done, rungs) in (0..).zip(passes) {
        let session = session.sharing(Share { done, of });
        let pass = Encode { rungs, ..what };
        paths.extend(encode_pass(&session, probed, pass, paths.len()).await?);
    }
    Ok(paths)
}

/// One pass. `first`: the number of its first file.
async fn encode_pass(
    session: &FfmpegRun<'_>,
    probed: &Probed,
    what: Encode<'_>,
    first: usize,
) -> Result<Vec<PathBuf>, JobError> {
    // A span's clock begins with it. Its frames depend on those from the key frame before.
    let seek = what.stretch.map(|it| Duration::from_secs(it.from.into()));
    let mut arguments = session.input(seek.filter(|at| !at.is_zero()), false);
    let graph = probed.shown()?.graph(what.rungs, what.stretch);
    arguments.pair("-filter_complex", graph);
    let mut rungs = Vec::new();
    for (index, rung) in what.rungs.iter().enumerate() {
        let name = rung_file(first + index);
        rungs.push(session.folder.join(&name));
        let mut output = picture_output(session, probed, rung, &format!("v{index}"));
        if what.read_along {
            in_fragments(&mut output);
        }
        if what.stretch.is_some() {
            // When it begins on its clock is noted in these ticks.
            output.pair("-movie_timescale", PICTURE_TICKS);
        }
        arguments.append(output.last(&name));
    }
    if what.sound && !probed.sound.is_empty() {
        let late = probed.heard_from(probed.late_micros);
        // How long the picture is shows only when it is decoded.
        let mut output = sound_output(late, probed, 0);
        if what.read_along {
            in_fragments(&mut output);
        }
        arguments.append(output.last(SOUND_FILE));
    }
    let film = probed.shape.duration_micros;
    let length = what.stretch.map_or(film, |stretch| stretch.length(film));
    run(session, arguments, probed, (what.rungs, length)).await?;
    Ok(rungs)
}

/// Which part of the sound is encoded alone.
#[derive(Clone, Copy, Debug)]
pub(crate) struct SoundAlone {
    /// When it begins after the file's earliest moment, microseconds.
    pub(crate) late: i64,
    /// How long the picture is that it must not end before, microseconds.
    pub(crate) picture: i64,
    /// Whether the file is read while it is written: in fragments.
    pub(crate) read_along: bool,
}

/// Encodes only the sound.
pub(crate) async fn sound_alone(
    session: &FfmpegRun<'_>,
    probed: &Probed,
    what: SoundAlone,
) -> Result<Option<PathBuf>, JobError> {
    if probed.sound.is_empty() {
        return Ok(None);
    }
    let mut arguments = session.input(None, false);
    let mut output = sound_output(what.late, probed, what.picture);
    if what.read_along {
        in_fragments(&mut output);
    }
    arguments.append(output.last(SOUND_FILE));
    let length = probed.shape.duration_micros;
    run(session, arguments, probed, (&[], length)).await?;
    Ok(Some(session.folder.join(SOUND_FILE)))
}

async fn run(
    session: &FfmpegRun<'_>,
    arguments: Arguments,
    probed: &Probed,
    (rungs, length): (&[Rung], i64),
) -> Result<(), JobError> {
    let media = span(length);
    let longest = if media.is_zero() {
        i64::try_from(session.config.limits.max_duration_seconds * 1_000_000).unwrap_or(i64::MAX)
    } else {
        length.saturating_mul(2)
    };
    let bounds = Bounds {
        deadline: deadline(media),
        file: most_bytes(rungs, longest),
        pixels: probed.pixels(),
        memory: session.config.resident(probed.pixels(), pixels_of(rungs)),
    };
    process::encode(session, arguments, bounds, media).await
}

/// One rung, out of the graph's output of this name: capped constant quality, a key frame at every second
/// second of the same clock.
pub(super) fn picture_output(
    session: &FfmpegRun<'_>,
    probed: &Probed,
    rung: &Rung,
    from: &str,
) -> Arguments {
    let mut arguments = Arguments::default();
    arguments.pair("-map", format!("[{from}]"));
    arguments.words("-c:v libx264 -preset veryfast -profile:v high -pix_fmt yuv420p");
    arguments.pair("-crf", rung.crf);
    arguments.pair("-maxrate", rung.maxrate);
    arguments.pair("-bufsize", rung.bufsize);
    arguments.pair("-force_key_frames", "expr:gte(t,n_forced*2)");
    arguments.words("-sc_threshold 0 -x264-params open-gop=0");
    arguments.words("-fps_mode vfr");
    arguments.pair("-enc_time_base", format!("1:{PICTURE_TICKS}"));
    arguments.pair("-video_track_timescale", PICTURE_TICKS);
    if let Some(rate) = probed.picture.and_then(|it| it.forced_rate()) {
        arguments.pair("-r", rate);
    }
    arguments.pair("-threads", session.config.threads());
    finish(session.config.limits.max_duration_seconds, &mut arguments);
    arguments
}

pub(super) fn sound_output(late: i64, probed: &Probed, picture: i64) -> Arguments {
    let mut arguments = Arguments::default();
    let chain = filters::sound(late, picture, probed.sound_begins);
    if let [stream] = probed.sound[..] {
        arguments.pair("-map", format!("0:{stream}"));
        arguments.pair("-af", chain);
    } else {
        let mixed = filters::mix(&probed.sound);
        arguments.pair("-filter_complex", format!("{mixed},{chain}[heard]"));
        arguments.words("-map [heard]");
    }
    arguments.words("-c:a aac -ac 2 -ar 48000");
    arguments.pair("-b:a", SOUND_RATE);
    arguments.words("-map_metadata -1 -map_chapters -1 -f mp4");
    arguments
}

fn finish(most_seconds: u64, arguments: &mut Arguments) {
    arguments.pair("-t", most_seconds);
    arguments.words("-map_metadata -1 -map_chapters -1 -f mp4");
}

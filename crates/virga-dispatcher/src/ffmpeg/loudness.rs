//! Integrated loudness of a sound track, after EBU R 128 (ITU-R BS.1770).

use tokio::io::{AsyncReadExt, AsyncSeekExt};

use super::{
    FfmpegRun, deadline,
    process::{self, Bounds},
    span,
};
use crate::job_result::JobError;

/// The file to which ffmpeg writes how loud it has been so far, ten times for each second.
const SAID: &str = "loudness";
const KEY: &str = "lavfi.r128.I";
/// Bytes of it at most: of a week of sound.
const MOST_BYTES: u64 = 1 << 30;
/// The last lines are among so many bytes.
const TAIL: u64 = 4096;
/// Quieter than this is silence, hundredths of LUFS: the gate of the measure.
const SILENCE: i32 = -7000;

/// Measures the first sound of the input, so many microseconds long; hundredths of LUFS. `None` for silence, and for
/// sound that is too short.
pub(crate) async fn loudness(
    session: &FfmpegRun<'_>,
    length: i64,
) -> Result<Option<i32>, JobError> {
    let mut arguments = session.input(None, false);
    arguments.words("-map 0:a:0 -vn -sn -dn");
    let print = format!("ebur128=metadata=1,ametadata=mode=print:key={KEY}:file={SAID}");
    arguments.pair("-af", print);
    arguments.words("-f null");
    let length = span(length);
    let bounds = Bounds {
        deadline: deadline(length),
        file: MOST_BYTES,
        pixels: 0,
        memory: session.config.resident(0, 0),
    };
    process::encode(session, arguments.last("-"), bounds, length).await?;
    let mut file = tokio::fs::File::open(session.folder.join(SAID)).await?;
    let written = file.metadata().await?.len();
    file.seek(std::io::SeekFrom::Start(written.saturating_sub(TAIL)))
        .await?;
    let mut tail = Vec::new();
    file.read_to_end(&mut tail).await?;
    Ok(last(&String::from_utf8_lossy(&tail)))
}

/// The last figure, as hundredths.
fn last(said: &str) -> Option<i32> {
    let mut figures = said.lines().rev().filter_map(|line| {
        let figure = line.strip_prefix(KEY)?.strip_prefix('=')?;
        figure.trim().parse::<f64>().ok()
    });
    let figure = figures.next().filter(|figure| figure.is_finite())?;
    #[expect(clippy::cast_possible_truncation, reason = "some thousands")]
    let hundredths = (figure.clamp(-200.0, 100.0) * 100.0).round() as i32;
    (hundredths > SILENCE).then_some(hundredths)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_figure_counts_and_silence_has_none() {
        let said = "frame:1 pts:0 pts_time:0\nlavfi.r128.I=-70.000\n\
                    frame:2 pts:4800 pts_time:0.1\nlavfi.r128.I=-9.413\n";
        assert_eq!(last(said), Some(-941));
        assert_eq!(last("lavfi.r128.I=-70.000\n"), None);
        assert_eq!(last("lavfi.r128.I=nan\n"), None);
        assert_eq!(last(""), None);
    }
}

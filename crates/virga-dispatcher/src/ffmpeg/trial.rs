//! Trial encodes of a ladder: some seconds of the film at every size and with two rate factors, and how like the
//! source each comes out.

use std::{fmt::Write as _, time::Duration};

use virga_media::{COARSEST, Container, Likeness, Rung, RungTrial, TILE_GRID};

use super::{
    Arguments, FfmpegRun, Probed, Stretch,
    encode::{most_bytes, picture_output, pixels_of},
    process::{self, Bounds},
    quietly,
};
use crate::job_result::JobError;

/// Seconds of a trial: from one key frame of a rung to the next.
const SECONDS: u32 = 2;
/// Of so many pictures one is compared.
const EVERY: u32 = 12;
/// The most bytes of a log: a line for each tile of each picture that is compared.
const LOG: u64 = 16 << 20;
/// A stream whose index is bad may be decoded from its beginning.
const DEADLINE: Duration = Duration::from_secs(300);

/// Makes the trial that begins at this second: of every rung above the lowest.
pub(crate) async fn trial(
    session: &FfmpegRun<'_>,
    probed: &Probed,
    rungs: &[Rung],
    from: u32,
) -> Result<Vec<RungTrial>, JobError> {
    encode(session, probed, rungs, from).await?;
    compare(session, rungs).await?;
    let above = 1..rungs.len();
    let trials = above.map(|index| {
        let read = |of: &str| likeness(session, &log(of, index));
        Ok(RungTrial {
            fine: read("fine")?,
            coarse: read("coarse")?,
            below: (0..index)
                .map(|below| read(&format!("below{below}-")))
                .collect::<Result<_, JobError>>()?,
        })
    });
    trials.collect()
}

/// Writes each rung as it would be, the upper ones also as coarse as they may become, and of their source
/// some pictures.
async fn encode(
    session: &FfmpegRun<'_>,
    probed: &Probed,
    rungs: &[Rung],
    from: u32,
) -> Result<(), JobError> {
    let stretch = Stretch {
        from,
        until: Some(from + SECONDS),
    };
    let mut arguments = session.input(Some(Duration::from_secs(from.into())), false);
    let mut graph = probed.shown()?.graph(rungs, Some(stretch));
    graph.push_str(";[v0]null[fine0]");
    for index in 1..rungs.len() {
        let _ = write!(
            graph,
            ";[v{index}]split=3[fine{index}][coarse{index}][s{index}-];[s{index}-]{}[source{index}]",
            some_luma()
        );
    }
    arguments.pair("-filter_complex", graph);
    for (index, rung) in rungs.iter().enumerate() {
        let fine = format!("fine{index}");
        let output = picture_output(session, probed, rung, &fine);
        arguments.append(output.last(&film(&fine)));
        if index == 0 {
            continue;
        }
        let coarse = format!("coarse{index}");
        let rung = Rung {
            crf: COARSEST,
            ..rung.clone()
        };
        let output = picture_output(session, probed, &rung, &coarse);
        arguments.append(output.last(&film(&coarse)));
        let mut output = Arguments::default();
        output.pair("-map", format!("[source{index}]"));
        output.words("-fps_mode passthrough -f yuv4mpegpipe");
        arguments.append(output.last(&source(index)));
    }
    let bounds = Bounds {
        deadline: DEADLINE,
        file: most_bytes(rungs, stretch.length(0)).max(raw_bytes(rungs)),
        pixels: probed.pixels(),
        // All but the lowest are encoded twice.
        memory: session
            .config
            .resident(probed.pixels(), 2 * pixels_of(rungs)),
    };
    process::encode(session, arguments, bounds, Duration::ZERO).await
}

/// Writes for each of the files how like its source it is, and for each rung what those below are like when
/// they are shown at its size.
async fn compare(session: &FfmpegRun<'_>, rungs: &[Rung]) -> Result<(), JobError> {
    let mut inputs = Inputs::default();
    let fine: Vec<usize> = (0..rungs.len())
        .map(|index| inputs.film(&format!("fine{index}")))
        .collect();
    let (luma, tiles) = (some_luma(), tiles());
    // Something must come out.
    let mut graph = "[0:v]null[out]".to_owned();
    for (index, rung) in rungs.iter().enumerate().skip(1) {
        let coarse = inputs.film(&format!("coarse{index}"));
        let source = inputs.add("yuv4mpegpipe", &source(index));
        let size = format!("scale={}:{}:flags=bicubic", rung.width, rung.height);
        let own = [
            ("fine".to_owned(), fine[index]),
            ("coarse".to_owned(), coarse),
        ];
        let below = (0..index).map(|low| (format!("below{low}-"), fine[low]));
        for (name, input) in own.into_iter().chain(below) {
            let log = log(&name, index);
            let _ = write!(
                graph,
                ";[{input}:v]{luma},{size},{tiles}[{log}];[{source}:v]{tiles}[{log}s];\
                 [{log}][{log}s]ssim=stats_file={log},nullsink"
            );
        }
    }
    let mut arguments = inputs.arguments;
    arguments.pair("-filter_complex", graph);
    arguments.words("-map [out] -f null");
    let largest = rungs.last().map_or(0, Rung::pixels);
    let bounds = Bounds {
        deadline: DEADLINE,
        file: LOG,
        pixels: largest,
        memory: session.config.resident(pixels_of(rungs) * 2, 0),
    };
    process::encode(session, arguments.last("-"), bounds, Duration::ZERO).await
}

/// The inputs of a comparison, all of which [`encode`] wrote.
struct Inputs {
    arguments: Arguments,
    count: usize,
}

impl Default for Inputs {
    fn default() -> Self {
        let mut arguments = Arguments::default();
        quietly(&mut arguments);
        let count = 0;
        Self { arguments, count }
    }
}

impl Inputs {
    fn film(&mut self, name: &str) -> usize {
        self.add(Container::Mp4.demuxer(), &film(name))
    }

    /// Its number.
    fn add(&mut self, demuxer: &str, name: &str) -> usize {
        self.arguments
            .words("-protocol_whitelist file,pipe -codec_whitelist h264,rawvideo");
        self.arguments.pair("-format_whitelist", demuxer);
        self.arguments.pair("-f", demuxer);
        self.arguments.pair("-i", name);
        self.count += 1;
        self.count - 1
    }
}

fn film(name: &str) -> String {
    format!("{name}.mp4")
}

fn source(index: usize) -> String {
    format!("source{index}.y4m")
}

/// A word of filter graphs as well.
fn log(of: &str, index: usize) -> String {
    format!("{of}{index}like")
}

/// The pictures that are compared, as they are: one plane, whose values are not converted.
fn some_luma() -> String {
    format!("select='not(mod(n,{EVERY}))',extractplanes=y")
}

/// Each picture as a row of tiles, numbered through: time stamps that were rounded do not matter.
fn tiles() -> String {
    format!(
        "crop=trunc(iw/{TILE_GRID})*{TILE_GRID}:trunc(ih/{TILE_GRID})*{TILE_GRID},\
         untile={TILE_GRID}x{TILE_GRID},settb=1/1000,setpts=N"
    )
}

/// Bytes that the largest file of source pictures may come to.
fn raw_bytes(rungs: &[Rung]) -> u64 {
    let most = rungs.last().map_or(0, Rung::pixels);
    // A film may claim fewer frames than it has.
    let pictures = u64::from(SECONDS) * 240 / u64::from(EVERY);
    most * pictures + LOG
}

fn likeness(session: &FfmpegRun<'_>, log: &str) -> Result<Likeness, JobError> {
    let said = std::fs::read_to_string(session.folder.join(log))?;
    Ok(read(&said).collect())
}

/// The likeness of the luma in what the filter `ssim` wrote.
fn read(said: &str) -> impl Iterator<Item = f64> {
    let value = |line: &str| {
        let (_, rest) = line.split_once("Y:")?;
        rest.split(' ').next()?.parse().ok()
    };
    said.lines().filter_map(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn likeness_is_read_off_the_log() {
        let said = "n:1 Y:0.979631 All:0.979631 (16.910266)\nn:2 Y:1.000000 All:1.000000 (inf)\n";
        assert_eq!(read(said).collect::<Vec<_>>(), [0.979_631, 1.0]);
    }
}

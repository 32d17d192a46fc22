//! What the look at every sample of a large source costs: packaging after it against packaging alone.
#![expect(clippy::print_stdout, reason = "printing figures is what it is for")]

use anyhow::Context;
use std::{fs::File, os::unix::fs::FileExt, path::Path, time::Instant};
use virga_benches::{Round, Series, Target, long_footage, output, tool};
use virga_media::{Codec, MoovLocator, Movie, Step, check_sample, instant, plan, segment};

/// How far two runs of packaging alone may differ.
const MARGIN: f64 = 0.2;
/// Bytes in one read of the look.
const WINDOW: usize = 4 << 20;

fn read(file: &File, offset: u64, len: u64) -> anyhow::Result<Vec<u8>> {
    let mut bytes = vec![0; usize::try_from(len)?];
    file.read_exact_at(&mut bytes, offset)?;
    Ok(bytes)
}

fn index(file: &File) -> anyhow::Result<Movie> {
    let size = file.metadata()?.len();
    let mut locator = MoovLocator::new(size);
    loop {
        match locator.step()? {
            Step::Read { offset, len } => locator.feed(&read(file, offset, len)?),
            Step::Found { offset, len } => {
                return Ok(Movie::parse(&read(file, offset, len)?, size)?);
            }
        }
    }
}

/// Seconds in which the picture becomes one object.
fn package(file: &File, movie: &Movie) -> anyhow::Result<f64> {
    let out = tempfile::NamedTempFile::new()?;
    let began = Instant::now();
    let planned = plan(movie, &instant(movie)?)?.video;
    let mut at = 0;
    let mut write = |bytes: &[u8]| {
        out.as_file().write_all_at(bytes, at)?;
        at += bytes.len() as u64;
        anyhow::Ok(())
    };
    write(&planned.table.init)?;
    for n in 0..planned.table.segments() {
        let (offset, len) = planned.table.sample_block_range(n).context("a block")?;
        let (from, to) = (usize::try_from(offset)?, usize::try_from(offset + len)?);
        let layout = segment(&planned.table, n, &planned.samples[from..to])?;
        write(&layout.head)?;
        for (offset, len) in layout.body {
            write(&read(file, offset, len.into())?)?;
        }
    }
    Ok(began.elapsed().as_secs_f64())
}

/// Seconds in which all samples of the picture are looked at.
fn walk(file: &File, movie: &Movie) -> anyhow::Result<f64> {
    let began = Instant::now();
    let track = &movie.tracks[instant(movie)?.video];
    let Codec::Avc(avc) = &track.codec else {
        anyhow::bail!("the footage is H.264");
    };
    let size = file.metadata()?.len();
    let (mut begins, mut held) = (0, Vec::new());
    for sample in &track.samples {
        let (offset, len) = (sample.offset, u64::from(sample.size));
        if offset < begins || offset + len > begins + held.len() as u64 {
            begins = offset;
            held = read(file, offset, len.max(WINDOW as u64).min(size - offset))?;
        }
        let at = usize::try_from(offset - begins)?;
        let bytes = &held[at..at + usize::try_from(len)?];
        let right = check_sample(bytes, avc, sample.sync).is_ok();
        anyhow::ensure!(right, "the footage is whole");
    }
    Ok(began.elapsed().as_secs_f64())
}

fn main() -> anyhow::Result<()> {
    let path = std::env::args_os().nth(2);
    let path = path.map_or_else(long_footage, |path| Ok(Path::new(&path).to_owned()))?;
    // All runs read it from memory.
    output(tool("cat").arg(&path).stdout(std::process::Stdio::null()))?;
    let file = File::open(&path)?;
    let movie = index(&file)?;
    let mut series = Series::new(MARGIN);
    while series.wants_more() {
        let before = package(&file, &movie)?;
        let walked = walk(&file, &movie)?;
        let subject = walked + package(&file, &movie)?;
        let after = package(&file, &movie)?;
        let round = Round {
            before,
            subject,
            after,
        };
        let counts = if series.take(round) { "" } else { " repeated" };
        println!("note walk {walked:.2} s; packaging alone {before:.2} s and {after:.2} s{counts}");
    }
    println!("{}", series.figure("package-walk", Target::AtMost(1.5)));
    Ok(())
}

//! When the samples of a fragmented track are shown, by its own boxes: as players of segments read them, and
//! not as ffmpeg does, which moves a track whose composition offsets are below 0.

/// The samples of a track.
#[derive(Debug, Default)]
pub(super) struct Samples {
    /// When each is shown, rising, seconds.
    pub(super) times: Vec<f64>,
    /// How long they last together, seconds.
    pub(super) seconds: f64,
}

/// Reads a beginning (`moov`) and what follows it; `None` where they contradict themselves.
pub(super) fn samples(bytes: &[u8]) -> Option<Samples> {
    let media = find(find(find(bytes, *b"moov")?, *b"trak")?, *b"mdia")?;
    let mut head = Fields(find(media, *b"mdhd")?);
    let version = head.u32()? >> 24;
    head.skip(if version == 1 { 16 } else { 8 })?;
    let timescale = f64::from(head.u32()?);
    let (mut at, mut length) = (Vec::new(), 0);
    for (_, fragment) in boxes(bytes).filter(|(kind, _)| kind == b"moof") {
        for (_, traf) in boxes(fragment).filter(|(kind, _)| kind == b"traf") {
            length += read_track(traf, &mut at)?;
        }
    }
    at.sort_unstable();
    let seconds = |ticks: i64| i32::try_from(ticks).map(|ticks| f64::from(ticks) / timescale);
    Some(Samples {
        times: at.into_iter().map(seconds).collect::<Result<_, _>>().ok()?,
        seconds: seconds(length).ok()?,
    })
}

/// Reads one `traf`; how long its samples last.
fn read_track(traf: &[u8], at: &mut Vec<i64>) -> Option<i64> {
    let mut header = Fields(find(traf, *b"tfhd")?);
    let flags = header.u32()?;
    header.skip(4 + 8 * (flags & 1) + 4 * (flags >> 1 & 1))?;
    let usual = if flags & 8 == 0 { 0 } else { header.u32()? };
    let mut time = Fields(find(traf, *b"tfdt")?);
    let long = time.u32()? >> 24 == 1;
    let first = i64::from(time.u32()?);
    let begins = if long {
        first << 32 | i64::from(time.u32()?)
    } else {
        first
    };
    let mut decoded = begins;
    for (_, run) in boxes(traf).filter(|(kind, _)| kind == b"trun") {
        let mut run = Fields(run);
        let (flags, count) = (run.u32()?, run.u32()?);
        run.skip(4 * (flags & 1) + (flags & 4))?;
        for _ in 0..count {
            let mut field = |bit: u32| {
                if flags & bit == 0 {
                    Some(None)
                } else {
                    run.u32().map(Some)
                }
            };
            let duration = i64::from(field(0x100)?.unwrap_or(usual));
            let (_size, _flags) = (field(0x200)?, field(0x400)?);
            at.push(decoded + i64::from(field(0x800)?.unwrap_or(0).cast_signed()));
            decoded += duration;
        }
    }
    Some(decoded - begins)
}

fn find(bytes: &[u8], kind: [u8; 4]) -> Option<&[u8]> {
    boxes(bytes)
        .find(|(is, _)| *is == kind)
        .map(|(_, body)| body)
}

/// Kind and content of each box.
fn boxes(bytes: &[u8]) -> impl Iterator<Item = ([u8; 4], &[u8])> {
    let mut rest = bytes;
    std::iter::from_fn(move || {
        let length = u32::from_be_bytes(*rest.first_chunk()?) as usize;
        let (one, after) = rest.split_at_checked(length)?;
        rest = after;
        Some((*one.get(4..)?.first_chunk()?, &one[8..]))
    })
}

struct Fields<'a>(&'a [u8]);

impl Fields<'_> {
    fn u32(&mut self) -> Option<u32> {
        let (number, rest) = self.0.split_first_chunk()?;
        self.0 = rest;
        Some(u32::from_be_bytes(*number))
    }

    fn skip(&mut self, bytes: u32) -> Option<()> {
        self.0 = self.0.get(bytes as usize..)?;
        Some(())
    }
}

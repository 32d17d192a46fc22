//! When the samples of a fragmented track are shown, by its own boxes: how a player of segments reads
//! them, and no other program's idea of their clock.

/// One sample, in ticks of its track.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Shown {
    pub(crate) at: i64,
    pub(crate) duration: i64,
}

/// The samples in the order of the file.
pub(crate) fn samples(bytes: &[u8]) -> Vec<Shown> {
    let mut found = Vec::new();
    let fragments = boxes(bytes).filter(|(kind, _)| kind == b"moof");
    let trafs = fragments.flat_map(|(_, body)| boxes(body).filter(|(kind, _)| kind == b"traf"));
    for (_, traf) in trafs {
        let part = |name: &[u8; 4]| boxes(traf).find(|(kind, _)| kind == name).unwrap().1;
        let mut header = Fields(part(b"tfhd"));
        let flags = header.u32();
        header.skip(4 + 8 * (flags & 1) + 4 * (flags >> 1 & 1));
        let usual = if flags & 8 == 0 { 0 } else { header.u32() };
        let mut time = Fields(part(b"tfdt"));
        assert_eq!(time.u32() >> 24, 1, "decode times have 64 bits");
        let mut decoded = (i64::from(time.u32()) << 32) | i64::from(time.u32());
        for (_, run) in boxes(traf).filter(|(kind, _)| kind == b"trun") {
            decoded = read_run(run, usual, decoded, &mut found);
        }
    }
    found
}

/// Reads one `trun`; answers when the next one begins.
fn read_run(run: &[u8], usual: u32, mut decoded: i64, to: &mut Vec<Shown>) -> i64 {
    let mut run = Fields(run);
    let (flags, count) = (run.u32(), run.u32());
    run.skip(4 * (flags & 1) + (flags & 4));
    for _ in 0..count {
        let mut field = |bit: u32| (flags & bit != 0).then(|| run.u32());
        let duration = i64::from(field(0x100).unwrap_or(usual));
        let (_size, _flags) = (field(0x200), field(0x400));
        let offset = field(0x800).unwrap_or(0).cast_signed();
        to.push(Shown {
            at: decoded + i64::from(offset),
            duration,
        });
        decoded += duration;
    }
    decoded
}

/// Kind and content of each box.
fn boxes(bytes: &[u8]) -> impl Iterator<Item = ([u8; 4], &[u8])> {
    let mut rest = bytes;
    std::iter::from_fn(move || {
        let length = u32::from_be_bytes(*rest.first_chunk()?) as usize;
        let (one, after) = rest.split_at(length);
        rest = after;
        Some((*one[4..].first_chunk()?, &one[8..]))
    })
}

struct Fields<'a>(&'a [u8]);

impl Fields<'_> {
    fn u32(&mut self) -> u32 {
        let (number, rest) = self.0.split_first_chunk().unwrap();
        self.0 = rest;
        u32::from_be_bytes(*number)
    }

    fn skip(&mut self, bytes: u32) {
        self.0 = &self.0[bytes as usize..];
    }
}

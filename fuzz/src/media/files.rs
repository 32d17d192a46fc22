//! Indexes of files, walked as a server walks them.

use virga_media::{
    Codec, FragmentIndex, FragmentStep, FragmentWalk, MatroskaReader, MatroskaStep, MediaError,
    MoovLocator, Movie, Step, check_sample,
};

use super::used::{every_way, range, samples_of};

/// The file whose index alone is the input: longer than any sample table says.
const ENDLESS: u64 = 1 << 50;
/// The file whose index and fragments alone are the input.
const FRAGMENTED: u64 = 1 << 20;
/// The most reads that a walk over a file of this many bytes may take: each read passes at least one box.
fn most_reads(len: usize) -> usize {
    2 + len / 8
}

/// A whole file: finds the index, reads it and the fragments.
pub(crate) fn mp4(file: &[u8]) {
    let _ = virga_media::sniff(file);
    let Ok(mut movie) = located(file) else {
        return;
    };
    if walked(file, &mut movie).is_ok() {
        every_way(&movie);
        check_samples(file, &movie);
    }
}

fn located(file: &[u8]) -> Result<Movie, MediaError> {
    let mut locator = MoovLocator::new(file.len() as u64);
    let mut reads = 0;
    loop {
        match locator.step()? {
            Step::Read { offset, len } => {
                reads += 1;
                assert!(reads <= most_reads(file.len()), "{reads} reads");
                locator.feed(range(file, offset, len));
            }
            Step::Found { offset, len } => {
                return Movie::parse(range(file, offset, len), file.len() as u64);
            }
        }
    }
}

fn walked(file: &[u8], movie: &mut Movie) -> Result<(), MediaError> {
    let mut walk = FragmentWalk::new(movie, file.len() as u64)?;
    let mut reads = 0;
    while let FragmentStep::Read(ranges) = walk.step()? {
        reads += ranges.len();
        assert!(reads <= most_reads(file.len()), "{reads} reads");
        for (offset, len) in ranges {
            walk.feed(offset, range(file, offset, len));
        }
    }
    walk.finish(movie)
}

/// As a probe does with the samples of a file that came from outside.
fn check_samples(file: &[u8], movie: &Movie) {
    for track in &movie.tracks {
        let Codec::Avc(avc) = &track.codec else {
            continue;
        };
        for sample in samples_of(track) {
            let end = sample.offset.checked_add(sample.size.into());
            if end.is_some_and(|end| end <= file.len() as u64) {
                let bytes = range(file, sample.offset, sample.size.into());
                let _ = check_sample(bytes, avc, sample.sync);
            }
        }
    }
}

/// An index by itself. Its samples lie in a file that is long enough.
pub(crate) fn moov(bytes: &[u8]) {
    if let Ok(movie) = Movie::parse(bytes, ENDLESS) {
        every_way(&movie);
    }
}

/// An index, and the boxes behind it as fragments that lie wherever the first byte says.
pub(crate) fn fragments(input: &[u8]) {
    let Some((place, input)) = input.split_first() else {
        return;
    };
    let (index, mut rest) = split_box(input);
    let Ok(mut movie) = Movie::parse(index, FRAGMENTED) else {
        return;
    };
    let Ok(mut fragments) = FragmentIndex::new(&movie, FRAGMENTED) else {
        return;
    };
    let mut at = match place {
        0 => 0,
        1 => u64::MAX - 64,
        2 => u64::MAX >> 1,
        _ => u64::from(*place) << 12,
    };
    while !rest.is_empty() {
        let (fragment, after) = split_box(rest);
        if fragments.add(fragment, at).is_err() {
            return;
        }
        at = at.saturating_add(fragment.len() as u64);
        rest = after;
    }
    if fragments.finish(&mut movie).is_ok() {
        every_way(&movie);
    }
}

/// The first box, or all that there is.
fn split_box(bytes: &[u8]) -> (&[u8], &[u8]) {
    let size = bytes.first_chunk().map(|size| u32::from_be_bytes(*size));
    let size = size.map_or(0, |size| usize::try_from(size).unwrap_or(usize::MAX));
    bytes
        .split_at_checked(size)
        .filter(|_| size >= 8)
        .unwrap_or((bytes, &[]))
}

/// A Matroska file. The first byte says how much of it is read at once.
pub(crate) fn matroska(input: &[u8]) {
    let Some((reach, file)) = input.split_first() else {
        return;
    };
    let reach = [16, 64, 4096, 1 << 20][usize::from(reach & 3)];
    if let Ok(movie) = walk_over(file, reach) {
        assert_named_once(file, &movie);
        every_way(&movie);
    }
}

fn walk_over(file: &[u8], reach: u64) -> Result<Movie, MediaError> {
    let mut reader = MatroskaReader::new(file.len() as u64, reach);
    let (mut reads, mut before) = (0, (0, 0));
    loop {
        match reader.step()? {
            MatroskaStep::Read { offset, len } => {
                assert!((offset, len) > before, "reads go on");
                before = (offset, len);
                reads += 1;
                assert!(reads <= 2 + file.len() / 2, "{reads} reads");
                reader.feed(range(file, offset, len));
                let _ = reader.tracks();
            }
            MatroskaStep::Done => return reader.finish(),
        }
    }
}

/// No byte belongs to two samples, and all lie in the file.
fn assert_named_once(file: &[u8], movie: &Movie) {
    let samples = movie.tracks.iter().flat_map(|track| track.samples.iter());
    let mut ranges: Vec<(u64, u64)> = samples.map(|one| (one.offset, one.size.into())).collect();
    ranges.sort_unstable();
    let apart = |pair: &[(u64, u64)]| pair[0].0 + pair[0].1 <= pair[1].0;
    assert!(ranges.windows(2).all(apart), "a byte of two samples");
    let last = ranges.last().map_or(0, |last| last.0 + last.1);
    assert!(last <= file.len() as u64, "a sample outside the file");
}

/// A sample description, of a picture or a sound by the first byte, in an index that is right otherwise.
pub(crate) fn codec(input: &[u8]) {
    let Some((kind, entry)) = input.split_first() else {
        return;
    };
    let moov = index_of(if kind & 1 == 0 { *b"vide" } else { *b"soun" }, entry);
    if let Ok(movie) = Movie::parse(&moov, ENDLESS) {
        every_way(&movie);
    }
}

/// A configuration of H.264, its length before it, and bytes as one sample of it.
pub(crate) fn sample(input: &[u8]) {
    let Some((length, rest)) = input.split_first() else {
        return;
    };
    let (config, sample) = rest.split_at(rest.len().min(usize::from(*length)));
    let avcc = boxed(*b"avcC", &[config]);
    let moov = index_of(*b"vide", &boxed(*b"avc1", &[&[0; 78], &avcc]));
    let Ok(movie) = Movie::parse(&moov, ENDLESS) else {
        return;
    };
    if let Some(Codec::Avc(avc)) = movie.tracks.first().map(|track| &track.codec) {
        for sync in [false, true] {
            let _ = check_sample(sample, avc, sync);
        }
    }
}

/// A box of these parts.
fn boxed(name: [u8; 4], parts: &[&[u8]]) -> Vec<u8> {
    let body = parts.concat();
    let size = u32::try_from(body.len() + 8).unwrap_or(u32::MAX);
    [&size.to_be_bytes()[..], &name, &body].concat()
}

/// An index of one track with three samples of a second each and this sample entry.
fn index_of(kind: [u8; 4], entry: &[u8]) -> Vec<u8> {
    const MATRIX: [u32; 9] = [0x1_0000, 0, 0, 0, 0x1_0000, 0, 0, 0, 0x4000_0000];
    let words =
        |words: &[u32]| -> Vec<u8> { words.iter().flat_map(|it| it.to_be_bytes()).collect() };
    let matrix = words(&MATRIX);
    let mvhd = words(&[0, 0, 0, 1000, 3000, 0x1_0000, 0x0100_0000, 0, 0]);
    let mvhd = boxed(*b"mvhd", &[&mvhd, &matrix, &[0; 24], &[0, 0, 0, 2]]);
    let size = words(&[64 << 16, 36 << 16]);
    let tkhd = words(&[3, 0, 0, 1, 0, 3000, 0, 0, 0, 0x0100_0000]);
    let tkhd = boxed(*b"tkhd", &[&tkhd, &matrix, &size]);
    let mdhd = boxed(*b"mdhd", &[&words(&[0, 0, 0, 1000, 3000, 0x55c4_0000])]);
    let hdlr = boxed(*b"hdlr", &[&[0; 8], &kind, &[0; 13]]);
    let stsd = boxed(*b"stsd", &[&words(&[0, 1]), entry]);
    let stts = boxed(*b"stts", &[&words(&[0, 1, 3, 1000])]);
    let stsc = boxed(*b"stsc", &[&words(&[0, 1, 1, 3, 1])]);
    let stsz = boxed(*b"stsz", &[&words(&[0, 100, 3])]);
    let stco = boxed(*b"stco", &[&words(&[0, 1, 48])]);
    let stbl = boxed(*b"stbl", &[&stsd, &stts, &stsc, &stsz, &stco]);
    let minf = boxed(*b"minf", &[&stbl]);
    let mdia = boxed(*b"mdia", &[&mdhd, &hdlr, &minf]);
    let trak = boxed(*b"trak", &[&tkhd, &mdia]);
    boxed(*b"moov", &[&mvhd, &trak])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_index_around_a_sample_entry_is_right() {
        let picture = &include_bytes!("../../corpus/codec/plain-avc1")[1..];
        let sound = &include_bytes!("../../corpus/codec/plain-mp4a")[1..];
        for (kind, entry) in [(*b"vide", picture), (*b"soun", sound)] {
            let movie = Movie::parse(&index_of(kind, entry), ENDLESS).unwrap();
            let track = &movie.tracks[0];
            assert_eq!(track.samples.len(), 3);
            assert_eq!(track.samples.extent().end, 3000);
        }
    }
}

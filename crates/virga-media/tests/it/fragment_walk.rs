//! Fragments are found in few reads, wherever they lie, and as far as a file goes.

use virga_media::{FragmentStep, FragmentWalk, Fragments, MediaError, Movie};

use crate::clips::{Clip, SAFE, index, range};
use crate::fragments::{moofs, plain, rearranged, top_level};

/// The whole index of a fragmented file, by ranged reads as a server makes them.
pub(crate) fn gathered(file: &[u8]) -> Result<Movie, MediaError> {
    let mut movie = index(file)?;
    walk(file, &mut movie)?;
    Ok(movie)
}

/// Positions and lengths.
type Ranges = Vec<(u64, u64)>;

/// Fills the movie; answers what was read at each step, and whether the file ends too early.
pub(crate) fn walk(file: &[u8], movie: &mut Movie) -> Result<(Vec<Ranges>, bool), MediaError> {
    let mut walk = FragmentWalk::new(movie, file.len() as u64)?;
    let mut steps = Vec::new();
    while let FragmentStep::Read(ranges) = walk.step()? {
        for (offset, len) in &ranges {
            walk.feed(*offset, range(file, *offset, *len));
        }
        steps.push(ranges);
    }
    let cut_off = walk.is_cut_off();
    walk.finish(movie)?;
    Ok((steps, cut_off))
}

/// How many ranges were read in how many steps, and how many bytes.
fn reads(file: &[u8], frames: usize) -> (usize, usize, u64) {
    let mut movie = index(file).unwrap();
    let (steps, cut_off) = walk(file, &mut movie).unwrap();
    assert!(!cut_off && !movie.fragmented);
    assert_eq!(movie.tracks[0].samples.len(), frames);
    let ranges = steps.iter().flatten();
    let bytes = ranges.clone().map(|(_, len)| len).sum();
    (steps.len(), ranges.count(), bytes)
}

#[test]
fn fragments_are_found_in_few_reads() {
    let noise = "-f lavfi -i testsrc2=size=320x180:rate=25:d=20,noise=alls=60:allf=t";
    let coding = "-c:v libx264 -preset ultrafast -qp 4 -pix_fmt yuv420p -g 25 -bf 0";
    let plain = Clip::make(&format!("{noise} {coding} plain.mp4"));
    // Each of its 20 fragments is long beside what is read of it.
    assert!(plain.bytes.len() > 20 << 20, "{}", plain.bytes.len());
    let long = |flags: &str, name: &str| rearranged(&plain, &format!("-movflags {flags}"), name);
    let reads_of = |flags, name| reads(&long(flags, name), 500);
    let front = reads_of("+dash+global_sidx+frag_keyframe", "front.mp4");
    let end = reads_of("+empty_moov+frag_keyframe+default_base_moof", "end.mp4");
    let without = reads_of(
        "+empty_moov+frag_keyframe+skip_trailer+default_base_moof",
        "none.mp4",
    );
    for (steps, ranges, bytes) in [front, end] {
        assert!(steps <= 4 && ranges <= 26, "{steps} steps, {ranges} ranges");
        assert!(bytes < 1 << 20, "{bytes}");
    }
    assert!(without.0 <= 22 && without.2 < 1 << 20, "{without:?}");
    // An index at the end that lies costs reads and nothing else.
    let mut lies = long("+empty_moov+frag_keyframe+default_base_moof", "lies.mp4");
    let tfra = lies.windows(4).rposition(|name| name == b"tfra").unwrap();
    let positions = lies[tfra..].iter_mut().skip(33).step_by(19);
    positions.take(20).for_each(|byte| *byte ^= 0x80);
    let (steps, _, bytes) = reads(&lies, 500);
    assert!(
        steps > 12 && bytes < 8 << 20,
        "{steps} steps, {bytes} bytes"
    );
}

#[test]
fn short_fragments_are_read_many_at_once() {
    let options = format!("{SAFE} -movflags +frag_every_frame+empty_moov");
    let file = Clip::with_sound(60, &options, "short.mp4").bytes;
    assert!(moofs(&file).count() > 3000);
    let (steps, ..) = reads(&file, 25 * 60);
    assert!(
        steps <= 2 + file.len() / (1 << 20) + 1,
        "{steps} for {}",
        file.len()
    );
}

#[test]
fn a_file_cut_off_within_a_fragment_has_the_fragments_before() {
    let plain = plain();
    for (flags, name) in [
        ("+frag_keyframe+empty_moov", "both.mp4"),
        (
            "+frag_keyframe+empty_moov+separate_moof+default_base_moof",
            "apart.mp4",
        ),
    ] {
        let file = rearranged(&plain, &format!("-movflags {flags}"), name);
        let boxes = top_level(&file);
        let starts: Vec<usize> = moofs(&file)
            .map(|(at, _)| usize::try_from(at).unwrap())
            .collect();
        let whole = |end: usize| {
            let ends = boxes
                .iter()
                .map(|(kind, at, bytes)| (kind, *at + bytes.len() as u64));
            ends.filter(|(kind, at)| **kind == b"mdat" && *at <= end as u64)
                .count()
        };
        // Anywhere, and within the first bytes of each box.
        let heads = boxes.iter().flat_map(|(_, at, _)| {
            let at = usize::try_from(*at).unwrap();
            (at..at + 9).filter(|end| (starts[0]..file.len()).contains(end))
        });
        for end in (starts[0]..file.len()).step_by(997).chain(heads) {
            let cut = &file[..end];
            let mut movie = index(cut).unwrap();
            let (_, cut_off) = walk(cut, &mut movie).unwrap();
            assert_eq!(movie.fragmented, whole(end) == 0, "{name} {end}");
            assert!(!movie.truncated);
            let tracks = movie
                .tracks
                .iter()
                .map(|track| track.samples.len())
                .sum::<usize>();
            let mut fragments = Fragments::new(&movie);
            let read = moofs(&file).take(whole(end));
            let wanted = read.flat_map(|(at, moof)| fragments.read(moof, at).unwrap());
            let wanted = wanted.map(|found| found.samples.len()).sum::<usize>();
            assert_eq!(tracks, wanted, "{name} {end}");
            let between = boxes.iter().any(|(_, at, _)| *at == end as u64);
            assert!(
                cut_off || between || boxes.last().unwrap().1 < end as u64,
                "{name} {end}"
            );
        }
        // Zeros where the recorder meant to go on.
        let mut movie = index(&file).unwrap();
        let zeros = [&file[..starts[3]], &[0; 5000]].concat();
        assert!(walk(&zeros, &mut movie).unwrap().1);
        assert!(!movie.fragmented && !movie.tracks[0].samples.is_empty());
    }
}

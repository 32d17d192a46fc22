//! Bytes from strangers: any answer is right but a panic or unbounded work.

use std::ops::Range;
use std::sync::OnceLock;

use proptest::prelude::*;
use virga_media::{
    FallbackInput, FragmentIndex, MediaError, Movie, PlannedTrack, SegmentPlan, fallback_mp4,
    first_shown, instant, plan, plan_audio, plan_video, segment, shape, sniff,
};

use crate::clips::{Clip, SAFE, index};
use crate::fragment_walk::walk;
use crate::fragments::top_level;

/// An index with every table this crate reads, and its file's length.
fn seed() -> &'static (Vec<u8>, u64, SegmentPlan) {
    static SEED: OnceLock<(Vec<u8>, u64, SegmentPlan)> = OnceLock::new();
    SEED.get_or_init(|| {
        let clip = Clip::with_sound(6, &format!("{SAFE} -bf 2 -vsync vfr"), "seed.mp4");
        let at = clip
            .bytes
            .windows(4)
            .rposition(|name| name == b"moov")
            .unwrap()
            - 4;
        let movie = clip.movie();
        let plan = plan(&movie, &instant(&movie).unwrap()).unwrap();
        (clip.bytes[at..].to_vec(), clip.bytes.len() as u64, plan)
    })
}

/// What the reader of a fragmented file reads: the index, and the fragments with their places in a
/// file of so many bytes.
struct Fragmented {
    headers: Vec<u8>,
    moov: Range<usize>,
    moofs: Vec<(Range<usize>, u64)>,
    file_size: u64,
}

fn fragmented() -> &'static Fragmented {
    static SEED: OnceLock<Fragmented> = OnceLock::new();
    SEED.get_or_init(|| {
        let options = format!("{SAFE} -bf 2 -movflags +frag_keyframe+delay_moov");
        let file = Clip::with_sound(6, &options, "seed.mp4").bytes;
        let mut headers = Vec::new();
        let mut ranges = Vec::new();
        for (name, at, whole) in top_level(&file) {
            if matches!(name, b"moov" | b"moof") {
                ranges.push((headers.len()..headers.len() + whole.len(), at));
                headers.extend_from_slice(whole);
            }
        }
        let (moov, _) = ranges.remove(0);
        Fragmented {
            headers,
            moov,
            moofs: ranges,
            file_size: file.len() as u64,
        }
    })
}

/// A fragmented file with an index at both ends, and where the words of its boxes and indexes are.
fn walked() -> &'static (Vec<u8>, Vec<usize>) {
    static SEED: OnceLock<(Vec<u8>, Vec<usize>)> = OnceLock::new();
    SEED.get_or_init(|| {
        let options = format!("{SAFE} -movflags +dash+global_sidx+frag_keyframe");
        let file = Clip::with_sound(6, &options, "seed.mp4").bytes;
        let words = top_level(&file).into_iter().flat_map(|(name, at, whole)| {
            let at = usize::try_from(at).unwrap();
            let index = matches!(name, b"sidx" | b"mfra" | b"moof");
            (at..at + if index { whole.len() } else { 8 }).step_by(4)
        });
        let words = words.filter(|at| at + 4 <= file.len()).collect();
        (file, words)
    })
}

/// Everything that a parsed index is put through.
pub(crate) fn use_fully(movie: &Movie) {
    let _ = shape(movie);
    if let Ok(tracks) = instant(movie)
        && let Ok(plan) = plan(movie, &tracks)
    {
        assert_layouts(&plan.video);
        plan.audio.iter().for_each(assert_layouts);
    }
    for track in 0..movie.tracks.len() {
        let origin = first_shown(movie, track);
        for planned in [
            plan_video(movie, track, 0),
            plan_audio(movie, track, origin, &[1, 2_000_000]),
        ] {
            planned.iter().for_each(assert_layouts);
        }
        let _ = fallback_mp4(&[FallbackInput {
            movie,
            track,
            origin_micros: origin,
        }]);
    }
}

/// Head and body of every segment are as long as the table says.
fn assert_layouts(planned: &PlannedTrack) {
    let table = &planned.table;
    for n in 0..table.segments() {
        let (offset, len) = table.sample_block_range(n).unwrap();
        let start = usize::try_from(offset).unwrap();
        let block = &planned.samples[start..start + usize::try_from(len).unwrap()];
        let layout = segment(table, n, block).unwrap();
        let body: u64 = layout.body.iter().map(|(_, len)| u64::from(*len)).sum();
        assert_eq!(layout.head.len() as u64 + body, u64::from(table.lengths[n]));
    }
}

/// Places to write over, each with one of the values that break parsers.
pub(crate) fn damage(len: usize) -> impl Strategy<Value = Vec<(usize, u32, bool)>> {
    let value = prop_oneof![
        Just(0),
        Just(1),
        Just(u32::MAX),
        Just(0x7fff_ffff),
        Just(0x8000_0000),
        any::<u32>(),
    ];
    prop::collection::vec((0..len, value, any::<bool>()), 1..6)
}

pub(crate) fn damaged(bytes: &[u8], places: &[(usize, u32, bool)]) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    for (at, value, word) in places {
        let [first, ..] = value.to_be_bytes();
        match bytes.get_mut(*at..at + 4) {
            Some(four) if *word => four.copy_from_slice(&value.to_be_bytes()),
            _ => bytes[*at] = first,
        }
    }
    bytes
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1500))]

    #[test]
    fn a_damaged_index_never_panics(places in damage(seed().0.len()), cut in any::<Option<u16>>()) {
        let (moov, file_size, _) = seed();
        let mut bytes = damaged(moov, &places);
        bytes.truncate(cut.map_or(bytes.len(), usize::from));
        if let Ok(movie) = Movie::parse(&bytes, *file_size) {
            use_fully(&movie);
        }
    }

    #[test]
    fn damaged_fragments_never_panic(
        places in damage(fragmented().headers.len()),
        lies in prop::option::of(any::<u64>()),
    ) {
        let seed = fragmented();
        let headers = damaged(&seed.headers, &places);
        let Ok(mut movie) = Movie::parse(&headers[seed.moov.clone()], seed.file_size) else {
            return Ok(());
        };
        let Ok(mut index) = FragmentIndex::new(&movie, seed.file_size) else {
            return Ok(());
        };
        for (range, at) in &seed.moofs {
            let _ = index.add(&headers[range.clone()], lies.unwrap_or(*at));
        }
        if index.finish(&mut movie).is_ok() {
            use_fully(&movie);
        }
    }

    #[test]
    fn a_walk_over_damaged_boxes_ends(
        places in damage(walked().1.len() * 4),
        cut in prop::option::of(0..walked().0.len()),
    ) {
        let (file, places_of_boxes) = walked();
        let mut file = file.clone();
        for (at, value, word) in places {
            let place = places_of_boxes[at / 4] + at % 4;
            let damaged = damaged(&file[place..], &[(0, value, word)]);
            file.truncate(place);
            file.extend(damaged);
        }
        file.truncate(cut.unwrap_or(file.len()));
        if let Ok(mut movie) = index(&file)
            && let Ok((steps, _)) = walk(&file, &mut movie)
        {
            prop_assert!(steps.len() < 200, "{} steps", steps.len());
            use_fully(&movie);
        }
    }

    #[test]
    fn a_damaged_block_never_panics(n in 0_usize..4, places in damage(200), cut in 0_usize..400) {
        let planned = &seed().2.video;
        let n = n % planned.table.segments();
        let (offset, len) = planned.table.sample_block_range(n).unwrap();
        let start = usize::try_from(offset).unwrap();
        let block = &planned.samples[start..start + usize::try_from(len).unwrap()];
        let places: Vec<_> = places.into_iter().map(|(at, v, w)| (at % block.len(), v, w)).collect();
        let mut bytes = damaged(block, &places);
        bytes.truncate(cut);
        if let Ok(layout) = segment(&planned.table, n, &bytes) {
            let body: u64 = layout.body.iter().map(|(_, len)| u64::from(*len)).sum();
            let total = layout.head.len() as u64 + body;
            prop_assert_eq!(total, u64::from(planned.table.lengths[n]));
        }
    }

    #[test]
    fn any_bytes_may_be_sniffed_and_walked(bytes in prop::collection::vec(any::<u8>(), 0..600)) {
        let _ = sniff(&bytes);
        if let Ok(movie) = index(&bytes) {
            use_fully(&movie);
        }
    }
}

#[test]
fn a_block_of_another_segment_is_refused() {
    let planned = &seed().2.video;
    let (offset, len) = planned.table.sample_block_range(1).unwrap();
    let start = usize::try_from(offset).unwrap();
    let block = &planned.samples[start..start + usize::try_from(len).unwrap()];
    assert!(segment(&planned.table, 0, block).is_err());
    assert!(segment(&planned.table, 0, &[]).is_err());
    assert!(segment(&planned.table, 999, block).is_err());
}

/// A box of this body.
fn boxed(name: &[u8], body: &[u8]) -> Vec<u8> {
    let size = u32::try_from(body.len() + 8).unwrap();
    [&size.to_be_bytes(), name, body].concat()
}

fn words(words: &[u32]) -> Vec<u8> {
    words.iter().flat_map(|word| word.to_be_bytes()).collect()
}

/// A segment index of so many segments of 7 bytes, the first one so far behind it.
fn segment_index(first: u32, count: u16) -> Vec<u8> {
    let head = [
        words(&[0, 1, 1000, 0, first]),
        vec![0, 0],
        count.to_be_bytes().to_vec(),
    ]
    .concat();
    let segments = words(&[7, 0, 0]).repeat(count.into());
    boxed(b"sidx", &[head, segments].concat())
}

/// Ran for minutes when each index meant to sort all that those before it had said.
#[test]
fn an_index_before_each_fragment_costs_what_it_brings() {
    let seed = fragmented();
    let index = &seed.headers[seed.moov.clone()];
    let mut movie = Movie::parse(index, seed.file_size).unwrap();
    let many: Vec<u8> = (10..14)
        .flat_map(|first| segment_index(first, 65_500))
        .collect();
    let tfhd = boxed(b"tfhd", &words(&[0, movie.tracks[0].id]));
    let trun = boxed(b"trun", &words(&[0, 1]));
    let moof = boxed(b"moof", &boxed(b"traf", &[tfhd, trun].concat()));
    let fragment = [moof, segment_index(0, 1).repeat(8)].concat();
    let file = [index, &many, &fragment.repeat(4000)].concat();
    walk(&file, &mut movie).unwrap();
    assert_eq!(movie.tracks[0].samples.len(), 4000);
}

#[test]
fn samples_of_no_bytes_are_no_more_than_the_file_has_bytes() {
    const RUN: u32 = 1 << 20;
    let seed = fragmented();
    let mut movie = Movie::parse(&seed.headers[seed.moov.clone()], seed.file_size).unwrap();
    // A million samples of the default size, which is 0, in some hundred bytes.
    let tfhd = boxed(b"tfhd", &words(&[0x10, movie.tracks[0].id, 0]));
    let trun = boxed(b"trun", &words(&[0, RUN]));
    let traf = boxed(b"traf", &[tfhd, trun].concat());
    let moof = boxed(b"moof", &traf);
    let enough = u64::from(RUN) * 2;
    for (file_size, fits) in [(enough - 1, 1), (enough, 2)] {
        let mut index = FragmentIndex::new(&movie, file_size).unwrap();
        let added = (0..4).take_while(|_| index.add(&moof, 0).is_ok());
        assert_eq!(added.count(), fits, "in a file of {file_size} bytes");
    }
    // Those of the index itself count too.
    let mut index = FragmentIndex::new(&movie, enough).unwrap();
    index.add(&moof, 0).unwrap();
    index.finish(&mut movie).unwrap();
    assert!(FragmentIndex::new(&movie, u64::from(RUN)).is_ok());
    let refused = FragmentIndex::new(&movie, u64::from(RUN) - 1);
    assert!(matches!(refused, Err(MediaError::Malformed { .. })));
}

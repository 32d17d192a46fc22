//! Matroska from strangers: any answer is right but a panic, unbounded work, or much out of little.

use std::sync::OnceLock;

use proptest::prelude::*;
use virga_media::{MatroskaReader, MatroskaStep, MediaError, Movie, TranscodeReason, instant};

use crate::clips::{Clip, SAFE};
use crate::hostile::{damage, damaged, use_fully};
use crate::remade::{
    CLUSTER, Lace, Part, element, endless, laced, parts, put_together, take_apart, uint,
};
use crate::walked::{movie, walk};

const TRACKS: u32 = 0x1654_ae6b;
const INFO: u32 = 0x1549_a966;

/// A film with every element that this crate reads.
fn seed() -> &'static Vec<u8> {
    static SEED: OnceLock<Vec<u8>> = OnceLock::new();
    SEED.get_or_init(|| {
        let options =
            format!("{SAFE} -bf 2 -s 64x36 -c:a libopus -ar 48000 -b:a 16k -vf setsar=4/3");
        let clip = Clip::with_sound(2, &options, "seed.mkv");
        laced(&clip.bytes, &movie(&clip.bytes), Lace::Differences, 4)
    })
}

/// Walks with windows of this size. However often it asks, it goes on each time.
fn try_walk(file: &[u8], reach: u64) -> Result<Movie, MediaError> {
    let walked = walk(file, reach);
    if let Ok((_, reads, bytes)) = &walked {
        assert!(*reads as u64 <= file.len() as u64 / 2 + 2);
        assert!(*bytes <= (*reads as u64) * reach.max(4 << 20));
    }
    walked.map(|walked| walked.0)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1500))]

    #[test]
    fn a_damaged_film_never_panics(
        places in damage(seed().len()),
        at_the_front in damage(900),
        cut in any::<Option<u16>>(),
        reach in prop_oneof![Just(16_u64), Just(4096), Just(1 << 20)],
    ) {
        let mut bytes = damaged(seed(), &places[1..]);
        bytes = damaged(&bytes, &at_the_front[1..]);
        bytes.truncate(cut.map_or(bytes.len(), usize::from));
        if let Ok(movie) = try_walk(&bytes, reach) {
            assert_named_once(&bytes, &movie);
            use_fully(&movie);
        }
    }

    #[test]
    fn any_elements_may_be_walked(bytes in any_elements(), reach in 16_u64..2000) {
        if let Ok(movie) = try_walk(&bytes, reach) {
            assert_named_once(&bytes, &movie);
            use_fully(&movie);
        }
    }

    #[test]
    fn how_much_is_read_at_once_changes_nothing(reach in 1_u64..200_000) {
        let list = |movie: &Movie| movie.tracks.iter().map(|one| one.samples.iter().collect()).collect();
        let whole: Vec<Vec<_>> = list(&movie(seed()));
        let walked: Vec<Vec<_>> = list(&walk(seed(), reach).unwrap().0);
        prop_assert_eq!(whole, walked);
    }
}

/// No byte belongs to two samples, and all lie in the file.
fn assert_named_once(file: &[u8], movie: &Movie) {
    let samples = movie.tracks.iter().flat_map(|track| track.samples.iter());
    let mut ranges: Vec<(u64, u64)> = samples.map(|one| (one.offset, one.size.into())).collect();
    ranges.sort_unstable();
    let apart = |pair: &[(u64, u64)]| pair[0].0 + pair[0].1 <= pair[1].0;
    assert!(ranges.windows(2).all(apart));
    let last = ranges.last().map_or(0, |last| last.0 + last.1);
    assert!(last <= file.len() as u64);
}

/// Elements that this crate knows, nested and filled at random, behind a real head and tracks.
fn any_elements() -> impl Strategy<Value = Vec<u8>> {
    const KNOWN: [u32; 16] = [
        CLUSTER,
        CLUSTER,
        0xe7,
        0xe7,
        0xa3,
        0xa3,
        0xa3,
        0xa0,
        0xa1,
        0x9b,
        0xfb,
        0x75a2,
        0xec,
        TRACKS,
        INFO,
        0x1c53_bb6b,
    ];
    let body = prop::collection::vec(any::<u8>(), 0..12);
    let block = (
        0..4_u8,
        any::<[u8; 2]>(),
        any::<u8>(),
        prop::collection::vec(any::<u8>(), 0..40),
    )
        .prop_map(|(track, time, flags, rest)| {
            [&[0x80 | track], &time[..], &[flags], &rest].concat()
        });
    let leaf = prop_oneof![body, block];
    let tree = leaf.prop_recursive(4, 60, 12, move |inner| {
        let one = (prop::sample::select(&KNOWN[..]), inner, any::<u8>());
        prop::collection::vec(one, 0..12).prop_map(|children| {
            let put = |(id, body, known): (u32, Vec<u8>, u8)| {
                if known > 20 {
                    element(id, &body)
                } else {
                    endless(id, &body)
                }
            };
            children.into_iter().flat_map(put).collect()
        })
    });
    (tree, any::<bool>()).prop_map(|(tree, known)| {
        let (head, segment) = take_apart(seed());
        let kept = |part: &&Part| matches!(part.id, INFO | TRACKS);
        let mut segment: Vec<Part> = segment.iter().filter(kept).cloned().collect();
        segment.push(Part {
            id: CLUSTER,
            body: [uint(0xe7, 0), tree].concat(),
        });
        put_together(&head, &segment, known)
    })
}

/// The seed with its segment changed.
fn changed(change: impl FnOnce(&mut Vec<Part>)) -> Result<Movie, MediaError> {
    let (head, mut segment) = take_apart(seed());
    change(&mut segment);
    try_walk(&put_together(&head, &segment, true), 4096)
}

fn only_cluster(body: Vec<u8>) -> Result<Movie, MediaError> {
    changed(|segment| {
        segment.retain(|part| part.id != CLUSTER);
        segment.push(Part { id: CLUSTER, body });
    })
}

/// A block of the sound.
fn block(time: i16, flags: u8, body: &[u8]) -> Vec<u8> {
    element(
        0xa3,
        &[&[0x82], &time.to_be_bytes()[..], &[flags], body].concat(),
    )
}

#[test]
fn claims_cost_nothing() {
    // As long as a file can be, in a film of a few hundred bytes.
    let most = [1, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xfe];
    for id in [&[0xa3][..], &[0xa0], &[0xec], &[0x1c, 0x53, 0xbb, 0x6b]] {
        let cluster = [uint(0xe7, 0), id.to_vec(), most.to_vec()].concat();
        assert!(only_cluster(cluster).is_err());
    }
    let error = only_cluster(uint(0xe7, 1 << 60)).unwrap_err();
    assert!(matches!(error, MediaError::Malformed { .. }), "{error}");
    // 256 frames of nothing in nine bytes, many times over.
    let empty = [uint(0xe7, 0), block(0, 0x84, &[255]).repeat(2000)].concat();
    assert!(only_cluster(empty).unwrap().tracks[1].samples.is_empty());
    let none = only_cluster(block(0, 0x80, &[1, 2, 3]));
    assert!(none.is_err(), "a block before its cluster's time");
}

#[test]
fn tracks_must_make_sense() {
    let tracks = |change: fn(Vec<Part>) -> Vec<Part>| {
        changed(|segment| {
            let tracks = segment.iter_mut().find(|part| part.id == TRACKS).unwrap();
            let entries = parts(&tracks.body)
                .into_iter()
                .filter(|part| part.id == 0xae);
            let entries = change(entries.collect()).into_iter();
            tracks.body = entries
                .flat_map(|part| element(part.id, &part.body))
                .collect();
        })
    };
    let many = tracks(|entries| vec![entries[0].clone(); 65]);
    assert!(many.is_err());
    let twice = tracks(|entries| vec![entries[0].clone(), entries[0].clone()]);
    assert!(matches!(twice, Err(MediaError::Malformed { .. })));
    let none = tracks(|_| vec![]).unwrap();
    assert_eq!(instant(&none), Err(TranscodeReason::NoVideo));
    assert!(changed(|segment| segment.retain(|part| part.id != TRACKS)).is_err());
    let locked = tracks(|mut entries| {
        // ContentEncodings, ContentEncoding, ContentEncryption.
        let encodings = element(0x6d80, &element(0x6240, &element(0x5035, &[])));
        entries[1].body.extend(encodings);
        entries
    });
    assert_eq!(instant(&locked.unwrap()), Err(TranscodeReason::Encrypted));
    let stripped = tracks(|mut entries| {
        let compression = element(0x5034, &[uint(0x4254, 3), element(0x4255, &[0])].concat());
        entries[0]
            .body
            .extend(element(0x6d80, &element(0x6240, &compression)));
        entries
    });
    assert_eq!(
        instant(&stripped.unwrap()),
        Err(TranscodeReason::VideoCodec)
    );
}

#[test]
fn times_that_jump_back_are_for_the_encoder() {
    let jump = changed(|segment| {
        let mut clusters = segment.iter_mut().filter(|part| part.id == CLUSTER);
        let (first, second) = (clusters.next().unwrap(), clusters.next().unwrap());
        std::mem::swap(&mut first.body, &mut second.body);
    });
    assert!(
        matches!(jump, Err(MediaError::Unsupported { .. })),
        "{jump:?}"
    );
}

#[test]
fn a_second_film_in_the_file_is_for_the_encoder() {
    let (head, segment) = take_apart(seed());
    let live = put_together(&head, &segment, false);
    assert!(walk(&live, 4096).is_ok());
    let twice = live.repeat(2);
    assert!(matches!(
        walk(&twice, 4096),
        Err(MediaError::Unsupported { .. })
    ));
    let text = [
        element(0x1a45_dfa3, &element(0x4282, b"other")),
        live.clone(),
    ]
    .concat();
    assert!(walk(&text, 4096).is_err());
    assert!(walk(&[], 4096).is_err());
    let mut short = MatroskaReader::new(1 << 20, 4096);
    assert!(matches!(
        short.step(),
        Ok(MatroskaStep::Read {
            offset: 0,
            len: 4096
        })
    ));
    short.feed(&live[..3]);
    assert_eq!(
        short.step(),
        Err(MediaError::Truncated),
        "a read that comes back short"
    );
}

#[test]
fn large_frames_are_passed_over() {
    let options =
        "-c:v libx264 -preset ultrafast -qp 1 -g 5 -pix_fmt yuv420p -vf noise=alls=60 -c:a aac";
    let clip = Clip::with_sound(2, options, "large.mkv");
    let (small, large) = (
        walk(&clip.bytes, 4096).unwrap(),
        walk(&clip.bytes, 1 << 20).unwrap(),
    );
    let (len, mean) = (clip.bytes.len() as u64, clip.bytes.len() as u64 / 50);
    assert!(mean > 30_000, "frames of {mean} bytes");
    assert!(
        small.2 < len / 4,
        "{} of {len} bytes read in {} reads",
        small.2,
        small.1
    );
    assert!(
        large.2 <= len && large.1 as u64 <= len / (1 << 20) + 2,
        "{} reads",
        large.1
    );
}

//! VP9's configuration for MP4 (`vpcC`, the VP codec binding to ISO BMFF), which few Matroska files
//! bring along: what is missing stands at the beginning of the first key frame.

use super::tracks::Entry;

/// Bytes at the start of a key frame that say all of this.
pub(super) const FIRST: usize = 16;

/// Levels: the most pixels a second, and in a picture (VP9 bitstream specification, annex A).
const LEVELS: [(u8, u64, u64); 14] = [
    (10, 829_440, 36_864),
    (11, 2_764_800, 73_728),
    (20, 4_608_000, 122_880),
    (21, 9_216_000, 245_760),
    (30, 20_736_000, 552_960),
    (31, 36_864_000, 983_040),
    (40, 83_558_400, 2_228_224),
    (41, 160_432_128, 2_228_224),
    (50, 311_951_360, 8_912_896),
    (51, 588_251_136, 8_912_896),
    (52, 1_176_502_272, 8_912_896),
    (60, 1_176_502_272, 35_651_584),
    (61, 2_353_004_544, 35_651_584),
    (62, 4_706_009_088, 35_651_584),
];

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Coding {
    profile: u8,
    depth: u8,
    /// As in `vpcC`: 1 is 4:2:0, 2 is 4:2:2, 3 is 4:4:4.
    chroma: u8,
    full_range: bool,
}

/// The contents of `vpcC` after version and flags.
pub(super) fn configuration(entry: &Entry, first: &[u8]) -> [u8; 8] {
    let mut coding = key_frame(first).unwrap_or(Coding {
        profile: 0,
        depth: 8,
        chroma: 1,
        full_range: entry.video.full_range,
    });
    let mut level = level(entry);
    for (id, value) in features(&entry.private) {
        match id {
            1 if value <= 3 => coding.profile = value,
            2 if value <= 62 => level = value,
            3 if matches!(value, 8 | 10 | 12) => coding.depth = value,
            4 if value <= 3 => coding.chroma = value,
            _ => {}
        }
    }
    let [primaries, transfer, matrix] = entry
        .video
        .colour
        .unwrap_or([2; 3])
        .map(|code| u8::try_from(code).unwrap_or(2));
    let packed = coding.depth << 4 | coding.chroma << 1 | u8::from(coding.full_range);
    [
        coding.profile,
        level,
        packed,
        primaries,
        transfer,
        matrix,
        0,
        0,
    ]
}

/// What `WebM`'s `CodecPrivate` lists: id, length 1, value.
fn features(private: &[u8]) -> impl Iterator<Item = (u8, u8)> + '_ {
    let triples = private.as_chunks::<3>().0.iter();
    triples.map_while(|[id, len, value]| (*len == 1).then_some((*id, *value)))
}

/// The lowest level for this size and rate.
fn level(entry: &Entry) -> u8 {
    let picture = entry.video.width * entry.video.height;
    // 30 a second where the file does not say.
    let frame = entry.frame.unwrap_or(33_333_333).max(1);
    let rate = u128::from(picture) * 1_000_000_000 / u128::from(frame);
    let fits =
        |(_, most, largest): &&(u8, u64, u64)| rate <= u128::from(*most) && picture <= *largest;
    LEVELS.iter().find(fits).map_or(62, |(level, ..)| *level)
}

/// The uncompressed header of a key frame, as far as its colours.
fn key_frame(bytes: &[u8]) -> Option<Coding> {
    let mut bits = bytes
        .iter()
        .flat_map(|byte| (0..8).rev().map(move |bit| byte >> bit & 1));
    let mut take = |count: usize| {
        let mut value = 0_u32;
        for _ in 0..count {
            value = value << 1 | u32::from(bits.next()?);
        }
        Some(value)
    };
    if take(2)? != 2 {
        return None;
    }
    let profile = u8::try_from(take(1)? | take(1)? << 1).ok()?;
    if profile == 3 {
        take(1)?;
    }
    // Shows another frame, or is not a key frame.
    if take(1)? == 1 || take(1)? == 1 {
        return None;
    }
    take(2)?;
    if take(24)? != 0x49_8342 {
        return None;
    }
    let depth = match (profile >= 2, profile >= 2 && take(1)? == 1) {
        (false, _) => 8,
        (true, false) => 10,
        (true, true) => 12,
    };
    let rgb = take(3)? == 7;
    let full_range = rgb || take(1)? == 1;
    let chroma = match (rgb, profile & 1) {
        (true, _) => 3,
        (false, 0) => 1,
        (false, _) => match (take(1)?, take(1)?) {
            (1, 0) => 2,
            (0, 0) => 3,
            _ => 1,
        },
    };
    Some(Coding {
        profile,
        depth,
        chroma,
        full_range,
    })
}

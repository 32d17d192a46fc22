//! Matroska files written by these tests: what ffmpeg's own writer never does.

use virga_media::Movie;

use crate::clips::range;

pub(crate) const CLUSTER: u32 = 0x1f43_b675;
const SEGMENT: u32 = 0x1853_8067;

/// An element: its id and its contents.
#[derive(Debug, Clone)]
pub(crate) struct Part {
    pub(crate) id: u32,
    pub(crate) body: Vec<u8>,
}

/// The head of a file, and what lies in its segment.
pub(crate) fn take_apart(file: &[u8]) -> (Part, Vec<Part>) {
    let mut top = parts(file);
    assert_eq!((top.len(), top[1].id), (2, SEGMENT));
    let segment = top.pop().unwrap();
    (top.pop().unwrap(), parts(&segment.body))
}

/// The elements side by side in `bytes`.
pub(crate) fn parts(bytes: &[u8]) -> Vec<Part> {
    let mut parts = vec![];
    let mut rest = bytes;
    while let Some(first) = rest.first() {
        let (id, after) = rest.split_at(first.leading_zeros() as usize + 1);
        let (size, after) = after.split_at(after[0].leading_zeros() as usize + 1);
        let marked = number(size);
        let size = marked & ((1 << (7 * size.len())) - 1);
        let (body, after) = after.split_at(usize::try_from(size).unwrap());
        parts.push(Part {
            id: u32::try_from(number(id)).unwrap(),
            body: body.to_vec(),
        });
        rest = after;
    }
    parts
}

fn number(bytes: &[u8]) -> u64 {
    bytes
        .iter()
        .fold(0, |all, byte| all << 8 | u64::from(*byte))
}

pub(crate) fn id_bytes(id: u32) -> Vec<u8> {
    let bytes = id.to_be_bytes();
    bytes[id.leading_zeros() as usize / 8..].to_vec()
}

/// An element whose size is written in eight bytes.
pub(crate) fn element(id: u32, body: &[u8]) -> Vec<u8> {
    let size = body.len() as u64 | 1 << 56;
    [&id_bytes(id), &size.to_be_bytes()[..], body].concat()
}

pub(crate) fn uint(id: u32, value: u64) -> Vec<u8> {
    element(id, &value.to_be_bytes())
}

/// An element that does not know its size.
pub(crate) fn endless(id: u32, body: &[u8]) -> Vec<u8> {
    [&id_bytes(id), &[0xff][..], body].concat()
}

/// The whole file, its segment and clusters of known size or not.
pub(crate) fn put_together(head: &Part, segment: &[Part], known: bool) -> Vec<u8> {
    let put = |part: &Part| match (known, part.id) {
        (false, CLUSTER) => endless(part.id, &part.body),
        _ => element(part.id, &part.body),
    };
    let body: Vec<u8> = segment.iter().flat_map(put).collect();
    let segment = if known {
        element(SEGMENT, &body)
    } else {
        endless(SEGMENT, &body)
    };
    [element(head.id, &head.body), segment].concat()
}

/// How several frames lie in one block.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Lace {
    Xiph,
    Equal,
    Differences,
}

/// The same film with its frames in blocks written anew: those of sound several in a block as `lace`
/// says, those of the picture each in a group. Clusters hold a second.
pub(crate) fn laced(file: &[u8], movie: &Movie, lace: Lace, in_block: usize) -> Vec<u8> {
    let (head, mut segment) = take_apart(file);
    let mut blocks: Vec<(i64, Vec<u8>)> = vec![];
    for track in &movie.tracks {
        let scale = i64::from(track.timescale);
        // Sound is written later than it is heard, by what is decoded first.
        let before = if track.width > 0 {
            track.edit.media_start
        } else {
            0
        };
        let begins = track.edit.leading_empty_micros;
        let millis = |pts: i64| ((pts - before) * 1_000_000 / scale + begins + 500) / 1000;
        let samples: Vec<_> = track.samples.iter().collect();
        let picture = track.width > 0;
        let together = if picture { 1 } else { in_block };
        for block in samples.chunks(together) {
            let frames: Vec<&[u8]> = block
                .iter()
                .map(|sample| range(file, sample.offset, sample.size.into()))
                .collect();
            let even = frames.iter().all(|frame| frame.len() == frames[0].len());
            if lace == Lace::Equal && !even {
                for (sample, frame) in block.iter().zip(&frames) {
                    let body = [&[0], *frame].concat();
                    let at = millis(sample.pts());
                    blocks.push((at, group(track.id, at, sample.sync, &body)));
                }
                continue;
            }
            let body = if picture {
                [&[0], frames[0]].concat()
            } else {
                lace_body(lace, &frames)
            };
            let at = millis(block[0].pts());
            blocks.push((at, group(track.id, at, block[0].sync, &body)));
        }
    }
    blocks.sort_by_key(|(at, _)| *at / 1000);
    segment.retain(|part| part.id != CLUSTER);
    for second in blocks.chunk_by(|one, other| one.0 / 1000 == other.0 / 1000) {
        let time = uint(0xe7, u64::try_from(second[0].0 / 1000 * 1000).unwrap());
        let body = second.iter().flat_map(|(_, block)| block.clone());
        segment.push(Part {
            id: CLUSTER,
            body: time.into_iter().chain(body).collect(),
        });
    }
    put_together(&head, &segment, true)
}

/// A group with one block; `body` begins with the flags.
fn group(track: u32, millis: i64, sync: bool, body: &[u8]) -> Vec<u8> {
    let time = i16::try_from(millis % 1000).unwrap().to_be_bytes();
    let number = [0x80 | u8::try_from(track).unwrap()];
    let block = element(0xa1, &[&number, &time[..], body].concat());
    let reference = if sync { vec![] } else { element(0xfb, &[0xff]) };
    element(0xa0, &[block, reference].concat())
}

fn lace_body(lace: Lace, frames: &[&[u8]]) -> Vec<u8> {
    let flags = match lace {
        Lace::Xiph => 2,
        Lace::Equal => 4,
        Lace::Differences => 6,
    };
    let mut body = vec![flags, u8::try_from(frames.len() - 1).unwrap()];
    let mut before = 0;
    for (index, frame) in frames.iter().enumerate().take(frames.len() - 1) {
        let len = i64::try_from(frame.len()).unwrap();
        match lace {
            Lace::Xiph => {
                body.resize(body.len() + frame.len() / 255, 255);
                body.push(u8::try_from(frame.len() % 255).unwrap());
            }
            Lace::Equal => {}
            Lace::Differences => {
                // Four bytes each: a size, or a difference that is never negative.
                let value = if index == 0 {
                    len
                } else {
                    len - before + (1 << 27) - 1
                };
                let marked = u32::try_from(value).unwrap() | 1 << 28;
                body.extend_from_slice(&marked.to_be_bytes());
            }
        }
        before = len;
    }
    for frame in frames {
        body.extend_from_slice(frame);
    }
    body
}

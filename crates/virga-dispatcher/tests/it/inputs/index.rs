//! An index that lies: one track's samples named again and again.

/// A box: its kind, and its boxes or its bytes.
struct Part {
    kind: [u8; 4],
    body: Body,
}

enum Body {
    Parts(Vec<Part>),
    Bytes(Vec<u8>),
}

/// Boxes that hold boxes.
const NESTED: [&[u8; 4]; 5] = [b"moov", b"trak", b"mdia", b"minf", b"stbl"];

/// The file with an index that names the samples of its one track `times` times: one chunk each,
/// all at the same place.
pub(super) fn repeated(file: &[u8], times: u32) -> Vec<u8> {
    let mut parts = read(file);
    let data = file.windows(4).position(|four| four == b"mdat").unwrap() + 4;
    let sizes = bytes(&mut parts, *b"stsz")[12..].to_vec();
    let count = u32::try_from(sizes.len() / 4).unwrap();
    let all: Vec<u8> = sizes.repeat(times as usize);
    let table = |head: &[u32], rest: &[u8]| [&numbers(head), rest].concat();
    let length = number(bytes(&mut parts, *b"stts"), 12);
    let offsets = [u32::try_from(data).unwrap()].repeat(times as usize);
    let keys: Vec<u32> = (0..times).map(|n| 1 + n * count).collect();
    for (kind, new) in [
        (*b"stsz", table(&[0, 0, count * times], &all)),
        (*b"stts", table(&[0, 1, count * times, length], &[])),
        (*b"stss", table(&[0, times], &numbers(&keys))),
        (*b"stsc", table(&[0, 1, 1, count, 1], &[])),
        (*b"stco", table(&[0, times], &numbers(&offsets))),
    ] {
        *bytes(&mut parts, kind) = new;
    }
    for (kind, at) in [(*b"mvhd", 16), (*b"tkhd", 20), (*b"mdhd", 16)] {
        let head = bytes(&mut parts, kind);
        let longer = number(head, at) * times;
        head[at..at + 4].copy_from_slice(&longer.to_be_bytes());
    }
    // It would end the track where it ended.
    bytes(&mut parts, *b"edts").clear();
    let mut whole = Vec::new();
    for part in &parts {
        write(part, &mut whole);
    }
    whole
}

fn number(bytes: &[u8], at: usize) -> u32 {
    u32::from_be_bytes(*bytes[at..].first_chunk().unwrap())
}

fn numbers(all: &[u32]) -> Vec<u8> {
    all.iter().flat_map(|number| number.to_be_bytes()).collect()
}

fn read(mut rest: &[u8]) -> Vec<Part> {
    let mut parts = Vec::new();
    while !rest.is_empty() {
        let (one, after) = rest.split_at(number(rest, 0) as usize);
        rest = after;
        let kind = *one[4..].first_chunk().unwrap();
        let body = if NESTED.contains(&&kind) {
            Body::Parts(read(&one[8..]))
        } else {
            Body::Bytes(one[8..].to_vec())
        };
        parts.push(Part { kind, body });
    }
    parts
}

fn write(part: &Part, to: &mut Vec<u8>) {
    let begins = to.len();
    to.extend([0; 4]);
    to.extend(part.kind);
    match &part.body {
        Body::Parts(parts) => parts.iter().for_each(|part| write(part, to)),
        Body::Bytes(bytes) => to.extend(bytes),
    }
    let length = u32::try_from(to.len() - begins).unwrap();
    to[begins..begins + 4].copy_from_slice(&length.to_be_bytes());
}

/// The content of the first box of a kind.
fn bytes(parts: &mut [Part], kind: [u8; 4]) -> &mut Vec<u8> {
    find(parts, kind).unwrap_or_else(|| panic!("no {}", String::from_utf8_lossy(&kind)))
}

fn find(parts: &mut [Part], kind: [u8; 4]) -> Option<&mut Vec<u8>> {
    parts.iter_mut().find_map(|part| match &mut part.body {
        Body::Bytes(bytes) => (part.kind == kind).then_some(bytes),
        Body::Parts(parts) => find(parts, kind),
    })
}

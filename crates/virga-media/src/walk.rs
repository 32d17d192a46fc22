//! Checks that the samples of an H.264 track are what the index says. The lengths of NAL units reveal
//! damage and an index that points to the wrong bytes; their types reveal frames that are wrongly
//! called key frames; parameter sets reveal a picture whose size or coding changes on the way.

use crate::codec::{Avc, trimmed};

/// What is wrong with a sample.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SampleFault {
    /// Its NAL units do not fill it.
    Damaged,
    /// It is called a key frame and needs other frames.
    NotSync,
    /// It brings parameter sets that the index does not have.
    Changed,
}

/// A sequence parameter set.
const SEQUENCE: u8 = 7;
/// A picture parameter set.
const PICTURE: u8 = 8;

/// An instantaneous refresh.
const REFRESH: u8 = 5;
/// A slice of another picture.
const SLICE: u8 = 1;

/// Walks the NAL units of a whole sample.
pub fn check_sample(sample: &[u8], avc: &Avc, sync: bool) -> Result<(), SampleFault> {
    let mut rest = sample;
    let mut pictures = 0;
    while !rest.is_empty() {
        let (length, after) = rest
            .split_at_checked(avc.length_size.into())
            .ok_or(SampleFault::Damaged)?;
        let length = length
            .iter()
            .fold(0, |length, byte| length << 8 | usize::from(*byte));
        let (unit, after) = after.split_at_checked(length).ok_or(SampleFault::Damaged)?;
        rest = after;
        let Some((head, body)) = unit.split_first() else {
            return Err(SampleFault::Damaged);
        };
        let kind = head & 0x1f;
        // The highest bit is never set; these types are not H.264's.
        if head & 0x80 != 0 || kind == 0 || kind > 23 {
            return Err(SampleFault::Damaged);
        }
        if (kind == SEQUENCE || kind == PICTURE) && !knows(avc, unit) {
            return Err(SampleFault::Changed);
        }
        if kind == REFRESH || kind == SLICE {
            pictures += 1;
            if sync && pictures == 1 && kind == SLICE && !is_intra(body) {
                return Err(SampleFault::NotSync);
            }
        }
    }
    Ok(())
}

/// Whether a sample begins a picture that needs none before it, and nor does any picture after it: an
/// instantaneous refresh. A recovery point in an open group is none.
pub fn is_refresh(sample: &[u8], avc: &Avc) -> bool {
    let size = usize::from(avc.length_size);
    let mut rest = sample;
    while let Some((length, after)) = rest.split_at_checked(size) {
        let length = length
            .iter()
            .fold(0, |length, byte| length << 8 | usize::from(*byte));
        let Some((unit, after)) = after.split_at_checked(length) else {
            return false;
        };
        rest = after;
        match unit.first().map(|head| head & 0x1f) {
            Some(REFRESH) => return true,
            Some(SLICE) | None => return false,
            Some(_) => {}
        }
    }
    false
}

fn knows(avc: &Avc, set: &[u8]) -> bool {
    let set = trimmed(set);
    avc.parameter_sets.iter().any(|known| known == set)
}

/// Whether a slice needs no other picture: its second number is its type.
fn is_intra(slice: &[u8]) -> bool {
    let mut bits = slice
        .iter()
        .take(8)
        .flat_map(|byte| (0..8).rev().map(move |bit| byte >> bit & 1));
    let mut number = || {
        let zeros = bits.by_ref().take_while(|bit| *bit == 0).count();
        let tail = bits.by_ref().take(zeros.min(31));
        tail.fold(1_u32, |number, bit| number << 1 | u32::from(bit)) - 1
    };
    number();
    matches!(number() % 5, 2 | 4)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_types_and_parameter_sets_are_looked_at() {
        let avc = &Avc {
            profile: 100,
            compatibility: 0,
            level: 30,
            chroma_format: 1,
            bit_depth: 8,
            interlaced: false,
            in_band: false,
            length_size: 4,
            parameter_sets: vec![vec![0x67, 1], vec![0x68, 2]],
        };
        // A refresh; a P slice (first macroblock 0, type 5: 1, 00110); an I slice (type 7: 0001000).
        let refresh = [0, 0, 0, 2, 0x65, 0x88];
        let p = [0, 0, 0, 2, 0x41, 0b1001_1000];
        let i = [0, 0, 0, 2, 0x41, 0b1000_1000];
        assert_eq!(check_sample(&refresh, avc, true), Ok(()));
        assert_eq!(check_sample(&p, avc, false), Ok(()));
        assert_eq!(check_sample(&p, avc, true), Err(SampleFault::NotSync));
        assert_eq!(check_sample(&i, avc, true), Ok(()));
        let cut = check_sample(&refresh[..5], avc, true);
        assert_eq!(cut, Err(SampleFault::Damaged));
        let forbidden = check_sample(&[0, 0, 0, 1, 0xe5], avc, true);
        assert_eq!(forbidden, Err(SampleFault::Damaged));
        assert!(is_refresh(&refresh, avc) && !is_refresh(&i, avc));
        let after_sets = [&[0, 0, 0, 2, 0x67, 1][..], &refresh].concat();
        assert!(is_refresh(&after_sets, avc) && !is_refresh(&[], avc));
        // Parameter sets: the index's own, with a zero after it, and another one.
        assert_eq!(check_sample(&[0, 0, 0, 2, 0x67, 1], avc, true), Ok(()));
        assert_eq!(check_sample(&[0, 0, 0, 3, 0x68, 2, 0], avc, true), Ok(()));
        let other = check_sample(&[0, 0, 0, 2, 0x68, 3], avc, true);
        assert_eq!(other, Err(SampleFault::Changed));
    }
}

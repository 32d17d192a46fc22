//! H.264: the decoder configuration (`avcC`, ISO/IEC 14496-15) and the part of the sequence
//! parameter set (ITU-T H.264 §7.3.2.1.1) that says whether every browser's decoder takes it.

use crate::MediaError;
use crate::bmff::Cursor;

/// What `avcC` and its sequence parameter sets say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Avc {
    /// `profile_idc`: 66 Baseline, 77 Main, 100 High, more for 10 bits and 4:4:4.
    pub profile: u8,
    /// The constraint flags.
    pub compatibility: u8,
    /// `level_idc`, ten times the level.
    pub level: u8,
    /// 1 for 4:2:0.
    pub chroma_format: u32,
    /// Bits a sample, of the deeper of luma and chroma.
    pub bit_depth: u32,
    /// Whether fields may be coded (`frame_mbs_only_flag` 0).
    pub interlaced: bool,
    /// Whether parameter sets may come between the samples (`avc3`).
    pub in_band: bool,
    /// Bytes of the length before each NAL unit of a sample.
    pub length_size: u8,
    /// The parameter sets of `avcC`: decoders that are given these first may believe no others.
    pub(crate) parameter_sets: Vec<Vec<u8>>,
}

impl Avc {
    pub(super) fn rfc6381(&self) -> String {
        let name = if self.in_band { "avc3" } else { "avc1" };
        format!(
            "{name}.{:02x}{:02x}{:02x}",
            self.profile, self.compatibility, self.level
        )
    }
}

const WHAT: &str = "its H.264 configuration (avcC)";

pub(crate) fn parse(config: &[u8], in_band: bool) -> Result<Avc, MediaError> {
    let mut cursor = Cursor::new(config, WHAT);
    cursor.u8()?;
    let [profile, compatibility, level, lengths] = cursor.array()?;
    let mut avc = Avc {
        profile,
        compatibility,
        level,
        chroma_format: 1,
        bit_depth: 8,
        interlaced: false,
        in_band,
        length_size: (lengths & 3) + 1,
        parameter_sets: Vec::new(),
    };
    let sets = cursor.u8()? & 0x1f;
    for _ in 0..sets {
        let length = usize::from(cursor.u16()?);
        let unit = cursor.take(length)?;
        let set = parameter_set(unit).ok_or_else(|| cursor.malformed())?;
        avc.parameter_sets.push(trimmed(unit).to_vec());
        // The least friendly of several sets counts.
        if set.chroma_format != 1 {
            avc.chroma_format = set.chroma_format;
        }
        avc.bit_depth = avc.bit_depth.max(set.bit_depth);
        avc.interlaced |= set.interlaced;
        if set.profile > 100 {
            avc.profile = set.profile;
        }
    }
    avc.in_band |= sets == 0;
    // Nothing else here depends on the picture parameter sets, so their damage is none of the file's.
    avc.parameter_sets.extend(picture_sets(&mut cursor));
    Ok(avc)
}

fn picture_sets(cursor: &mut Cursor<'_>) -> Vec<Vec<u8>> {
    let count = cursor.u8().unwrap_or(0);
    let unit = |_| {
        let length = usize::from(cursor.u16().ok()?);
        Some(trimmed(cursor.take(length).ok()?).to_vec())
    };
    (0..count).map_while(unit).collect()
}

/// A NAL unit without zero bytes after its end, which are none of its contents.
pub(crate) fn trimmed(unit: &[u8]) -> &[u8] {
    let end = unit.iter().rposition(|byte| *byte != 0);
    &unit[..end.map_or(0, |last| last + 1)]
}

struct ParameterSet {
    profile: u8,
    chroma_format: u32,
    bit_depth: u32,
    interlaced: bool,
}

fn parameter_set(nal: &[u8]) -> Option<ParameterSet> {
    let mut bits = Bits::new(nal.get(1..)?);
    let profile = u8::try_from(bits.bits(8)?).ok()?;
    bits.bits(16)?;
    bits.exp_golomb()?;
    let mut set = ParameterSet {
        profile,
        chroma_format: 1,
        bit_depth: 8,
        interlaced: false,
    };
    if matches!(
        profile,
        100 | 110 | 122 | 244 | 44 | 83 | 86 | 118 | 128 | 138 | 139 | 134 | 135
    ) {
        set.chroma_format = bits.exp_golomb()?;
        if set.chroma_format == 3 {
            bits.bits(1)?;
        }
        let luma = bits.exp_golomb()?;
        let chroma = bits.exp_golomb()?;
        set.bit_depth = 8_u32.checked_add(luma.max(chroma))?;
        bits.bits(1)?;
        if bits.bits(1)? == 1 {
            skip_scaling_matrix(&mut bits, if set.chroma_format == 3 { 12 } else { 8 })?;
        }
    }
    bits.exp_golomb()?;
    skip_picture_order(&mut bits)?;
    bits.exp_golomb()?;
    bits.bits(1)?;
    bits.exp_golomb()?;
    bits.exp_golomb()?;
    set.interlaced = bits.bits(1)? == 0;
    Some(set)
}

fn skip_scaling_matrix(bits: &mut Bits<'_>, lists: u32) -> Option<()> {
    for list in 0..lists {
        if bits.bits(1)? == 0 {
            continue;
        }
        let (mut last, mut next) = (8_i32, 8_i32);
        for _ in 0..if list < 6 { 16 } else { 64 } {
            if next != 0 {
                next = last.wrapping_add(bits.signed_exp_golomb()?).rem_euclid(256);
            }
            last = if next == 0 { last } else { next };
        }
    }
    Some(())
}

fn skip_picture_order(bits: &mut Bits<'_>) -> Option<()> {
    match bits.exp_golomb()? {
        0 => {
            bits.exp_golomb()?;
        }
        1 => {
            bits.bits(1)?;
            bits.exp_golomb()?;
            bits.exp_golomb()?;
            for _ in 0..bits.exp_golomb()?.min(256) {
                bits.exp_golomb()?;
            }
        }
        _ => {}
    }
    Some(())
}

/// Bits of a NAL unit, with its emulation prevention bytes (`00 00 03`) left out.
struct Bits<'a> {
    bytes: &'a [u8],
    at: usize,
    zeros: u32,
    current: u8,
    left: u32,
}

impl<'a> Bits<'a> {
    fn new(bytes: &'a [u8]) -> Self {
        Self {
            bytes,
            at: 0,
            zeros: 0,
            current: 0,
            left: 0,
        }
    }

    fn bit(&mut self) -> Option<u32> {
        if self.left == 0 {
            let mut byte = *self.bytes.get(self.at)?;
            self.at += 1;
            if self.zeros >= 2 && byte == 3 {
                self.zeros = 0;
                byte = *self.bytes.get(self.at)?;
                self.at += 1;
            }
            self.zeros = if byte == 0 { self.zeros + 1 } else { 0 };
            self.current = byte;
            self.left = 8;
        }
        self.left -= 1;
        Some(u32::from(self.current >> self.left & 1))
    }

    fn bits(&mut self, count: u32) -> Option<u32> {
        let mut value = 0;
        for _ in 0..count {
            value = value << 1 | self.bit()?;
        }
        Some(value)
    }

    fn exp_golomb(&mut self) -> Option<u32> {
        let mut zeros = 0;
        while self.bit()? == 0 {
            zeros += 1;
            if zeros > 31 {
                return None;
            }
        }
        let tail = self.bits(zeros)?;
        (1_u32 << zeros).checked_sub(1)?.checked_add(tail)
    }

    fn signed_exp_golomb(&mut self) -> Option<i32> {
        let code = self.exp_golomb()?;
        let half = i32::try_from(code.div_ceil(2)).ok()?;
        Some(if code % 2 == 1 { half } else { -half })
    }
}

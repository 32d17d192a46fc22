//! The boxes of a sample table (`stbl`), each count checked against the bytes that are there before
//! anything is allocated.

use crate::MediaError;
use crate::bmff::Cursor;

use super::MAX_SAMPLES;

/// `stsz`: one size for all, or each its own.
#[derive(Debug, Clone)]
pub(crate) enum Sizes {
    Same(u32),
    Each(Vec<u32>),
}

impl Default for Sizes {
    fn default() -> Self {
        Self::Same(0)
    }
}

/// The boxes of one `stbl`.
#[derive(Debug, Default)]
pub(super) struct Stbl<'a> {
    pub(super) stts: &'a [u8],
    pub(super) ctts: Option<&'a [u8]>,
    pub(super) stss: Option<&'a [u8]>,
    pub(super) stsz: Option<&'a [u8]>,
    pub(super) stz2: Option<&'a [u8]>,
    pub(super) stsc: &'a [u8],
    pub(super) stco: Option<&'a [u8]>,
    pub(super) co64: Option<&'a [u8]>,
}

impl Stbl<'_> {
    pub(super) fn sizes(&self) -> Result<(u32, Sizes), MediaError> {
        if let Some(stz2) = self.stz2 {
            return compact_sizes(stz2);
        }
        let mut cursor = Cursor::new(self.stsz.unwrap_or_default(), "its sample sizes (stsz)");
        cursor.full()?;
        let same = cursor.u32()?;
        if same != 0 {
            let count = cursor.u32()?;
            return Ok((within_limit(count)?, Sizes::Same(same)));
        }
        let count = cursor.clone().u32()?;
        within_limit(count)?;
        let entries = cursor.count(4)?;
        let each = cursor.take(entries * 4)?;
        Ok((
            count,
            Sizes::Each(words(each).map(u32::from_be_bytes).collect()),
        ))
    }

    pub(super) fn durations(&self) -> Result<Vec<(u32, u32)>, MediaError> {
        runs(self.stts, "its sample times (stts)", u32::from_be_bytes)
    }

    /// Signed in both versions of the box: many writers put negative offsets into version 0.
    pub(super) fn composition_offsets(&self) -> Result<Vec<(u32, i32)>, MediaError> {
        self.ctts.map_or(Ok(Vec::new()), |ctts| {
            runs(ctts, "its composition offsets (ctts)", i32::from_be_bytes)
        })
    }

    pub(super) fn sync_numbers(&self, count: u32) -> Result<Option<Vec<u32>>, MediaError> {
        self.stss.map(|stss| sync_numbers(stss, count)).transpose()
    }

    pub(super) fn chunk_offsets(&self) -> Result<Vec<u64>, MediaError> {
        const WHAT: &str = "its chunk positions (stco)";
        let (body, width) = match (self.co64, self.stco) {
            (Some(co64), _) => (co64, 8),
            (None, stco) => (stco.unwrap_or_default(), 4),
        };
        let mut cursor = Cursor::new(body, WHAT);
        cursor.full()?;
        let entries = cursor.count(width)?;
        let table = cursor.take(entries * width)?;
        Ok(if width == 4 {
            words(table)
                .map(|word| u64::from(u32::from_be_bytes(word)))
                .collect()
        } else {
            table
                .as_chunks::<8>()
                .0
                .iter()
                .map(|word| u64::from_be_bytes(*word))
                .collect()
        })
    }

    pub(super) fn chunk_runs(&self) -> Result<Vec<(u32, u32)>, MediaError> {
        let mut cursor = Cursor::new(self.stsc, "its chunks (stsc)");
        cursor.full()?;
        let entries = cursor.count(12)?;
        let mut runs: Vec<(u32, u32)> = Vec::with_capacity(entries);
        for _ in 0..entries {
            let first = cursor.u32()?;
            let samples = cursor.u32()?;
            cursor.u32()?;
            let first = first.checked_sub(1).ok_or_else(|| cursor.malformed())?;
            let rises = runs.last().map_or(first == 0, |last| first > last.0);
            if !rises {
                return Err(cursor.malformed());
            }
            runs.push((first, samples));
        }
        Ok(runs)
    }
}

fn within_limit(count: u32) -> Result<u32, MediaError> {
    if count as usize > MAX_SAMPLES {
        return Err(MediaError::too_large(
            "a track claims over 8 million samples",
        ));
    }
    Ok(count)
}

fn compact_sizes(stz2: &[u8]) -> Result<(u32, Sizes), MediaError> {
    let mut cursor = Cursor::new(stz2, "its sample sizes (stz2)");
    cursor.full()?;
    let bits = cursor.u32()? & 0xff;
    let count = within_limit(cursor.u32()?)?;
    let length = match bits {
        4 => (count as usize).div_ceil(2),
        8 => count as usize,
        16 => count as usize * 2,
        _ => return Err(cursor.malformed()),
    };
    let table = cursor.take(length)?;
    let mut each: Vec<u32> = match bits {
        4 => table
            .iter()
            .flat_map(|byte| [byte >> 4, byte & 15])
            .map(u32::from)
            .collect(),
        8 => table.iter().copied().map(u32::from).collect(),
        _ => table
            .as_chunks::<2>()
            .0
            .iter()
            .map(|two| u32::from(u16::from_be_bytes(*two)))
            .collect(),
    };
    each.truncate(count as usize);
    Ok((count, Sizes::Each(each)))
}

/// Adds a value to runs of equal ones.
pub(super) fn runs_push<T: PartialEq>(runs: &mut Vec<(u32, T)>, value: T) {
    match runs.last_mut() {
        Some(run) if run.1 == value => run.0 += 1,
        _ => runs.push((1, value)),
    }
}

fn words(table: &[u8]) -> impl Iterator<Item = [u8; 4]> + '_ {
    table.as_chunks::<4>().0.iter().copied()
}

fn runs<T>(
    body: &[u8],
    what: &'static str,
    value: impl Fn([u8; 4]) -> T,
) -> Result<Vec<(u32, T)>, MediaError> {
    let mut cursor = Cursor::new(body, what);
    cursor.full()?;
    let entries = cursor.count(8)?;
    let mut table = Vec::with_capacity(entries);
    for _ in 0..entries {
        let samples = cursor.u32()?;
        table.push((samples, value(cursor.array()?)));
    }
    Ok(table)
}

fn sync_numbers(body: &[u8], count: u32) -> Result<Vec<u32>, MediaError> {
    let mut cursor = Cursor::new(body, "its key frames (stss)");
    cursor.full()?;
    let entries = cursor.count(4)?;
    let numbers: Vec<u32> = words(cursor.take(entries * 4)?)
        .map(u32::from_be_bytes)
        .collect();
    let rising = numbers.windows(2).all(|pair| pair[0] < pair[1]);
    let inside = numbers.first().is_none_or(|first| *first >= 1)
        && numbers.last().is_none_or(|last| *last <= count);
    if !rising || !inside {
        return Err(cursor.malformed());
    }
    Ok(numbers)
}

//! The rates of a track, as playlists announce them.

/// Bits a second of a track.
pub(crate) struct Bandwidth {
    pub(crate) peak: u64,
    pub(crate) average: u64,
}

impl Bandwidth {
    /// RFC 8216bis 4.4.6.2: the peak is over any neighbouring segments that together last between
    /// half and one and a half target durations; shorter single ones are not counted alone.
    pub(crate) fn of(durations: &[u32], lengths: &[u32], timescale: u32) -> Self {
        let longest = durations.iter().copied().max().unwrap_or(0);
        let mut peak = 0;
        let (mut first, mut ticks, mut bytes) = (0, 0_u64, 0_u64);
        for (duration, length) in durations.iter().zip(lengths) {
            ticks += u64::from(*duration);
            bytes += u64::from(*length);
            let half = u64::from(longest) / 2;
            while ticks - u64::from(durations[first]) >= half.max(1) {
                ticks -= u64::from(durations[first]);
                bytes -= u64::from(lengths[first]);
                first += 1;
            }
            if ticks >= half.max(1) {
                peak = peak.max(rate(bytes, ticks, timescale));
            }
        }
        let average = rate(sum(lengths), sum(durations), timescale);
        Self {
            peak: peak.max(average),
            average,
        }
    }
}

/// Bits a second.
pub(crate) fn rate(bytes: u64, ticks: u64, timescale: u32) -> u64 {
    let bits = u128::from(bytes) * 8 * u128::from(timescale);
    u64::try_from(bits / u128::from(ticks.max(1))).unwrap_or(u64::MAX)
}

/// The sum of a column, which may be more than its numbers can hold.
pub(crate) fn sum<'a>(column: impl IntoIterator<Item = &'a u32>) -> u64 {
    column.into_iter().map(|it| u64::from(*it)).sum()
}

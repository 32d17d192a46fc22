//! Media time: ticks of a timescale to microseconds and back, rounded to the nearest.

/// Results stop here, some 36,000 years off: sums of a few of them cannot overflow.
const FAR: i128 = 1 << 60;

/// `ticks / timescale` seconds in microseconds.
pub(crate) fn to_micros(ticks: i64, timescale: u32) -> i64 {
    scale(ticks, 1_000_000, i128::from(timescale.max(1)))
}

/// Microseconds in ticks of `timescale`.
pub(crate) fn from_micros(micros: i64, timescale: u32) -> i64 {
    scale(micros, i128::from(timescale), 1_000_000)
}

fn scale(value: i64, by: i128, over: i128) -> i64 {
    let scaled = (i128::from(value) * by * 2 + over).div_euclid(over * 2);
    i64::try_from(scaled.clamp(-FAR, FAR)).unwrap_or_default()
}

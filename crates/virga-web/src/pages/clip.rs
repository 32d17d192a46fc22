//! A stretch of a video as an address asks for it: `?from=…&to=…`. The player reads the same query by itself
//! (`ui/src/player/time.ts`); here it becomes what the page tells other programs.

use virga_core::paths::{CLIP_MAX_MILLIS, MediaFile};

/// What a query holds: names and values in their order.
pub(crate) type Pairs = Vec<(String, String)>;

/// A stretch of a video, in milliseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Clip {
    /// Where it begins.
    pub(crate) from: u64,
    /// Where it ends, if not with the video; after `from`.
    pub(crate) to: Option<u64>,
}

impl Clip {
    /// The stretch that a query asks for, of a video of this length in seconds. What cannot be is cut to
    /// what there is: an end past that of the video, or before the beginning, is none. `None`: the whole video.
    pub(crate) fn asked(pairs: &[(String, String)], duration: Option<f64>) -> Option<Self> {
        let first = |name| pairs.iter().find(|(key, _)| key == name);
        let time = |name| first(name).and_then(|(_, value)| millis(value));
        let length = duration.and_then(length).unwrap_or(u64::MAX);
        let from = time("from").unwrap_or(0);
        let to = time("to").filter(|to| *to > from && *to < length);
        ((from > 0 || to.is_some()) && from < length).then_some(Self { from, to })
    }

    /// What follows an address that has no query yet.
    pub(crate) fn query(self) -> String {
        let from = seconds(self.from);
        match self.to {
            Some(to) => format!("?from={from}&to={}", seconds(to)),
            None => format!("?from={from}"),
        }
    }

    /// The same for a file, as browsers read it by themselves (Media Fragments URI §4.2.1).
    pub(crate) fn fragment(self) -> String {
        let from = seconds(self.from);
        match self.to {
            Some(to) => format!("#t={from},{}", seconds(to)),
            None => format!("#t={from}"),
        }
    }

    /// The address of a file of it alone, next to that of the whole plain file; of the whole, with the place in
    /// it, where the clip is too long for that.
    pub(crate) fn file(self, plain: &str, duration: Option<f64>) -> String {
        let to = self.to.or(duration.and_then(length)).unwrap_or(0);
        if to > self.from && to - self.from <= CLIP_MAX_MILLIS {
            let name = MediaFile::Clip(self.from, to).to_string();
            plain.replace(&MediaFile::Fallback.to_string(), &name)
        } else {
            format!("{plain}{}", self.fragment())
        }
    }
}

/// Milliseconds of a length in seconds.
fn length(seconds: f64) -> Option<u64> {
    let length = std::time::Duration::try_from_secs_f64(seconds).ok()?;
    u64::try_from(length.as_millis()).ok()
}

/// Seconds as people write them, without zeros at the end.
fn seconds(millis: u64) -> String {
    let text = format!("{}.{:03}", millis / 1000, millis % 1000);
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

/// Milliseconds of `90`, `90.5`, `90s`, `1m30s`, `1h2m3s`, `1:30`, `1:30.5` or `1:02:03`.
pub(crate) fn millis(text: &str) -> Option<u64> {
    let text = text.trim().to_ascii_lowercase();
    if text.contains(':') {
        let (before, last) = text.rsplit_once(':')?;
        let parts: Vec<u64> = before.split(':').map(whole).collect::<Option<_>>()?;
        let minutes = parts.iter().fold(0, |sum, part| sum * 60 + part);
        return (parts.len() <= 2).then_some(minutes * 60_000 + decimal(last)?);
    }
    let (mut total, mut rest) = (0, text.as_str());
    for (unit, length) in [('h', 3_600_000), ('m', 60_000)] {
        if let Some((count, after)) = rest.split_once(unit) {
            total += whole(count)? * length;
            rest = after;
        }
    }
    let last = rest.strip_suffix('s').unwrap_or(rest);
    // After an hour or a minute nothing more is needed.
    if rest.is_empty() && !text.is_empty() {
        return Some(total);
    }
    Some(total + decimal(last)?)
}

/// A number of at most nine digits.
fn whole(text: &str) -> Option<u64> {
    let digits = text.bytes().all(|byte| byte.is_ascii_digit());
    (digits && text.len() <= 9).then(|| text.parse().ok())?
}

/// Thousandths of a number with decimals; what is finer is left out.
fn decimal(text: &str) -> Option<u64> {
    let (before, fraction) = text.split_once('.').unwrap_or((text, "0"));
    let _ = whole(fraction)?;
    let thousandths = whole(&format!("{fraction:0<3}")[..3])?;
    Some(whole(before)? * 1000 + thousandths)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_read_as_people_write_it() {
        for (text, at) in [
            ("90", Some(90_000)),
            ("90.5", Some(90_500)),
            ("0.0625", Some(62)),
            ("90s", Some(90_000)),
            ("1m30s", Some(90_000)),
            ("1m30", Some(90_000)),
            ("1m", Some(60_000)),
            ("1h2m3s", Some(3_723_000)),
            ("2H", Some(7_200_000)),
            ("1:30", Some(90_000)),
            (" 1:30.25 ", Some(90_250)),
            ("1:02:03", Some(3_723_000)),
            ("", None),
            ("m", None),
            ("s", None),
            ("1:x", None),
            ("1:2:3:4", None),
            ("1s2m", None),
            ("-5", None),
            ("1.", None),
            (".5", None),
            ("1.é", None),
            ("1e9", None),
            ("NaN", None),
            ("99999999999", None),
            ("<b>", None),
        ] {
            assert_eq!(millis(text), at, "{text}");
        }
    }

    #[test]
    fn a_clip_is_written_in_one_way() {
        let clip = |from, to| Clip { from, to };
        assert_eq!(clip(500, Some(61_250)).query(), "?from=0.5&to=61.25");
        assert_eq!(clip(90_000, None).query(), "?from=90");
        assert_eq!(clip(0, Some(10)).fragment(), "#t=0,0.01");
    }
}

//! One byte range of a body of known length (RFC 9110 §14).

use http::{HeaderMap, header};

/// What a `Range` header asks of `length` bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RangeRequest {
    /// No range, one that is to be ignored, or several: the whole, 200.
    Whole,
    /// First byte and count: 206.
    Part(u64, u64),
    /// Cannot be satisfied: 416.
    Unsatisfiable,
}

/// Reads `Range`, honouring `If-Range` against the strong `etag`.
pub fn read(headers: &HeaderMap, length: u64, etag: &str) -> RangeRequest {
    let text = |name| headers.get(name).and_then(|value| value.to_str().ok());
    let Some(range) = text(header::RANGE) else {
        return RangeRequest::Whole;
    };
    if text(header::IF_RANGE).is_some_and(|condition| condition != etag) {
        return RangeRequest::Whole;
    }
    let Some(spec) = range.strip_prefix("bytes=") else {
        return RangeRequest::Whole;
    };
    let Some((first, last)) = spec.trim().split_once('-') else {
        return RangeRequest::Whole;
    };
    let parsed = match (first.parse::<u64>(), last.parse::<u64>()) {
        (Ok(first), Ok(last)) if first <= last => Some((first, last)),
        (Ok(first), Err(_)) if last.is_empty() => Some((first, u64::MAX)),
        (Err(_), Ok(0)) if first.is_empty() => return RangeRequest::Unsatisfiable,
        (Err(_), Ok(suffix)) if first.is_empty() => Some((length.saturating_sub(suffix), u64::MAX)),
        _ => None,
    };
    match parsed {
        None => RangeRequest::Whole,
        Some((first, _)) if first >= length => RangeRequest::Unsatisfiable,
        Some((first, last)) => RangeRequest::Part(first, last.min(length - 1) - first + 1),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_read_as_the_standard_says() {
        let asked = |range: &str| {
            let headers = [(header::RANGE, range.parse().unwrap())]
                .into_iter()
                .collect();
            read(&headers, 100, "\"a\"")
        };
        assert_eq!(asked("bytes=0-0"), RangeRequest::Part(0, 1));
        assert_eq!(asked("bytes=90-"), RangeRequest::Part(90, 10));
        assert_eq!(asked("bytes=-10"), RangeRequest::Part(90, 10));
        assert_eq!(asked("bytes=-1000"), RangeRequest::Part(0, 100));
        assert_eq!(asked("bytes=50-1000"), RangeRequest::Part(50, 50));
        assert_eq!(asked("bytes=100-"), RangeRequest::Unsatisfiable);
        assert_eq!(asked("bytes=-0"), RangeRequest::Unsatisfiable);
        assert_eq!(asked("bytes=5-1"), RangeRequest::Whole);
        assert_eq!(asked("bytes=0-1,4-5"), RangeRequest::Whole);
        assert_eq!(asked("lines=0-1"), RangeRequest::Whole);
    }
}

//! Headers and queries of requests.

use axum::body::Body;
use futures_util::FutureExt;
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use std::{convert::Infallible, net::SocketAddr};
use virga_http::{
    cookie,
    paging::{self, PageQuery},
    representation::Representation,
    viewer::{PresentedToken, resolve},
};

/// The server takes no more in one request.
const MOST_HEADERS: usize = 100;

/// One header a line; those of `names` where a line does not say which.
fn read_headers(input: &[u8], names: &[HeaderName]) -> HeaderMap {
    let mut headers = HeaderMap::new();
    let lines = input.split(|byte| *byte == b'\n').take(MOST_HEADERS);
    for (line, name) in lines.zip(names.iter().cycle()) {
        if let Ok(value) = HeaderValue::from_bytes(line) {
            headers.append(name, value);
        }
    }
    headers
}

/// How long the bytes are, and then `Range`, `If-Range` and `If-None-Match`.
pub(crate) fn range(input: &[u8]) {
    const NAMES: [HeaderName; 3] = [header::RANGE, header::IF_RANGE, header::IF_NONE_MATCH];
    let Some((length, lines)) = input.split_first_chunk() else {
        return;
    };
    let length = u64::from_be_bytes(*length);
    let known = Representation {
        content_type: "video/mp4",
        etag: "\"tag\"".to_owned(),
        cache_control: "no-cache".to_owned(),
        length,
    };
    let mut asked = None;
    let request = read_headers(lines, &NAMES);
    let answer = known.answer(&request, |first, count| {
        asked = Some((first, count));
        async { Ok::<_, Infallible>(Body::empty()) }
    });
    let Some(Ok(answer)) = answer.now_or_never() else {
        panic!("an answer waits for nothing");
    };
    let said = answer.headers().get(header::CONTENT_RANGE);
    let said = said.map(|it| it.to_str().expect("text").to_owned());
    match (answer.status(), asked) {
        (StatusCode::OK, Some(whole)) => assert_eq!(whole, (0, length)),
        (StatusCode::PARTIAL_CONTENT, Some((first, count))) => {
            assert!(count > 0 && first.checked_add(count).is_some_and(|end| end <= length));
            let last = first + count - 1;
            assert_eq!(said, Some(format!("bytes {first}-{last}/{length}")));
        }
        (StatusCode::NOT_MODIFIED, None) => assert_eq!(said, None),
        (StatusCode::RANGE_NOT_SATISFIABLE, None) => {
            assert_eq!(said, Some(format!("bytes */{length}")));
        }
        other => panic!("{other:?}"),
    }
}

/// A cursor, as the lists of the API read them; what is read writes itself.
pub(crate) fn cursor(input: &[u8]) {
    let Ok(text) = std::str::from_utf8(input) else {
        return;
    };
    let asked = PageQuery {
        cursor: Some(text.to_owned()),
        limit: text.parse().ok(),
    };
    let _ = asked.limit();
    if let Ok(Some(key)) = asked.after::<(i64, String)>() {
        let cursor = paging::cut(&mut vec![(), ()], 1, |()| key.clone());
        let again = PageQuery {
            cursor,
            limit: None,
        };
        assert_eq!(again.after().ok().flatten(), Some(key));
    }
    let _ = asked.after::<i64>();
    let _ = asked.after::<(String, Option<i64>)>();
}

/// Who calls: cookies, tokens and the addresses that proxies add.
pub(crate) fn headers(input: &[u8]) {
    const FORWARDED: HeaderName = HeaderName::from_static("x-forwarded-for");
    let headers = read_headers(input, &[FORWARDED, header::COOKIE, header::AUTHORIZATION]);
    let proxies = ["10.0.0.0/8", "fd00::/8"].map(|net| net.parse().expect("a network"));
    let [near, far] =
        ["10.0.0.1:1", "192.0.2.1:1"].map(|peer| peer.parse::<SocketAddr>().expect("an address"));
    let viewer = resolve(near, &headers, &proxies);
    let _ = (viewer.bucket(), viewer.wide());
    assert_eq!(resolve(far, &headers, &proxies).0, far.ip());
    for https in [false, true] {
        let presented = PresentedToken::read(&headers, https);
        if let PresentedToken::Cookie(token) = &presented {
            assert_eq!(cookie::read(&headers, cookie::name(https)), Some(&**token));
        }
    }
}

//! Cases of addresses and forms that others use: what is signed works, and nothing else does.

use std::time::Duration;

use bytes::Bytes;
use futures_util::StreamExt;
use http::{HeaderMap, HeaderName};
use reqwest::{Method, NoProxy, RequestBuilder, Response};
use virga_bucket::{BucketAddressing, BucketStore};
use virga_core::{Clock, MediaKey, SystemClock, upload::part_span};
use virga_objects::{
    Callback, CorsRule, DirectAccess, ObjectError, PostForm, SignedRequest, UploadPlan, Validity,
};

use super::Stand;
use crate::noise;

const SITE: &str = "https://videos.example";

fn now() -> Validity {
    Validity {
        from: SystemClock.now(),
        lasts: Duration::from_secs(600),
    }
}

/// Was good, and no longer is.
fn over() -> Validity {
    Validity {
        from: SystemClock.now().minus(Duration::from_secs(700)),
        lasts: Duration::from_secs(600),
    }
}

impl Stand {
    fn direct(&self) -> BucketStore {
        BucketStore::new(self.options.clone().unwrap()).unwrap()
    }

    /// A browser that sees what this stand sees.
    fn browser(&self) -> Browser {
        let mut client = reqwest::Client::builder().no_proxy();
        if let Some(proxy) = &self.options.as_ref().unwrap().proxy {
            let proxy = reqwest::Proxy::all(proxy).unwrap();
            client = client.proxy(proxy.no_proxy(NoProxy::from_string("127.0.0.1")));
        }
        Browser(client.build().unwrap())
    }
}

struct Browser(reqwest::Client);

impl Browser {
    fn ask(&self, method: &str, url: &str) -> RequestBuilder {
        self.0.request(method.parse::<Method>().unwrap(), url)
    }
}

async fn send(browser: &Browser, signed: &SignedRequest, body: Bytes) -> u16 {
    let asked = browser.ask(signed.method, &signed.url).body(body);
    // A server may refuse and hang up while the body is still on its way.
    asked
        .send()
        .await
        .map_or(0, |answer| answer.status().as_u16())
}

fn refused(status: u16) -> bool {
    matches!(status, 0 | 400 | 401 | 403 | 404 | 405 | 413 | 501)
}

/// The address with each of its parts changed by a character, and their names.
fn altered(url: &str) -> Vec<(String, String)> {
    let (path, query) = url.split_once('?').unwrap();
    let pairs: Vec<(&str, &str)> = query
        .split('&')
        .map(|it| it.split_once('=').unwrap())
        .collect();
    let mut altered = Vec::new();
    for (n, (name, value)) in pairs.iter().enumerate() {
        let mut changed = (*value).to_owned();
        // A digit or letter in the middle, as one who guesses would.
        let at = value
            .char_indices()
            .filter(|(_, it)| it.is_ascii_alphanumeric())
            .nth(value.len() / 2);
        let at = at.or_else(|| value.char_indices().next_back()).unwrap().0;
        let other = if &value[at..=at] == "1" { "2" } else { "1" };
        changed.replace_range(at..=at, other);
        let query = pairs
            .iter()
            .enumerate()
            .map(|(m, (name, value))| format!("{name}={}", if n == m { &changed } else { *value }));
        let query = query.collect::<Vec<_>>().join("&");
        altered.push(((*name).to_owned(), format!("{path}?{query}")));
        let rest = pairs.iter().filter(|it| it.0 != *name);
        let rest: Vec<String> = rest
            .map(|(name, value)| format!("{name}={value}"))
            .collect();
        altered.push((format!("no {name}"), format!("{path}?{}", rest.join("&"))));
    }
    altered.push((
        "path".to_owned(),
        format!("{}x?{query}", &path[..path.len() - 1]),
    ));
    altered.push(("unsigned".to_owned(), path.to_owned()));
    altered
}

pub(super) async fn a_signed_address_reads_one_object_for_a_while(stand: Stand) {
    let (direct, key) = (stand.direct(), stand.key("a.cmaf"));
    let browser = stand.browser();
    let other = stand.key("a.cmax");
    for key in [&key, &other] {
        stand
            .store
            .put(key, Bytes::from_static(b"0123456789"))
            .await
            .unwrap();
    }
    let signed = direct.sign_get(&key, now()).await.unwrap();
    assert!(!format!("{signed:?}").contains("Signature"));
    let answer = browser.ask("GET", &signed.url).send().await.unwrap();
    assert_eq!(
        (answer.status().as_u16(), answer.text().await.unwrap()),
        (200, "0123456789".into())
    );
    let range = browser
        .ask("GET", &signed.url)
        .header("range", "bytes=2-4")
        .send()
        .await
        .unwrap();
    assert_eq!(
        (range.status().as_u16(), range.text().await.unwrap()),
        (206, "234".into())
    );
    // All who ask within the same validity get the same address.
    let validity = now();
    let one = direct.sign_get(&key, validity).await.unwrap();
    assert_eq!(one, direct.sign_get(&key, validity).await.unwrap());
    for (what, url) in altered(&signed.url) {
        let status = browser
            .ask("GET", &url)
            .send()
            .await
            .unwrap()
            .status()
            .as_u16();
        assert!(refused(status), "{what}: {status}");
    }
    for method in ["PUT", "DELETE", "POST"] {
        let status = browser
            .ask(method, &signed.url)
            .body("x")
            .send()
            .await
            .unwrap()
            .status();
        assert!(refused(status.as_u16()), "{method}: {status}");
    }
    let expired = direct.sign_get(&key, over()).await.unwrap();
    let status = browser
        .ask("GET", &expired.url)
        .send()
        .await
        .unwrap()
        .status();
    assert!(refused(status.as_u16()), "{status}");
    assert_eq!(stand.store.read_all(&key, 99).await.unwrap(), "0123456789");
    // Without an endpoint for browsers none is made up.
    let mut options = stand.options.clone().unwrap();
    options.public = None;
    let inner = BucketStore::new(options).unwrap();
    let none = inner.sign_get(&key, now()).await;
    assert!(matches!(none, Err(ObjectError::Bucket { .. })));
}

pub(super) async fn a_signed_put_takes_exactly_its_size(stand: Stand) {
    let (direct, key) = (stand.direct(), stand.key("a.cmaf"));
    let browser = stand.browser();
    let body = noise(50_000, 1);
    let signed = direct.sign_put(&key, 50_000, now()).await.unwrap();
    assert_eq!((signed.method, signed.length), ("PUT", Some(50_000)));
    for wrong in [noise(49_999, 1), noise(50_001, 1), Bytes::new()] {
        let status = send(&browser, &signed, wrong).await;
        assert!(refused(status), "{status}");
    }
    for (what, url) in altered(&signed.url) {
        let altered = SignedRequest {
            url,
            ..signed.clone()
        };
        let status = send(&browser, &altered, body.clone()).await;
        assert!(refused(status), "{what}: {status}");
    }
    let expired = direct.sign_put(&key, 50_000, over()).await.unwrap();
    assert!(refused(send(&browser, &expired, body.clone()).await));
    assert!(stand.store.stat(&key).await.unwrap_err().is_not_found());
    assert_eq!(send(&browser, &signed, body.clone()).await, 200);
    assert_eq!(stand.store.read_all(&key, 99_999).await.unwrap(), body);
}

pub(super) async fn signed_parts_become_the_file(stand: Stand) {
    let (direct, browser) = (stand.direct(), stand.browser());
    let (key, total) = (stand.source(), stand.total());
    let made = stand
        .sessions
        .create(stand.upload, &UploadPlan::new(&key, total, stand.part))
        .await;
    made.unwrap();
    let file = noise(usize::try_from(total).unwrap(), 4);
    let cut = |number| {
        let span = part_span(number, total, stand.part).unwrap();
        let from = usize::try_from(span.offset).unwrap();
        (
            span,
            file.slice(from..from + usize::try_from(span.size).unwrap()),
        )
    };
    let (span, last) = cut(3);
    let signed = direct
        .sign_part(stand.upload, 3, span, now())
        .await
        .unwrap();
    let short = send(&browser, &signed, last.slice(1..)).await;
    assert!(refused(short), "{short}");
    for (what, url) in altered(&signed.url) {
        let altered = SignedRequest {
            url,
            ..signed.clone()
        };
        let status = send(&browser, &altered, last.clone()).await;
        assert!(refused(status), "{what}: {status}");
    }
    let expired = direct
        .sign_part(stand.upload, 3, span, over())
        .await
        .unwrap();
    assert!(refused(send(&browser, &expired, last).await));
    assert!(
        stand
            .sessions
            .list_parts(stand.upload)
            .await
            .unwrap()
            .parts
            .is_empty()
    );
    let wrong = direct.sign_part(stand.upload, 2, span, now()).await;
    assert!(matches!(wrong, Err(ObjectError::WrongPart)));
    for number in [2, 3, 1] {
        let (span, part) = cut(number);
        let signed = direct.sign_part(stand.upload, number, span, now()).await;
        assert_eq!(send(&browser, &signed.unwrap(), part).await, 200);
    }
    let held = stand.sessions.list_parts(stand.upload).await.unwrap();
    assert_eq!((held.parts.len(), held.bytes()), (3, total));
    let done = stand
        .sessions
        .complete(stand.upload, &UploadPlan::new(&key, total, stand.part))
        .await;
    done.unwrap();
    assert!(stand.store.read_all(&key, total).await.unwrap() == file);
    // Whoever remembers the session may still sign; the bucket takes nothing more.
    let (span, part) = cut(1);
    let late = direct.sign_part(stand.upload, 1, span, now()).await;
    assert!(refused(send(&browser, &late.unwrap(), part).await));
    assert!(stand.store.read_all(&key, total).await.unwrap() == file);
}

/// Sends a form as a browser does; its boundary is in no body.
async fn post(browser: &Browser, form: &PostForm, body: &[u8]) -> u16 {
    const BOUNDARY: &str = "virga-boundary-7d0c";
    let mut text = Vec::new();
    for (name, value) in &form.fields {
        let field = format!(
            "--{BOUNDARY}\r\ncontent-disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n"
        );
        text.extend_from_slice(field.as_bytes());
    }
    let file = format!(
        "--{BOUNDARY}\r\ncontent-disposition: form-data; name=\"file\"; filename=\"a\"\r\ncontent-type: application/octet-stream\r\n\r\n"
    );
    text.extend_from_slice(file.as_bytes());
    text.extend_from_slice(body);
    text.extend_from_slice(format!("\r\n--{BOUNDARY}--\r\n").as_bytes());
    let kind = format!("multipart/form-data; boundary={BOUNDARY}");
    let asked = browser
        .ask("POST", &form.url)
        .header("content-type", kind)
        .body(text);
    asked
        .send()
        .await
        .map_or(0, |answer| answer.status().as_u16())
}

pub(super) async fn a_form_takes_one_file_of_its_size_key_and_type(stand: Stand) {
    let (direct, key) = (stand.direct(), stand.key("a.cmaf"));
    let browser = stand.browser();
    let body = noise(5000, 6);
    let form = direct.sign_form(&key, 5000, now(), None).await.unwrap();
    assert!(!format!("{form:?}").contains("signature"));
    let with = |name: &str, value: &str| {
        let mut form = form.clone();
        form.fields
            .iter_mut()
            .filter(|it| it.0 == name)
            .for_each(|it| value.clone_into(&mut it.1));
        form
    };
    // Kodo binds no type.
    let mut names = form.fields.iter().map(|it| it.0);
    let of_type = names.find(|name| name.to_lowercase().ends_with("content-type"));
    let mut breaches = vec![
        ("larger", form.clone(), noise(5001, 6)),
        ("smaller", form.clone(), noise(4999, 6)),
        ("empty", form.clone(), Bytes::new()),
        (
            "other key",
            with("key", stand.key("b.cmaf").as_str()),
            body.clone(),
        ),
        (
            "expired",
            direct.sign_form(&key, 5000, over(), None).await.unwrap(),
            body.clone(),
        ),
    ];
    if let Some(name) = of_type {
        breaches.push(("other type", with(name, "text/html"), body.clone()));
    }
    for (name, value) in &form.fields {
        if *name == "key" || Some(*name) == of_type {
            continue;
        }
        let other = if value.ends_with('1') { "2" } else { "1" };
        let changed = format!("{}{other}", &value[..value.len() - 1]);
        breaches.push((name, with(name, &changed), body.clone()));
        let mut without = form.clone();
        without.fields.retain(|it| it.0 != *name);
        breaches.push((name, without, body.clone()));
    }
    for (what, form, body) in breaches {
        let status = post(&browser, &form, &body).await;
        assert!(refused(status), "{what}: {status}");
        let stat = stand.store.stat(&key).await;
        assert!(stat.is_err_and(|error| error.is_not_found()), "{what}");
    }
    assert!(stand.store.stat(&stand.key("b.cmaf")).await.is_err());
    let status = post(&browser, &form, &body).await;
    assert!(matches!(status, 200 | 201 | 204), "{status}");
    assert_eq!(stand.store.read_all(&key, 9999).await.unwrap(), body);
}

pub(super) async fn the_service_tells_of_a_form_and_nobody_else(stand: Stand) {
    const TARGET: &str = "/hooks/here?a=b";
    let (direct, key) = (stand.direct(), stand.source());
    let browser = stand.browser();
    // Nobody listens there: the file stands all the same.
    let tell = format!("http://127.0.0.1:9{TARGET}");
    let form = direct.sign_form(&key, 5000, now(), Some(&tell));
    let status = post(&browser, &form.await.unwrap(), &noise(5000, 6)).await;
    assert!(matches!(status, 203 | 579), "{status}");
    assert_eq!(stand.store.stat(&key).await.unwrap().size, 5000);
    let double = stand.options.as_ref().unwrap().proxy.clone().unwrap();
    let told = browser.ask("GET", &format!("{double}/reports")).send();
    let told = told.await.unwrap().text().await.unwrap();
    let told: serde_json::Value = serde_json::from_str(&told).unwrap();
    let report = told["reports"].as_array().unwrap().iter().find(|it| {
        let body = it["body"].as_str().unwrap().replace("%2F", "/");
        body.contains(key.as_str())
    });
    let (report, mut headers) = (report.unwrap(), HeaderMap::new());
    for (name, value) in report["headers"].as_object().unwrap() {
        let name: HeaderName = name.parse().unwrap();
        headers.insert(name, value.as_str().unwrap().parse().unwrap());
    }
    let body = report["body"].as_str().unwrap();
    let other = body.replace("source", "source2");
    for (target, body, heard) in [
        (TARGET, body, Some(&key)),
        ("/hooks/here", body, None),
        ("/hooks/there?a=b", body, None),
        (TARGET, &*other, None),
        (TARGET, "", None),
    ] {
        let report = Callback {
            target,
            headers: &headers,
            body: body.as_bytes(),
        };
        assert_eq!(
            direct.verify_callback(report).await.unwrap().as_ref(),
            heard,
            "{target} {body}"
        );
    }
}

async fn preflight(browser: &Browser, url: &str, origin: &str, method: &str) -> Response {
    browser
        .ask("OPTIONS", url)
        .header("origin", origin)
        .header("access-control-request-method", method)
        .header("access-control-request-headers", "range")
        .send()
        .await
        .unwrap()
}

fn header(answer: &Response, name: &str) -> String {
    let value = answer.headers().get(name).and_then(|it| it.to_str().ok());
    value.unwrap_or_default().to_ascii_lowercase()
}

pub(super) async fn pages_of_the_site_may_use_the_bucket_and_others_not(stand: Stand) {
    let (direct, key) = (stand.direct(), stand.key("a.cmaf"));
    let browser = stand.browser();
    stand
        .store
        .put(&key, Bytes::from_static(b"0123456789"))
        .await
        .unwrap();
    assert!(direct.cors().await.unwrap().is_empty());
    let rule = CorsRule::of_site(vec![SITE.to_owned()]);
    direct.set_cors(std::slice::from_ref(&rule)).await.unwrap();
    assert_eq!(direct.cors().await.unwrap(), [rule]);
    let get = direct.sign_get(&key, now()).await.unwrap().url;
    let put = direct.sign_put(&key, 5, now()).await.unwrap().url;
    for (url, method) in [(&get, "GET"), (&put, "PUT")] {
        let answer = preflight(&browser, url, SITE, method).await;
        assert!(answer.status().is_success(), "{answer:?}");
        assert_eq!(header(&answer, "access-control-allow-origin"), SITE);
        assert!(header(&answer, "access-control-allow-headers").contains("range"));
        assert!(header(&answer, "access-control-allow-methods").contains(&method.to_lowercase()));
        for wrong in ["https://evil.example", "http://videos.example", "null"] {
            let answer = preflight(&browser, url, wrong, method).await;
            let allowed = header(&answer, "access-control-allow-origin");
            assert!(allowed.is_empty(), "{wrong}: {allowed}");
        }
    }
    let asked = |origin: &str| {
        browser
            .ask("GET", &get)
            .header("range", "bytes=0-4")
            .header("origin", origin.to_owned())
    };
    let answer = asked(SITE).send().await.unwrap();
    assert_eq!(answer.status(), 206);
    assert_eq!(header(&answer, "access-control-allow-origin"), SITE);
    let exposed = header(&answer, "access-control-expose-headers");
    for name in ["etag", "content-range", "content-length"] {
        assert!(exposed.contains(name), "{exposed}");
    }
    let answer = asked("https://evil.example").send().await.unwrap();
    assert!(header(&answer, "access-control-allow-origin").is_empty());
}

/// What a key names is nobody's without a signature.
pub(super) async fn nothing_is_read_or_listed_unsigned(stand: Stand) {
    let key: MediaKey = stand.key("a.cmaf");
    stand
        .store
        .put(&key, Bytes::from_static(b"0123456789"))
        .await
        .unwrap();
    let options = stand.options.clone().unwrap();
    let browser = stand.browser();
    let (public, addressing) = options.public.unwrap();
    let bucket = match addressing {
        BucketAddressing::Path => format!("{public}/{}", options.bucket),
        _ => public,
    };
    for url in [
        format!("{bucket}/{key}"),
        bucket.clone(),
        format!("{bucket}?uploads="),
    ] {
        let status = browser
            .ask("GET", &url)
            .send()
            .await
            .unwrap()
            .status()
            .as_u16();
        assert!(refused(status), "{url}: {status}");
    }
    assert!(stand.sessions.list_sessions().next().await.is_none());
}

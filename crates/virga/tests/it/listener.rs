//! The listener: HTTP/1.1 only, one valid `Host`, fair shares of its places.

use futures_util::{
    StreamExt,
    future::{join_all, ready},
    stream,
};
use reqwest::{Method, StatusCode};
use serde_json::json;
use std::time::Duration;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpSocket, TcpStream},
    time::timeout,
};
use virga_testkit::{Person, Role, Site};

use crate::VIRGA;

/// How long an answer may take on a busy machine.
const PROMPT: Duration = Duration::from_secs(10);

/// A connection from one of the loopback addresses, `127.0.0.{from}`.
async fn connect(site: &Site, from: u8) -> TcpStream {
    let socket = TcpSocket::new_v4().unwrap();
    let own = std::net::SocketAddr::from(([127, 0, 0, from], 0));
    socket.bind(own).unwrap();
    let address = std::net::SocketAddr::from(([127, 0, 0, 1], site.port(Role::Serve)));
    timeout(PROMPT, socket.connect(address))
        .await
        .unwrap()
        .unwrap()
}

/// What comes until the site closes the connection.
async fn until_closed(socket: &mut TcpStream) -> Vec<u8> {
    let (mut all, mut piece) = (Vec::new(), [0; 4096]);
    let reading = async {
        while let Ok(count @ 1..) = socket.read(&mut piece).await {
            all.extend_from_slice(&piece[..count]);
        }
    };
    timeout(PROMPT, reading)
        .await
        .expect("the site closes the connection");
    all
}

async fn exchange(site: &Site, bytes: &[u8]) -> String {
    let mut socket = connect(site, 1).await;
    // The site may close before all of it is sent.
    let _ = socket.write_all(bytes).await;
    String::from_utf8_lossy(&until_closed(&mut socket).await).into_owned()
}

fn frame(kind: u8, flags: u8, stream: u8, payload: &[u8]) -> Vec<u8> {
    let length = u8::try_from(payload.len()).unwrap();
    [&[0, 0, length, kind, flags, 0, 0, 0, stream], payload].concat()
}

#[tokio::test]
async fn listener_http2_preface_ends_the_connection() {
    let site = Site::of(VIRGA).start();
    let preface = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_vec();
    let settings = frame(4, 0, 0, b"");
    let unknown = frame(0x20, 0, 0, b"x\r\nContent-Length: 9999999999999\r\n\r\n");
    let headers = [b"\x82\x86\x04\x06/livez\x01\x01a".as_slice()].concat();
    let headers = [frame(4, 1, 0, b""), frame(1, 5, 1, &headers)].concat();
    for frames in [
        vec![],
        settings.clone(),
        [settings.clone(), headers.clone()].concat(),
        [settings, unknown, headers].concat(),
    ] {
        let mut socket = connect(&site, 1).await;
        let _ = socket.write_all(&[preface.clone(), frames].concat()).await;
        let said = until_closed(&mut socket).await;
        let text = String::from_utf8_lossy(&said);
        assert!(
            said.is_empty()
                || text.starts_with("HTTP/1.1 400 ")
                || text.starts_with("HTTP/1.1 505 "),
            "{said:?}"
        );
    }
}

#[tokio::test]
async fn listener_a_request_names_one_valid_host() {
    let site = Site::of(VIRGA).start();
    let close = "Connection: close\r\n\r\n";
    for (request, status) in [
        ("GET /livez HTTP/1.1\r\nHost: a.example:80\r\n", 200),
        ("GET /livez HTTP/1.1\r\nHost: [::1]:80\r\n", 200),
        ("GET /livez HTTP/1.0\r\n", 200),
        ("GET http://b.example/livez HTTP/1.1\r\nHost: a\r\n", 200),
        ("GET / HTTP/1.1\r\n", 400),
        ("GET /livez HTTP/1.1\r\n", 400),
        ("GET / HTTP/1.1\r\nHost:\r\n", 400),
        ("GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n", 400),
        ("GET / HTTP/1.1\r\nHost: a\r\nHost: a\r\n", 400),
        ("GET / HTTP/1.1\r\nHost: a b\r\n", 400),
        ("GET / HTTP/1.1\r\nHost: a/b\r\n", 400),
        ("GET / HTTP/1.1\r\nHost: x@a\r\n", 400),
        ("GET / HTTP/1.1\r\nHost: a:port\r\n", 400),
        ("GET / HTTP/1.1\r\nHost: \"><script>\r\n", 400),
        ("GET / HTTP/1.0\r\nHost: a b\r\n", 400),
        ("GET http://a/ HTTP/1.1\r\n", 400),
        ("GET http://a/ HTTP/1.1\r\nHost: a\r\nHost: a\r\n", 400),
        ("GET http://x@a/ HTTP/1.1\r\nHost: a\r\n", 400),
        ("GET http://a/ HTTP/1.1\r\nHost: a b\r\n", 400),
        ("GET ftp://a/ HTTP/1.1\r\nHost: a\r\n", 400),
        ("CONNECT a:80 HTTP/1.1\r\nHost: a:80\r\n", 400),
    ] {
        let said = exchange(&site, format!("{request}{close}").as_bytes()).await;
        let right = said.contains(&format!(" {status} "));
        assert!(right && !said.contains("<html"), "{request:?}: {said}");
    }
    // The target's own host wins over the header, as RFC 9112 §3.2.2 says.
    let asked = format!("GET http://b.example/robots.txt HTTP/1.1\r\nHost: c.example\r\n{close}");
    let said = exchange(&site, asked.as_bytes()).await;
    assert!(
        said.contains("http://b.example/") && !said.contains("c.example"),
        "{said}"
    );
}

/// Connections that say nothing, as long as the site takes them.
async fn silent(site: &Site, from: u8, count: usize) -> Vec<TcpStream> {
    join_all((0..count).map(|_| connect(site, from))).await
}

/// Requests whose bodies never come.
async fn without_bodies(site: &Site, from: u8, count: usize) -> Vec<TcpStream> {
    let mut sockets = silent(site, from, count).await;
    for (socket, length) in sockets
        .iter_mut()
        .zip([250_000, 300_000].into_iter().cycle())
    {
        let head = format!(
            "POST /sign-in HTTP/1.1\r\nHost: a\r\nContent-Length: {length}\r\n\
             Content-Type: application/x-www-form-urlencoded\r\n\r\n"
        );
        // The site may have given the place to another by now.
        let _ = socket.write_all(head.as_bytes()).await;
    }
    sockets
}

/// Event streams of one address. Each has begun.
async fn listeners(site: &Site, from: u8, video: &str, count: usize) -> Vec<TcpStream> {
    let head = format!(
        "GET /api/v1/events?videos={video} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"
    );
    let mut sockets = Vec::new();
    for _ in 0..count {
        // Asked at once: a connection that says nothing for ten seconds is closed.
        let mut socket = connect(site, from).await;
        socket.write_all(head.as_bytes()).await.unwrap();
        let mut first = [0; 12];
        let reading = socket.read_exact(&mut first);
        timeout(PROMPT, reading).await.unwrap().unwrap();
        assert_eq!(&first, b"HTTP/1.1 200");
        sockets.push(socket);
    }
    sockets
}

fn person(site: &Site, at: u8) -> Person {
    Person::at(site.url(), Some([127, 0, 0, at].into()))
}

#[tokio::test]
async fn listener_a_school_and_a_flood_leave_places_for_others() {
    let site = Site::of(VIRGA)
        .set("VIRGA_HTTP__MAX_CONNECTIONS", "1200")
        .set("VIRGA_HTTP__MAX_IN_FLIGHT", "64")
        .start();
    let ann = site.register("ann").await;
    let video = ann.playable("Lesson", "public").await;
    let hls = ann.playback(&video).await["hls"]
        .as_str()
        .unwrap()
        .to_owned();
    let start = [format!("/v/{video}"), hls];

    let bodies = without_bodies(&site, 66, 300).await;
    let idle = silent(&site, 66, 1000).await;
    let visitor = person(&site, 3);
    for path in ["/livez", "/readyz", "/", "/api/v1/videos"] {
        let _ = timeout(PROMPT, visitor.get(path))
            .await
            .unwrap()
            .expect(200);
    }
    let body = json!({ "name": "ann", "password": "not that one" });
    let answer = visitor.post("/api/v1/sessions", body);
    let _ = timeout(PROMPT, answer).await.unwrap().expect(401);

    // 500 viewers, each with connections of its own, all at once behind one address.
    let school = silent(&site, 7, 500).await;
    let starts = school.into_iter().map(|mut socket| async move {
        socket
            .write_all(b"GET /livez HTTP/1.1\r\nHost: a\r\n\r\n")
            .await
            .unwrap();
        let mut first = [0; 12];
        let reading = socket.read_exact(&mut first);
        timeout(PROMPT, reading).await.unwrap().unwrap();
        assert_eq!(&first, b"HTTP/1.1 200");
        socket
    });
    let school = join_all(starts).await;
    let viewers = person(&site, 7);
    for path in start.iter().cycle().take(100) {
        let _ = timeout(PROMPT, viewers.get(path))
            .await
            .unwrap()
            .expect(200);
    }
    let _ = timeout(PROMPT, visitor.get("/")).await.unwrap().expect(200);
    drop((idle, bodies, school));
}

#[tokio::test]
async fn listener_a_school_opens_a_film_and_a_scraper_is_slowed() {
    let site = Site::of(VIRGA)
        .set("VIRGA_LIMITS__READS_PER_SECOND", "100")
        .set("VIRGA_LIMITS__WRITES_PER_SECOND", "20")
        .start();
    let ann = site.register("ann").await;
    let video = ann.playable("Lesson", "public").await;
    let hls = ann.playback(&video).await["hls"].clone();
    let hls = hls.as_str().unwrap().to_owned();
    let viewers = person(&site, 7);
    let (page, views) = (
        format!("/v/{video}"),
        format!("/api/v1/videos/{video}/views"),
    );
    let one = || async {
        let _ = viewers.get(&page).await.expect(200);
        let _ = viewers.get(&hls).await.expect(200);
        let watched = json!({ "watched": 30 });
        let _ = viewers.post(&views, watched).await.expect(204);
    };
    let all = stream::iter(0..500).map(|_| one()).buffer_unordered(100);
    all.collect::<Vec<()>>().await;

    let scraper = person(&site, 66);
    let pages = stream::iter(0..1000).map(|_| scraper.get("/api/v1/videos?q=a"));
    let refused = pages
        .buffer_unordered(50)
        .filter(|answer| ready(answer.status == StatusCode::TOO_MANY_REQUESTS))
        .count()
        .await;
    assert!(refused > 0, "a thousand searches at once");
}

#[tokio::test]
async fn listener_full_places_still_answer_liveness() {
    let site = Site::of(VIRGA)
        .set("VIRGA_HTTP__MAX_CONNECTIONS", "8")
        .start();
    let ask = |path| format!("GET {path} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
    let refused = async || {
        let said = exchange(&site, ask("/").as_bytes()).await;
        let refused = said.starts_with("HTTP/1.1 503 ");
        assert_eq!(said.contains("retry-after"), refused, "{said}");
        refused
    };
    // Addresses with one connection each: none of them gives one up. A connection from before, such as
    // the one that asked whether the site is ready, may free its place at any moment.
    let mut held = silent(&site, 20, 1).await;
    for from in 21..100 {
        held.extend(silent(&site, from, 1).await);
        if held.len() < 8 || !refused().await {
            continue;
        }
        for path in ["/livez", "/readyz"] {
            let said = exchange(&site, ask(path).as_bytes()).await;
            assert!(said.starts_with("HTTP/1.1 200 "), "{path}: {said}");
        }
        if refused().await {
            return;
        }
    }
    panic!("eighty connections do not fill eight places");
}

#[tokio::test]
async fn listener_event_streams_of_one_address_make_room() {
    let site = Site::of(VIRGA).start();
    let ann = site.register("ann").await;
    let video = ann.playable("Watched", "public").await;
    let mut flood = listeners(&site, 66, &video, 2000).await;
    let other = listeners(&site, 3, &video, 2).await;
    for ended in &mut flood[..2] {
        // The longest idle ones end, for the two of the other address.
        let _ = until_closed(ended).await;
    }
    drop(other);
}

#[tokio::test]
async fn listener_requests_of_other_sites_are_refused_whatever_is_missing() {
    let site = Site::of(VIRGA).start();
    let _ = site.register("ann").await;
    let form = "name=ann&password=wrong";
    for (fetched, origin, status) in [
        (Some("cross-site"), None, 403),
        (Some("same-site"), None, 403),
        (Some("cross-site"), Some(site.url()), 403),
        (Some("same-origin"), None, 401),
        (Some("none"), None, 401),
        (None, None, 401),
    ] {
        let mut request = site
            .stranger()
            .request(Method::POST, "/sign-in")
            .header("content-type", "application/x-www-form-urlencoded")
            .body(form);
        if let Some(fetched) = fetched {
            request = request.header("sec-fetch-site", fetched);
        }
        if let Some(origin) = origin {
            request = request.header("origin", origin);
        }
        let answer = site.stranger().send(request).await;
        assert_eq!(answer.status, status, "{fetched:?}: {}", answer.text());
    }
}

/// The log line of a request, as soon as it is there.
async fn logged(site: &Site, id: &str) -> String {
    let finding = async {
        loop {
            let output = site.output();
            if let Some(line) = output.lines().find(|line| line.contains(id)) {
                return line.to_owned();
            }
            tokio::task::yield_now().await;
        }
    };
    timeout(PROMPT, finding).await.expect("a log line")
}

#[tokio::test]
async fn listener_forwarded_addresses_are_read_with_ports_and_brackets() {
    let site = Site::of(VIRGA)
        .set("VIRGA_HTTP__TRUSTED_PROXIES", "[\"127.0.0.1/32\"]")
        .start();
    for (text, address) in [
        ("203.0.113.9:44", "203.0.113.9"),
        ("[2001:db8::9]:55", "2001:db8::9"),
        ("2001:db8::8%eth0", "2001:db8::8"),
        ("unknown", "127.0.0.1"),
        ("_hidden", "127.0.0.1"),
    ] {
        let who = site.stranger();
        let request = who.request(Method::GET, "/robots.txt");
        let answer = who.send(request.header("x-forwarded-for", text)).await;
        let id = answer.expect(200).headers["x-request-id"].clone();
        let id = id.to_str().unwrap().to_owned();
        let line = logged(&site, &id).await;
        assert!(
            line.contains(&format!("address={address}")),
            "{text}: {line}"
        );
    }
    let warned = site.output().matches("X-Forwarded-For").count();
    assert_eq!(warned, 1, "{}", site.output());
}

#[tokio::test]
async fn listener_metrics_are_closed_to_what_a_proxy_passes_on() {
    let site = Site::of(VIRGA).start();
    let who = site.stranger();
    let _ = who.get("/metrics").await.expect(200);
    for (name, value) in [
        ("forwarded", "for=203.0.113.7"),
        ("via", "1.1 proxy"),
        ("x-real-ip", "203.0.113.7"),
        ("cf-connecting-ip", "203.0.113.7"),
        ("x-forwarded-for", "203.0.113.7"),
        ("x-forwarded-proto", "https"),
        ("x-forwarded-host", "v.example"),
    ] {
        let request = who.request(Method::GET, "/metrics").header(name, value);
        let _ = who.send(request).await.expect(404);
    }
}

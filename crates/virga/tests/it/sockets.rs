//! Attacks below HTTP, by raw sockets: slow senders, slow readers, oversized and ambiguous heads.
//! Each is cut or refused, and the site goes on for all others.

use serde_json::json;
use std::{
    sync::atomic::{AtomicBool, Ordering},
    time::{Duration, Instant},
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpSocket, TcpStream},
    time::timeout,
};
use virga_testkit::{Person, Role, Site};

use crate::VIRGA;

const MIB: usize = 1024 * 1024;
/// How long anything of this file may take on a busy machine.
const PATIENCE: Duration = Duration::from_secs(120);
/// How long others may wait for an answer meanwhile.
const PROMPT: Duration = Duration::from_secs(10);

async fn connect(site: &Site) -> TcpStream {
    let address = ("127.0.0.1", site.port(Role::Serve));
    timeout(PROMPT, TcpStream::connect(address))
        .await
        .unwrap()
        .unwrap()
}

/// All that comes until the other side closes. A reset after an answer is an end too.
async fn read_to_end(socket: &mut TcpStream) -> String {
    let mut all = Vec::new();
    let reading = async {
        let mut piece = [0; 4096];
        while let Ok(count @ 1..) = socket.read(&mut piece).await {
            all.extend_from_slice(&piece[..count]);
        }
    };
    timeout(PATIENCE, reading)
        .await
        .expect("the connection is closed");
    String::from_utf8_lossy(&all).into_owned()
}

/// Sends bytes and reads to the end; the end of sending is not announced.
pub(crate) async fn exchange(site: &Site, bytes: &[u8]) -> String {
    let mut socket = connect(site).await;
    // Who is refused in the midst cannot send the rest.
    let _ = socket.write_all(bytes).await;
    read_to_end(&mut socket).await
}

/// Statuses of the answers in a stream of them.
fn statuses(text: &str) -> Vec<u16> {
    text.split("HTTP/1.1 ")
        .skip(1)
        .map(|answer| answer[..3].parse().unwrap())
        .collect()
}

/// Sends a byte each half second until the other side ends it; what it said.
async fn drip(site: &Site, head: &str, byte: u8) -> String {
    let mut socket = connect(site).await;
    socket.write_all(head.as_bytes()).await.unwrap();
    let (deadline, mut piece) = (Instant::now() + PATIENCE, [0; 4096]);
    let mut said = String::new();
    loop {
        assert!(Instant::now() < deadline, "still open: {head:?}");
        match timeout(Duration::from_millis(500), socket.read(&mut piece)).await {
            Ok(Ok(count @ 1..)) => said.push_str(&String::from_utf8_lossy(&piece[..count])),
            Ok(_) => return said,
            Err(_) => {
                let _ = socket.write_all(&[byte]).await;
            }
        }
    }
}

/// Asks as any other visitor would until `over`; how often.
async fn others(site: &Site, over: &AtomicBool) -> usize {
    let (stranger, mut answered) = (site.stranger(), 0);
    while !over.load(Ordering::Relaxed) {
        for path in ["/livez", "/", "/api/v1/videos"] {
            let answer = timeout(PROMPT, stranger.get(path)).await;
            let _ = answer.expect("the site goes on").expect(200);
            answered += 1;
        }
        let _ = timeout(Duration::from_millis(100), std::future::pending::<()>()).await;
    }
    answered
}

/// Runs an attack while others use the site.
async fn under<T>(site: &Site, attack: impl Future<Output = T>) -> T {
    let over = AtomicBool::new(false);
    let attacking = async {
        let result = attack.await;
        over.store(true, Ordering::Relaxed);
        result
    };
    let (result, answered) = tokio::join!(attacking, others(site, &over));
    assert!(answered > 0);
    result
}

#[tokio::test]
async fn sockets_slow_senders_are_cut() {
    let site = Site::of(VIRGA).start();
    let ann = site.register("ann").await;
    let draft = ann.draft("Slow", "public").await;
    let upload = ann.open_upload(&draft, MIB).await;
    let part = ann.part_url(upload["id"].as_str().unwrap(), 1).await;
    let other = ann.draft("Slow form", "public").await;
    let ask = json!({ "video_id": other });
    let form = ann
        .post("/api/v1/uploads/form", ask)
        .await
        .expect(200)
        .json();
    let form = form["url"].as_str().unwrap();
    let head = "GET / HTTP/1.1\r\nHost: x\r\nX-Slow: ";
    let post = "POST /api/v1/sessions HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n\
                Content-Length: 100000\r\n\r\n{";
    let put = format!("PUT {part} HTTP/1.1\r\nHost: x\r\nContent-Length: {MIB}\r\n\r\n");
    let file = format!(
        "POST {form} HTTP/1.1\r\nHost: x\r\nContent-Length: {MIB}\r\nContent-Type: \
         multipart/form-data; boundary=e\r\n\r\n--e\r\nContent-Disposition: form-data; \
         name=\"file\"; filename=\"a\"\r\n\r\n"
    );
    let idle = async {
        let mut socket = connect(&site).await;
        let ask = b"GET /livez HTTP/1.1\r\nHost: x\r\n\r\n";
        socket.write_all(ask).await.unwrap();
        let began = Instant::now();
        let said = read_to_end(&mut socket).await;
        // Balancers keep theirs for up to a minute.
        assert!(began.elapsed() > Duration::from_secs(60), "kept too short");
        said
    };
    let attack = async {
        let heads = futures_util::future::join_all((0..100).map(|_| drip(&site, head, b'a')));
        tokio::join!(
            heads,
            exchange(&site, b""),
            idle,
            drip(&site, post, b' '),
            drip(&site, &put, 7),
            drip(&site, &file, 7),
        )
    };
    let (heads, silent, idle, post, put, file) = Box::pin(under(&site, attack)).await;
    for head in heads {
        assert!(head.is_empty() || statuses(&head) == [408], "{head}");
    }
    assert_eq!(silent, "");
    assert_eq!(statuses(&idle), [200]);
    assert!(post.contains("body.slow"), "{post}");
    assert!(!put.contains("HTTP/1.1 2") && !file.contains("HTTP/1.1 2") && !file.contains("303"));
    let held = format!("/api/v1/uploads/{}/parts", upload["id"].as_str().unwrap());
    assert_eq!(
        ann.get(&held).await.expect(200).json(),
        json!([]),
        "no half part is kept"
    );
    assert_eq!(
        ann.get(&format!("/api/v1/videos/{other}")).await.json()["state"],
        "draft"
    );
}

/// A large file that anyone with the token may fetch: 24 MiB that are no video.
async fn large(ann: &Person) -> String {
    let video = ann.upload("Large", "private", &vec![1; 24 * MIB]).await;
    ann.wait_for(&video, &["failed"]).await;
    let source = format!("/api/v1/videos/{video}/source");
    ann.get(&source).await.expect(302).location().to_owned()
}

/// Connections that ask for a file and never read on.
async fn stalled(site: &Site, who: &Person, path: &str, count: usize) -> Vec<TcpStream> {
    let head = format!(
        "GET {path} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {}\r\n\r\n",
        who.token()
    );
    let mut sockets = Vec::new();
    for _ in 0..count {
        let socket = TcpSocket::new_v4().unwrap();
        socket.set_recv_buffer_size(4096).unwrap();
        let address = format!("127.0.0.1:{}", site.port(Role::Serve))
            .parse()
            .unwrap();
        let mut socket = socket.connect(address).await.unwrap();
        socket.write_all(head.as_bytes()).await.unwrap();
        let mut first = [0; 12];
        timeout(PATIENCE, socket.read_exact(&mut first))
            .await
            .unwrap()
            .unwrap();
        assert_eq!(&first, b"HTTP/1.1 200");
        sockets.push(socket);
    }
    sockets
}

#[tokio::test]
async fn sockets_readers_that_stop_hold_up_nobody() {
    let site = Site::of(VIRGA).start();
    let ann = site.register("ann").await;
    let path = large(&ann).await;
    let before = site.memory(Role::Serve);
    let attack = async {
        let sockets = stalled(&site, &ann, &path, 300).await;
        let whole = ann.get(&path).await.expect(200);
        assert_eq!(whole.body.len(), 24 * MIB, "who reads gets all of it");
        sockets
    };
    let sockets = under(&site, attack).await;
    let grown = site.memory(Role::Serve).saturating_sub(before) / MIB as u64;
    assert!(
        grown < 512,
        "300 stalled readers of 24 MiB hold {grown} MiB"
    );
    drop(sockets);
    let _ = site.stranger().get("/").await.expect(200);
}

/// The long form: the kernel gives up on a peer that takes nothing for a minute.
#[tokio::test]
#[ignore = "waits for more than a minute"]
async fn sockets_readers_that_stop_are_cut() {
    let site = Site::of(VIRGA).start();
    let ann = site.register("ann").await;
    let path = large(&ann).await;
    let sockets = stalled(&site, &ann, &path, 50).await;
    let deadline = Instant::now() + 3 * PATIENCE;
    let stranger = site.stranger();
    let open = || {
        let port = format!(":{:04X}", site.port(Role::Serve));
        let table = std::fs::read_to_string("/proc/net/tcp").unwrap();
        let lines = table.lines().filter_map(|line| {
            let mut words = line.split_whitespace().skip(1);
            Some((words.next()?, words.nth(1)?))
        });
        lines
            .filter(|(local, state)| local.ends_with(&port) && *state == "01")
            .count()
    };
    assert!(open() >= 50);
    while open() > 0 {
        assert!(Instant::now() < deadline, "{} are still open", open());
        let _ = stranger.get("/livez").await.expect(200);
        let _ = timeout(Duration::from_secs(1), std::future::pending::<()>()).await;
    }
    drop(sockets);
}

#[tokio::test]
async fn sockets_oversized_heads_are_refused() {
    let site = Site::of(VIRGA).start();
    let many: String = (0..10_000).map(|n| format!("X-{n}: a\r\n")).collect();
    let large = "a".repeat(MIB);
    for head in [
        format!("GET / HTTP/1.1\r\nHost: x\r\nX-Large: {large}\r\n\r\n"),
        format!("GET / HTTP/1.1\r\nHost: x\r\nCookie: virga={large}\r\n\r\n"),
        format!("GET /{large} HTTP/1.1\r\nHost: x\r\n\r\n"),
        format!("{large} / HTTP/1.1\r\nHost: x\r\n\r\n"),
        format!("GET / HTTP/1.1\r\nHost: x\r\n{many}\r\n"),
    ] {
        let said = under(&site, exchange(&site, head.as_bytes())).await;
        let right = statuses(&said)
            .iter()
            .all(|status| [400, 414, 431].contains(status));
        assert!(right && !said.contains("<html"), "{head:.40}: {said:.200}");
    }
}

#[tokio::test]
async fn sockets_ambiguous_requests_are_refused_and_nothing_after_them_is_read() {
    let site = Site::of(VIRGA).start();
    let chunked = "Transfer-Encoding: chunked";
    for head in [
        "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\nContent-Length: 5".to_owned(),
        "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\nContent-Length: 0".to_owned(),
        "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 0, 0".to_owned(),
        "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: +0".to_owned(),
        "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: -1".to_owned(),
        format!("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n{chunked}"),
        format!("POST / HTTP/1.1\r\nHost: x\r\n{chunked}\r\nContent-Length: 0"),
        format!("POST / HTTP/1.1\r\nHost: x\r\n{chunked}"),
        format!("POST / HTTP/1.1\r\nHost: x\r\n{chunked}, identity"),
        format!("POST / HTTP/1.1\r\nHost: x\r\n{chunked}\r\n{chunked}"),
        "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: xchunked".to_owned(),
        "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding : chunked".to_owned(),
        "POST / HTTP/1.0\r\nHost: x\r\nTransfer-Encoding: chunked".to_owned(),
        "GET / HTTP/1.1\nHost: x".to_owned(),
        "GET / HTTP/1.1\r\nHost: x\nX-A: b".to_owned(),
        "GET / HTTP/1.1\r\nHost: x\rX-A: b".to_owned(),
        "GET / HTTP/1.1\r\nHost : x".to_owned(),
        "GET / HTTP/1.1\r\nHost: x\r\nX-A: b\r\n c".to_owned(),
        "GET / HTTP/1.1\r\n Host: x".to_owned(),
        "GET / HTTP/1.1\r\nHost: x\r\nX-A: b\0c".to_owned(),
        "GET / HTTP/1.1\r\nHost: x\r\nX\u{7f}A: b".to_owned(),
        "GET /a b HTTP/1.1\r\nHost: x".to_owned(),
        "GET / HTTP/9.9\r\nHost: x".to_owned(),
        "PRI * HTTP/2.0".to_owned(),
    ] {
        let text = format!("{head}\r\n\r\nGET /smuggled HTTP/1.1\r\nHost: x\r\n\r\n");
        let said = exchange(&site, text.as_bytes()).await;
        assert!(statuses(&said).len() <= 1, "{head:?}: {said}");
        assert!(
            statuses(&said)
                .iter()
                .all(|it| [400, 501, 505].contains(it)),
            "{head:?}: {said}"
        );
    }
    // At once, with nothing behind it too.
    let begun = Instant::now();
    let alone = "GET / HTTP/1.1\r\nHost: x\r\nX : a\r\n\r\n";
    assert_eq!(statuses(&exchange(&site, alone.as_bytes()).await), [400]);
    assert!(
        begun.elapsed() < Duration::from_secs(8),
        "{:?}",
        begun.elapsed()
    );
    let _ = site.stranger().get("/").await.expect(200);
    assert!(!site.output().contains("smuggled"), "{}", site.output());
}

#[tokio::test]
async fn sockets_pipelined_requests_are_answered_in_their_order() {
    let site = Site::of(VIRGA).start();
    let get = |path: &str| format!("GET {path} HTTP/1.1\r\nHost: x\r\n\r\n");
    let body = "{\"name\":\"nobody\",\"password\":\"GET / HTTP/1.1\\r\\n\\r\\n\"}";
    let post = format!(
        "POST /api/v1/sessions HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n\
         Content-Length: {}\r\n\r\n{body}",
        body.len()
    );
    let last = "GET /livez HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";
    let text: String = (0..50)
        .map(|_| get("/livez") + &get("/api/v1/nothing") + &post)
        .collect();
    let said = exchange(&site, (text.replacen(&post, "", 45) + last).as_bytes()).await;
    let mut right = [200, 404].repeat(45);
    right.extend([200, 404, 401].repeat(5));
    right.push(200);
    assert_eq!(statuses(&said), right);

    // Who asks and asks and never reads is not read either.
    let before = site.memory(Role::Serve);
    let attack = async {
        let mut socket = connect(&site).await;
        let many = get("/api/v1/openapi.json").repeat(1000);
        let writing = async {
            for _ in 0..200 {
                socket.write_all(many.as_bytes()).await.unwrap();
            }
        };
        timeout(Duration::from_secs(3), writing).await
    };
    let written = under(&site, attack).await;
    assert!(written.is_err(), "200,000 requests were taken in one go");
    let grown = site.memory(Role::Serve).saturating_sub(before) / MIB as u64;
    assert!(grown < 128, "{grown} MiB");
}

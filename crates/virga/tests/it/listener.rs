//! The listener: HTTP/1.1 only, one valid `Host`.

use std::time::Duration;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpSocket, TcpStream},
    time::timeout,
};
use virga_testkit::{Role, Site};

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

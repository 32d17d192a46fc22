//! What `doctor` finds on this machine, and a start without ffmpeg.

use std::{
    fs::{self, Permissions},
    net::{SocketAddr, TcpListener, TcpStream},
    os::unix::fs::PermissionsExt,
    time::Duration,
};
use virga_testkit::{Role, Site};

use crate::VIRGA;

#[tokio::test]
async fn doctor_finds_this_machine_fit() {
    let site = Site::of(VIRGA)
        .set("VIRGA_HTTP__LISTEN", "127.0.0.1:0")
        .build();
    fs::set_permissions(site.data(), Permissions::from_mode(0o700)).unwrap();
    assert_eq!(site.run(&["migrate"]).0, 0);
    let (code, text) = site.run(&["doctor"]);
    assert_eq!(code, 0, "{text}");
    for what in ["ffmpeg", "libx264", "database", "objects", "clock", "port"] {
        assert!(text.contains(what), "no line on {what}: {text}");
    }
}

/// Several machines share one file of settings: an address without a port is the role's own port there.
#[tokio::test]
async fn an_address_alone_is_where_each_role_takes_its_port() {
    let site = Site::of(VIRGA)
        .set("VIRGA_HTTP__LISTEN", "127.0.0.1")
        .build();
    let (code, said) = site.run(&["config", "check"]);
    assert_eq!(code, 0, "{said}");
    assert_eq!(site.run(&["migrate"]).0, 0);
    // Whether it is free is this machine's matter.
    let (_, said) = site.run(&["doctor"]);
    assert!(said.contains(" port: 127.0.0.1:8080"), "{said}");
}

/// An operator runs doctor while the site runs: its own port is no fault.
#[tokio::test]
async fn doctor_tells_the_running_site_from_another_program_on_its_port() {
    let mut site = Site::of(VIRGA).start();
    fs::set_permissions(site.data(), Permissions::from_mode(0o700)).unwrap();
    let address = format!("127.0.0.1:{}", site.port(Role::Serve));
    site.set("VIRGA_HTTP__LISTEN", &address);
    let (code, said) = site.run(&["doctor"]);
    let line = format!("right  port: {address}: Virga runs there");
    assert!(code == 0 && said.contains(&line), "{said}");

    let other = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = other.local_addr().unwrap().to_string();
    site.set("VIRGA_HTTP__LISTEN", &address);
    let (code, said) = site.run(&["doctor"]);
    let line = format!("WRONG  port: {address}: taken by another program");
    assert!(code == 1 && said.contains(&line), "{said}");
}

/// A port that answers no more: as many as may wait are waiting, and the system drops the rest, as
/// a firewall does.
fn blocked() -> (impl Sized, u16) {
    use rustix::net::{AddressFamily, SocketType, bind, getsockname, listen, socket};
    let socket = socket(AddressFamily::INET, SocketType::STREAM, None).unwrap();
    bind(&socket, &SocketAddr::from(([127, 0, 0, 1], 0))).unwrap();
    listen(&socket, 0).unwrap();
    let at = SocketAddr::try_from(getsockname(&socket).unwrap()).unwrap();
    let moment = Duration::from_millis(200);
    let waiting: Vec<_> = (0..4)
        .map(|_| TcpStream::connect_timeout(&at, moment))
        .collect();
    ((socket, waiting), at.port())
}

#[tokio::test]
async fn a_start_without_ffmpeg_names_it() {
    let site = Site::of(VIRGA)
        .set("VIRGA_DISPATCHER__FFMPEG", "ffmpeg-that-is-not-there")
        .start();
    let named = "program=ffmpeg-that-is-not-there";
    assert!(site.output().contains(named), "{}", site.output());
    let ready = site.stranger().get("/readyz").await.expect(200).text();
    assert!(ready.contains("without ffmpeg "), "{ready}");
}

#[tokio::test]
async fn doctor_tells_a_blocked_way_from_a_port_that_nobody_listens_on() {
    let (_kept, port) = blocked();
    let open = TcpListener::bind("127.0.0.1:0").unwrap();
    let silent = virga_testkit::free_port();
    let at = |port: u16| format!("[\"127.0.0.1:{port}\"]");
    let site = Site::of(VIRGA)
        .set("VIRGA_HTTP__LISTEN", "127.0.0.1:0")
        .set("VIRGA_SERVICES__API", &format!("http://127.0.0.1:{port}"))
        .set("VIRGA_BALANCER__WEB", &at(silent))
        .set(
            "VIRGA_BALANCER__STREAM",
            &at(open.local_addr().unwrap().port()),
        )
        .build();
    let (code, text) = site.run(&["doctor"]);
    assert_eq!(code, 1, "{text}");
    let line = |what: &str| text.lines().find(|line| line.contains(what)).unwrap();
    assert!(
        line("connection to api").contains("Check the security group"),
        "{text}"
    );
    assert!(
        line("replica of web").contains("nothing listens there"),
        "{text}"
    );
    assert!(line("replica of stream").starts_with("right  "), "{text}");
}

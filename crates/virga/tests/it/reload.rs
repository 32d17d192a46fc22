//! Settings that change under a running site, and what a service manager and a balancer are told.

use serde_json::json;
use std::{
    fs,
    io::Write,
    net::TcpStream,
    os::unix::{fs::symlink, net::UnixDatagram},
    path::Path,
    time::{Duration, Instant},
};
use virga_testkit::{Person, Role, Site};

use crate::{VIRGA, admin::administrator};

/// Waits until it holds.
async fn until(what: &str, site: &Site, holds: impl AsyncFn() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(30);
    while !holds().await {
        assert!(Instant::now() < deadline, "{what}: {}", site.output());
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

async fn largest_file(who: &Person) -> u64 {
    let site = who.get("/api/v1/site").await.expect(200).json();
    site["upload_max"].as_u64().unwrap()
}

/// A folder as Kubernetes mounts a map of settings: the file is a link through a link, and a change
/// swaps the inner one.
fn mount(folder: &Path, version: &str, text: &str) {
    fs::create_dir(folder.join(version)).unwrap();
    fs::write(folder.join(version).join("virga.toml"), text).unwrap();
    let fresh = folder.join("..fresh");
    symlink(version, &fresh).unwrap();
    fs::rename(fresh, folder.join("..data")).unwrap();
}

#[tokio::test]
async fn settings_change_under_a_running_site_and_bad_ones_do_not() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("virga.toml");
    mount(folder.path(), "..1", "[limits]\nupload_max = 1000\n");
    symlink("..data/virga.toml", &file).unwrap();
    let mut site = Site::of(VIRGA).config(&file).start();
    let ann = site.register("ann").await;
    administrator(&site).await;
    assert_eq!(largest_file(&ann).await, 1000);

    // A signal, whether or not anything changed.
    site.reload(Role::Serve);
    let read = || {
        site.output()
            .matches("the settings were read again")
            .count()
    };
    until("it reads again", &site, async || read() == 1).await;

    mount(folder.path(), "..2", "[limits]\nupload_max = 2000\n");
    until("it sees the change", &site, async || {
        largest_file(&ann).await == 2000
    })
    .await;

    let bad = "[limits]\nupload_max = \"much\"\nquota_per_user = 5\n";
    mount(folder.path(), "..3", bad);
    let told = || {
        site.output()
            .contains("the setting `limits.upload_max` is wrong")
    };
    until("it says what is wrong", &site, async || told()).await;
    assert_eq!(largest_file(&ann).await, 2000);
    let metrics = ann.get("/metrics").await.expect(200).text();
    assert!(
        metrics.contains("virga_config_refused_total 1"),
        "{metrics}"
    );
    // What cannot be carried out here is refused whole, too.
    let bad = "[limits]\nupload_max = 5\n[delivery]\nmode = \"direct\"\n";
    mount(folder.path(), "..4", bad);
    let told = || site.output().contains("browsers cannot reach the store");
    until("it says what cannot be", &site, async || told()).await;
    assert_eq!(largest_file(&ann).await, 2000);

    let text = "[limits]\nupload_max = 3000\nsign_ups_per_hour = 7\n[http]\nmax_in_flight = 9\n\
                [accounts]\nregistration = \"closed\"\n[log]\nlevel = \"debug\"\n";
    mount(folder.path(), "..5", text);
    until("all else is taken", &site, async || {
        largest_file(&ann).await == 3000
    })
    .await;
    let output = site.output();
    let told = output
        .lines()
        .find(|line| line.contains("take effect after a restart"));
    assert!(told.unwrap().contains("http.max_in_flight"), "{output}");
    let ask = json!({"name": "ben", "password": "ben has a password"});
    let refused = site.stranger().post("/api/v1/users", ask).await.expect(403);
    assert_eq!(refused.code(), "registration.closed");
    // The setup page stored "open": the configuration is stricter and wins, on the pages too.
    let shown = site.stranger().get("/api/v1/site").await.json();
    assert_eq!(shown["registration"], "closed", "{shown}");
    until("the pages stop offering to sign up", &site, async || {
        let page = site.stranger().get("/").await.expect(200).text();
        !page.contains("/sign-up")
    })
    .await;
    let mut socket = TcpStream::connect(("127.0.0.1", site.port(Role::Serve))).unwrap();
    socket.write_all(b"no request\r\n\r\n").unwrap();
    until("it logs more", &site, async || {
        site.output().contains("DEBUG")
    })
    .await;
    site.terminate(Role::Serve);
    assert!(site.wait_ended(Role::Serve).success());
}

#[tokio::test]
async fn a_stop_is_told_before_it_comes() {
    let folder = tempfile::tempdir().unwrap();
    let manager = folder.path().join("notify");
    let socket = UnixDatagram::bind(&manager).unwrap();
    socket
        .set_read_timeout(Some(Duration::from_secs(30)))
        .unwrap();
    let told = || {
        let mut word = [0; 64];
        let read = socket.recv(&mut word).unwrap();
        String::from_utf8_lossy(&word[..read]).trim().to_owned()
    };
    let mut site = Site::of(VIRGA)
        .set("NOTIFY_SOCKET", &manager.display().to_string())
        .set("VIRGA_HTTP__DRAIN_SECONDS", "300")
        .start();
    assert_eq!(told(), "READY=1");
    let stranger = site.stranger();
    site.terminate(Role::Serve);
    assert_eq!(told(), "STOPPING=1");
    let refused = async || stranger.get("/readyz").await.status == 503;
    until("balancers hear of it", &site, refused).await;
    assert_eq!(stranger.get("/readyz").await.text(), "stopping\n");
    // Whoever comes meanwhile is served.
    let _ = stranger.get("/").await.expect(200);
    // Whoever is in a hurry says so once more.
    site.terminate(Role::Serve);
    assert!(site.wait_ended(Role::Serve).success());
}

//! The four roles one by one over the same database file and folder, behind a real balancer.

use std::{
    fs,
    io::Write,
    path::Path,
    process::{Child, Command, Stdio},
};
use virga_core::paths::{PUBLIC, RoleName};
use virga_testkit::{Clip, Person, Role, Site, free_port};

use crate::VIRGA;

/// A balancer with its configuration in a temporary folder; ends when dropped.
struct Balancer(Child);

impl Drop for Balancer {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn role(name: RoleName) -> Role {
    match name {
        RoleName::Web => Role::Web,
        RoleName::Api => Role::Api,
        RoleName::Stream => Role::Stream,
        RoleName::Dispatcher => Role::Dispatcher,
    }
}

/// The public path table, as the balancer reads it.
fn balancer(site: &Site, folder: &Path, port: u16) -> Balancer {
    let mut text = format!(
        "defaults\n mode http\n timeout connect 2s\n timeout client 60s\n timeout server 60s\n option forwardfor\n\
         frontend site\n bind 127.0.0.1:{port}\n http-request deny deny_status 404 if {{ path_beg /internal/ }}\n"
    );
    for (prefix, name) in PUBLIC {
        text += &format!(
            " use_backend {} if {{ path_beg {prefix} }}\n",
            name.as_str()
        );
    }
    text += " default_backend web\n";
    for name in [RoleName::Web, RoleName::Api, RoleName::Stream] {
        let port = site.port(role(name));
        text += &format!("backend {0}\n server {0} 127.0.0.1:{port}\n", name.as_str());
    }
    let file = folder.join("haproxy.cfg");
    fs::File::create(&file)
        .unwrap()
        .write_all(text.as_bytes())
        .unwrap();
    #[expect(clippy::disallowed_methods, reason = "the balancer is a process")]
    let child = Command::new("haproxy")
        .args(["-db", "-f"])
        .arg(&file)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("haproxy is installed");
    Balancer(child)
}

#[tokio::test]
async fn four_roles_behind_a_balancer_are_one_site() {
    let api_port = free_port();
    let mut site = Site::of(VIRGA)
        .set(
            "VIRGA_SERVICES__API",
            &format!("http://127.0.0.1:{api_port}"),
        )
        .set("VIRGA_HTTP__TRUSTED_PROXIES", "[\"127.0.0.1/32\"]")
        .build();
    site.start_on(Role::Api, api_port);
    for role in [Role::Stream, Role::Web, Role::Dispatcher] {
        site.start(role);
    }
    let (folder, port) = (tempfile::tempdir().unwrap(), free_port());
    let _balancer = balancer(&site, folder.path(), port);
    let base = format!("http://127.0.0.1:{port}");
    let stranger = Person::new(&base);
    stranger.wait_until_answered("/").await;

    let ann = stranger.register("ann").await;
    let video = ann
        .upload("Split", "unlisted", &Clip::default().bytes())
        .await;
    ann.wait_for(&video, &["ready"]).await;
    let playback = stranger.playback(&video).await;
    for url in stranger.media_urls(playback["hls"].as_str().unwrap()).await {
        let _ = stranger.get(&url).await.expect(200);
    }
    let page = stranger.get(&format!("/v/{video}")).await.expect(200);
    assert!(page.text().contains("Split"));
    let _ = stranger.get("/internal/v1/changes").await.expect(404);

    // A withdrawal reaches the other process.
    let path = format!("/api/v1/videos/{video}");
    for visibility in ["private", "unlisted"] {
        let ask = serde_json::json!({"visibility": visibility});
        let _ = ann.patch(&path, ask).await.expect(200);
        let before = playback["hls"].as_str().unwrap();
        stranger.wait_until_refused(before).await;
    }
    let playback = stranger.playback(&video).await;

    // Granted playback goes on while api is down; pages say calmly that they cannot.
    site.kill(Role::Api);
    for role in [Role::Web, Role::Stream] {
        let own = Person::new(format!("http://127.0.0.1:{}", site.port(role)));
        let ready = own.get("/readyz").await.expect(200);
        assert_eq!(ready.text(), "ready\nwithout api\n");
    }
    let _ = stranger
        .get(playback["hls"].as_str().unwrap())
        .await
        .expect(200);
    let _ = stranger.get(&format!("/v/{video}")).await.expect(503);
    site.start(Role::Api);
    let _ = stranger.get(&format!("/v/{video}")).await.expect(200);

    // And after it was away.
    let _ = ann
        .delete(&format!("/api/v1/videos/{video}"))
        .await
        .expect(200);
    stranger
        .wait_until_refused(playback["hls"].as_str().unwrap())
        .await;
}

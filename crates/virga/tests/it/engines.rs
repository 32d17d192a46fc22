//! The whole site on each database: started by ten at once, used, and emptied again.

use serde_json::json;
use virga_testkit::{Clip, Person, Role, Site, SiteBuilder, Sql, SqlServer};

use crate::{VIRGA, faults::virga as next_release, races};

const PASSWORD: &str = "hunter2@:/?";

#[tokio::test]
async fn the_whole_site_runs_on_sqlite() {
    whole_site(Site::of(VIRGA), "SQLite 3.").await;
}

#[tokio::test]
async fn the_whole_site_runs_on_mariadb() {
    let server = SqlServer::start(Sql::MariaDb).await;
    let url = server.database("site").await.replace("root@", "virga@");
    let user = format!("CREATE USER virga@'127.0.0.1' IDENTIFIED BY '{PASSWORD}'");
    server.execute(&user).await;
    server
        .execute("GRANT ALL ON site.* TO virga@'127.0.0.1'")
        .await;
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), format!("{PASSWORD}\n")).unwrap();
    let site = Site::of(VIRGA).set("VIRGA_DATABASE__URL", &url).set(
        "VIRGA_DATABASE__PASSWORD_FILE",
        &file.path().display().to_string(),
    );
    whole_site(site, "MariaDB").await;
}

#[tokio::test]
async fn the_whole_site_runs_on_postgres() {
    let server = SqlServer::start(Sql::Postgres).await;
    let url = server.database("site").await;
    let url = url.replace("virga@", "virga:hunter2@");
    whole_site(
        Site::of(VIRGA).set("VIRGA_DATABASE__URL", &url),
        "PostgreSQL 1",
    )
    .await;
}

async fn whole_site(builder: SiteBuilder, engine: &str) {
    let mut site = builder
        .set("VIRGA_LIMITS__QUOTA_PER_USER", races::QUOTA)
        .build();
    std::thread::scope(|scope| {
        let starts: Vec<_> = (0..10)
            .map(|_| scope.spawn(|| site.run(&["migrate"])))
            .collect();
        for start in starts {
            let (code, said) = start.join().unwrap();
            assert_eq!(code, 0, "{said}");
        }
    });
    for command in [&["doctor"][..], &["config", "show"]] {
        let (_, said) = site.run(command);
        assert!(!said.contains("hunter2"), "{said}");
        assert!(command != ["doctor"] || said.contains(engine), "{said}");
    }
    site.start(Role::Serve);
    let (ann, ben) = (site.register("ann").await, site.register("ben").await);
    let clip = Clip::default().seconds(3.0).bytes();
    let video = races::completed_at_once(&ann, "Rain 下雨", &clip).await;
    ann.wait_for(&video, &["ready"]).await;
    let playback = ben.playback(&video).await;
    for url in ben.media_urls(playback["hls"].as_str().unwrap()).await {
        let _ = ben.get(&url).await.expect(200);
    }
    let path = format!("/api/v1/videos/{video}");
    let comment = json!({"text": "Nice 🌧"});
    let _ = ben
        .post(&format!("{path}/comments"), comment)
        .await
        .expect(201);
    for query in ["RAIN", "雨"] {
        let found = ben
            .get(&format!("/api/v1/videos?q={query}"))
            .await
            .expect(200);
        assert_eq!(found.json()["items"][0]["comments"], 1, "{query}");
    }
    races::quota_is_not_overdrawn(&ben).await;
    beside_the_next_release(&mut site, &ann).await;
    let (code, report) = site.run(&["fsck"]);
    assert_eq!(code, 0, "{report}");
    let _ = ann.delete(&format!("{path}?now=true")).await.expect(200);
    ann.wait_gone(&video).await;
    site.wait_empty().await;
    let (code, report) = site.run(&["fsck"]);
    assert_eq!(code, 0, "{report}");
    assert!(!site.output().contains("hunter2"), "{}", site.output());
}

/// While this release runs, the next one starts beside it and changes the tables; each works on
/// what the other wrote, and this one starts again on the tables of the next.
async fn beside_the_next_release(site: &mut Site, ann: &Person) {
    let pending = |site: &Site| site.run(&["doctor"]).1.contains("next start will run: 1");
    assert!(!pending(site));
    site.use_program(next_release());
    assert!(pending(site), "the next release brings a migration");
    site.start(Role::Api);
    assert!(!pending(site));
    let next = Person::new(format!("http://127.0.0.1:{}", site.port(Role::Api)));
    let next = next.with_token(ann.token());
    let clip = Clip::default().bytes();
    let video = ann.upload("Before", "public", &clip).await;
    ann.wait_for(&video, &["ready"]).await;
    let path = format!("/api/v1/videos/{video}");
    let title = json!({"title": "After"});
    let _ = next.patch(&path, title).await.expect(200);
    let comment = json!({"text": "From the next release"});
    let _ = next
        .post(&format!("{path}/comments"), comment)
        .await
        .expect(201);
    let found = ann.get("/api/v1/videos?q=after").await.expect(200);
    assert_eq!(found.json()["items"][0]["comments"], 1);
    site.kill(Role::Api);
    site.use_program(VIRGA);
    site.terminate(Role::Serve);
    site.wait_ended(Role::Serve);
    site.start(Role::Serve);
    let found = ann.get(&path).await.expect(200);
    assert_eq!(found.json()["title"], "After");
    let _ = ann.delete(&format!("{path}?now=true")).await.expect(200);
}

#[test]
fn the_script_is_printed_for_each_engine_and_no_other() {
    let site = Site::of(VIRGA).build();
    for (engine, word) in [
        ("sqlite", "AUTOINCREMENT"),
        ("mysql", "utf8mb4_bin"),
        ("postgres", "AS IDENTITY"),
    ] {
        let (code, script) = site.run(&["migrate", "--print", engine]);
        assert!(code == 0 && script.contains(word), "{script}");
    }
    assert_ne!(site.run(&["migrate", "--print", "oracle"]).0, 0);
    assert!(
        site.data().read_dir().unwrap().next().is_none(),
        "nothing is opened"
    );
}

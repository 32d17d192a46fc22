//! The command line on a site's data.

use serde_json::{Value, json};
use std::{
    fs::{self, Permissions},
    io::{Read, Write},
    net::TcpStream,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    time::{Duration, Instant, SystemTime},
};
use virga_core::{
    Clock, OsEntropy, SystemClock, UploadId,
    job::{Job, JobKind, JobState},
};
use virga_db::{
    Db,
    jobs::{self, Claim},
};
use virga_testkit::{Clip, Role, Site};

use crate::VIRGA;

fn password_file(site: &Site, password: &str) -> String {
    let file = site.data().join("password");
    fs::write(&file, format!("{password}\n")).unwrap();
    file.display().to_string()
}

#[tokio::test]
async fn accounts_are_added_listed_and_given_a_new_password() {
    let mut site = Site::of(VIRGA).build();
    assert_eq!(site.run(&["migrate"]).0, 0);
    let file = password_file(&site, "first password");
    let (code, text) = site.run(&["user", "add", "root", "--admin", "--password-file", &file]);
    assert_eq!(code, 0, "{text}");
    let (code, text) = site.run(&["user", "add", "ROOT", "--password-file", &file]);
    assert!(code == 1 && text.contains("taken"), "{text}");
    let (_, list) = site.run(&["user", "list"]);
    assert!(list.contains("root") && list.contains("admin"), "{list}");
    site.start(Role::Serve);
    assert_eq!(site.setup_path(), None, "an administrator is there already");
    let sign_in = |password: &str| json!({"name": "root", "password": password});
    let session = site
        .stranger()
        .post("/api/v1/sessions", sign_in("first password"))
        .await
        .expect(201);
    let root = site
        .stranger()
        .with_token(session.json()["token"].as_str().unwrap());
    assert_eq!(
        root.get("/api/v1/users/me").await.expect(200).json()["role"],
        "admin"
    );
    let file = password_file(&site, "second password");
    let (code, text) = site.run(&["user", "reset-password", "root", "--password-file", &file]);
    assert_eq!(code, 0, "{text}");
    let _ = root.get("/api/v1/users/me").await.expect(401);
    let _ = site
        .stranger()
        .post("/api/v1/sessions", sign_in("first password"))
        .await
        .expect(401);
    let _ = site
        .stranger()
        .post("/api/v1/sessions", sign_in("second password"))
        .await
        .expect(201);
}

#[tokio::test]
async fn the_setup_link_makes_one_administrator() {
    let site = Site::of(VIRGA).start();
    let path = site.wait_setup_path();
    let token = path.split_once('=').unwrap().1.to_owned();
    let ask = |name: &str, token: &str| json!({"token": token, "name": name, "password": "a good password", "site_name": "School", "registration": "closed"});
    // Until then nobody gets an account, and every way leads to the set-up page.
    let register = json!({"name": "eve", "password": "a good password"});
    let early = site.stranger().post("/api/v1/users", register).await;
    assert_eq!(early.expect(403).code(), "setup.needed");
    let sign_up = site.stranger().get("/sign-up").await.expect(303);
    assert_eq!(sign_up.headers["location"], "/setup");
    let home = site.stranger().get("/").await.expect(200).text();
    assert!(
        home.contains("href=\"/setup\"") && !home.contains("/sign-up"),
        "{home}"
    );
    let _ = site
        .stranger()
        .post("/api/v1/setup", ask("eve", "0000"))
        .await
        .expect(403);
    let (one, two) = (site.stranger(), site.stranger());
    let both = tokio::join!(
        one.post("/api/v1/setup", ask("one", &token)),
        two.post("/api/v1/setup", ask("two", &token))
    );
    let mut statuses = [both.0.status.as_u16(), both.1.status.as_u16()];
    statuses.sort_unstable();
    assert_eq!(statuses, [201, 403]);
    let shown = site.stranger().get("/api/v1/site").await.json();
    assert_eq!(
        (&shown["name"], &shown["needs_setup"]),
        (&json!("School"), &json!(false))
    );
    let register = json!({"name": "ann", "password": "a good password"});
    let refused = site
        .stranger()
        .post("/api/v1/users", register)
        .await
        .expect(403);
    assert_eq!(refused.code(), "registration.closed");
}

#[tokio::test]
async fn settings_name_their_layer_and_slips_are_refused() {
    let site = Site::of(VIRGA).set("VIRGA_LOG__LEVEL", "warn").build();
    let (code, text) = site.run(&["config", "show"]);
    assert_eq!(code, 0);
    let line = |key: &str| {
        text.lines()
            .find(|line| line.starts_with(key))
            .unwrap()
            .to_owned()
    };
    // And whether it holds without a restart.
    assert!(
        line("log.level").ends_with("# environment")
            && line("data.dir").ends_with("# flag, at start"),
        "{text}"
    );
    let site = Site::of(VIRGA)
        .set("VIRGA_LIMITS__UPLOAD_MAKS", "1")
        .build();
    let (code, text) = site.run(&["config", "check"]);
    assert!(code == 1 && text.contains("limits.upload_max"), "{text}");
}

#[test]
fn config_check_names_all_that_would_keep_a_role_from_starting() {
    let mut site = Site::of(VIRGA).build();
    assert_eq!(site.run(&["config", "check"]).0, 0);
    let empty = site.data().join("empty");
    fs::write(&empty, "").unwrap();
    let empty = empty.display().to_string();
    for (key, value) in [
        ("HTTP__LISTEN", "localhost"),
        ("HTTP__PUBLIC_URL", "videos.example"),
        ("SERVICES__API", "10.0.0.2:9000"),
        ("LOG__LEVEL", "virga=loud"),
        ("DATABASE__URL", "oracle://site"),
        ("DATABASE__PASSWORD_FILE", "/nowhere/password"),
        ("REDIS__URL", "redis:/x"),
        ("REDIS__PASSWORD_FILE", empty.as_str()),
        ("METRICS__LISTEN", "127.0.0.1"),
        ("METRICS__TOKEN_FILE", empty.as_str()),
        ("OBJECTS__KIND", "s3"),
        ("OBJECTS__REGION", "x"),
    ] {
        site.set(&format!("VIRGA_{key}"), value);
    }
    let (code, said) = site.run(&["config", "check"]);
    assert_eq!(code, 1, "{said}");
    for wrong in [
        "http.listen: \"localhost\"",
        "http.public_url: ",
        "services.api: ",
        "log.level: ",
        "database.url: ",
        "database.password_file: /nowhere/password",
        "redis.password_file: the first line of",
        "metrics.listen: ",
        "metrics.token_file: ",
        "objects: objects.bucket is missing",
    ] {
        let line = format!("WRONG  {wrong}");
        assert!(said.contains(&line), "no line {line:?}: {said}");
    }
    // And `serve` does not start with them.
    assert_eq!(site.run(&["serve"]).0, 1);
    assert!(!site.data().join("objects").exists());
}

fn age(path: &Path) {
    let file = fs::File::options().write(true).open(path).unwrap();
    #[expect(clippy::disallowed_methods, reason = "file times are the machine's")]
    let old = SystemTime::now() - Duration::from_secs(48 * 3600);
    file.set_modified(old).unwrap();
}

fn classes(report: &str) -> Vec<String> {
    let report: Value = serde_json::from_str(report).unwrap();
    let found = report["findings"].as_array().unwrap();
    found
        .iter()
        .map(|finding| finding["class"].as_str().unwrap().to_owned())
        .collect()
}

#[tokio::test]
async fn fsck_finds_each_class_of_damage_and_repairs_what_it_can() {
    let mut site = Site::of(VIRGA).start();
    let ann = site.register("ann").await;
    let video = ann.upload("Fsck", "public", &Clip::default().bytes()).await;
    ann.wait_for(&video, &["ready"]).await;
    assert_eq!(site.run(&["fsck", "--deep", "--json"]).0, 0);
    site.kill(Role::Serve);
    let folder = site.data().join("objects/v").join(&video);
    let objects = site.objects();
    let of = |name: &str| {
        objects
            .iter()
            .find(|path| path.ends_with(name))
            .unwrap()
            .clone()
    };

    let orphan = folder.join("a999-1/poster.jpg");
    fs::create_dir_all(orphan.parent().unwrap()).unwrap();
    fs::write(&orphan, b"left behind").unwrap();
    age(&orphan);
    let presentation = folder.join("presentation.json");
    fs::write(&presentation, b"{}").unwrap();
    let (code, report) = site.run(&["fsck", "--json"]);
    let mut found = classes(&report);
    found.sort();
    assert_eq!(
        (code, found),
        (
            1,
            vec!["orphan-object".to_owned(), "stale-presentation".to_owned()]
        ),
        "{report}"
    );
    let (code, report) = site.run(&["fsck", "--repair", "--json"]);
    assert_eq!(code, 0, "{report}");
    assert!(!orphan.exists());
    assert_eq!(site.run(&["fsck", "--json"]).0, 0, "repaired");

    let source = of("source");
    let whole = fs::read(&source).unwrap();
    fs::write(&source, &whole[1..]).unwrap();
    assert_eq!(classes(&site.run(&["fsck", "--json"]).1), ["wrong-size"]);
    fs::remove_file(&source).unwrap();
    assert_eq!(classes(&site.run(&["fsck", "--json"]).1), ["dangling-row"]);
    fs::write(&source, &whole).unwrap();
    assert_eq!(site.run(&["fsck", "--json"]).0, 0);
}

/// A copy of an open session under an id that no row has; both two days old.
fn plant_stray_session(sessions: &Path, open: &Path) -> PathBuf {
    let stray = sessions.join(UploadId::random(&OsEntropy).as_str());
    fs::create_dir(&stray).unwrap();
    for entry in fs::read_dir(open).unwrap().flatten() {
        let copy = stray.join(entry.file_name());
        fs::copy(entry.path(), &copy).unwrap();
        age(&entry.path());
        age(&copy);
    }
    stray
}

#[tokio::test]
async fn the_sweeper_drops_the_parts_that_an_ended_upload_left() {
    let mut site = Site::of(VIRGA).start();
    let ann = site.register("ann").await;
    let video = ann.draft("Left", "public").await;
    let upload = ann.open_upload(&video, 1000).await;
    site.terminate(Role::Serve);
    assert!(site.wait_ended(Role::Serve).success());
    let sessions = site.data().join("objects/.multipart");
    let open = sessions.join(upload["id"].as_str().unwrap());
    let stray = plant_stray_session(&sessions, &open);
    site.start(Role::Serve);
    let deadline = Instant::now() + Duration::from_secs(30);
    while stray.exists() {
        assert!(Instant::now() < deadline, "it still lies there");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert!(open.exists(), "the open upload keeps its own");
}

#[tokio::test]
async fn the_sweeper_removes_what_nothing_uses_and_a_clean_stop_leaves_no_log() {
    let mut site = Site::of(VIRGA).start();
    let ann = site.register("ann").await;
    let video = ann.upload("Used", "public", &Clip::default().bytes()).await;
    ann.wait_for(&video, &["ready"]).await;
    site.terminate(Role::Serve);
    assert!(site.wait_ended(Role::Serve).success());
    let log = fs::metadata(site.data().join("virga.sqlite-wal"));
    assert_eq!(log.map_or(0, |log| log.len()), 0, "rows only in the log");

    // Two days later: what `package` replaced, an attempt that failed, and a source of which a
    // database that was restored knows nothing.
    let folder = site.data().join("objects/v").join(&video);
    let unused = folder.join("a999-1/720p.cmaf");
    let source = folder
        .join(UploadId::random(&OsEntropy).as_str())
        .join("source");
    for file in [&unused, &source] {
        fs::create_dir_all(file.parent().unwrap()).unwrap();
        fs::write(file, b"left behind").unwrap();
    }
    site.objects().iter().for_each(|file| age(file));
    assert_ne!(site.run(&["fsck"]).0, 0, "the control");
    site.start(Role::Serve);
    let deadline = Instant::now() + Duration::from_secs(30);
    while unused.exists() {
        assert!(Instant::now() < deadline, "it still lies there");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert!(source.exists(), "a source is never removed unasked");
    fs::remove_file(&source).unwrap();
    // It may still be removing what `package` replaced.
    loop {
        let (code, report) = site.run(&["fsck"]);
        if code == 0 {
            break;
        }
        assert!(Instant::now() < deadline, "{report}");
    }
    let playback = ann.playback(&video).await;
    for url in ann.media_urls(playback["hls"].as_str().unwrap()).await {
        let _ = ann.get(&url).await.expect(200);
    }
}

#[tokio::test]
async fn what_a_site_keeps_is_private_and_an_open_folder_is_named() {
    let mut site = Site::of(VIRGA).build();
    // As a folder that an administrator made under the usual umask.
    fs::set_permissions(site.data(), Permissions::from_mode(0o755)).unwrap();
    site.start(Role::Serve);
    let ann = site.register("ann").await;
    let video = ann
        .upload("Mine", "private", &Clip::default().bytes())
        .await;
    ann.wait_for(&video, &["ready"]).await;
    assert!(
        site.output()
            .contains("every user of this machine can read")
    );
    let (code, report) = site.run(&["doctor"]);
    assert!(code == 1 && report.contains("chmod 700"), "{report}");
    let mut open = Vec::new();
    let mut folders = vec![site.data().to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap().flatten() {
            let about = entry.metadata().unwrap();
            if about.permissions().mode() & 0o077 != 0 {
                open.push(entry.path());
            }
            if about.is_dir() {
                folders.push(entry.path());
            }
        }
    }
    assert_eq!(open, [] as [PathBuf; 0]);
}

/// Overwrites SQLite's last page: the file can still be opened.
fn damage(file: &Path) {
    let mut bytes = fs::read(file).unwrap();
    let last = bytes.len() - 4096;
    bytes[last..].fill(0xa5);
    fs::write(file, bytes).unwrap();
}

#[tokio::test]
async fn a_damaged_database_is_named_by_readiness_and_doctor() {
    let mut site = Site::of(VIRGA).start();
    let ann = site.register("ann").await;
    site.terminate(Role::Serve);
    site.wait_ended(Role::Serve);
    damage(&site.data().join("virga.sqlite"));
    let (code, report) = site.run(&["doctor"]);
    assert_eq!(code, 1, "{report}");
    assert!(report.contains("file is damaged"), "{report}");
    assert_eq!(site.run(&["fsck"]).0, 2);
    site.launch(Role::Serve);
    let deadline = Instant::now() + Duration::from_secs(30);
    loop {
        let answer = ann
            .try_send(ann.request(reqwest::Method::GET, "/readyz"))
            .await;
        if let Ok(answer) = answer
            && answer.text().contains("file is damaged")
        {
            assert_eq!(answer.status, 503);
            break;
        }
        assert!(Instant::now() < deadline, "{}", site.output());
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

#[tokio::test]
async fn fsck_finds_a_session_of_no_upload_and_a_job_that_nobody_took_up() {
    let mut site = Site::of(VIRGA).start();
    let ann = site.register("ann").await;
    let video = ann.draft("Fsck", "public").await;
    let upload = ann.open_upload(&video, 1000).await;
    site.kill(Role::Serve);
    let sessions = site.data().join("objects/.multipart");
    let open = sessions.join(upload["id"].as_str().unwrap());
    let stray = plant_stray_session(&sessions, &open);
    let (code, report) = site.run(&["fsck", "--json"]);
    assert_eq!(
        (code, classes(&report)),
        (1, vec!["unreferenced-multipart".to_owned()])
    );
    assert!(site.run(&["fsck", "--repair"]).0 == 0 && !stray.exists() && open.exists());
    assert_eq!(site.run(&["fsck"]).0, 0, "repaired");

    let db = Db::open_sqlite(&site.data().join("virga.sqlite"))
        .await
        .unwrap();
    let past = SystemClock.now().minus(Duration::from_secs(600));
    let id = video.parse().unwrap();
    jobs::enqueue(db.write(), &Job::Probe, id, past, past)
        .await
        .unwrap();
    let claim = Claim {
        worker: "gone",
        kinds: &[JobKind::Probe],
        now: past,
    };
    assert!(
        jobs::claim(&db, &jobs::Queue::default(), claim)
            .await
            .unwrap()
            .is_some()
    );
    let (code, report) = site.run(&["fsck", "--json"]);
    assert_eq!((code, classes(&report)), (1, vec!["stuck-job".to_owned()]));
    // Nothing is guessed about it: a dispatcher takes it up.
    assert_eq!(site.run(&["fsck", "--repair"]).0, 1);
    site.start(Role::Serve);
    ann.wait_until_answered("/readyz").await;
    let deadline = Instant::now() + Duration::from_secs(30);
    while site.run(&["fsck"]).0 != 0 {
        assert!(Instant::now() < deadline, "nobody took the job up");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

#[tokio::test]
async fn sigterm_drains_and_gives_leases_back() {
    let mut site = Site::of(VIRGA).start();
    let ann = site.register("ann").await;
    let clip = Clip::default().seconds(8.0).size("1280x720").bytes();
    let video = ann.upload("Stop", "public", &clip).await;
    ann.wait_for(&video, &["playable"]).await;
    let draft = ann.draft("In flight", "public").await;
    let upload = ann.open_upload(&draft, 8).await;
    let part = ann.part_url(upload["id"].as_str().unwrap(), 1).await;
    let mut socket = TcpStream::connect(("127.0.0.1", site.port(Role::Serve))).unwrap();
    write!(
        socket,
        "PUT {part} HTTP/1.1\r\nHost: x\r\nContent-Length: 8\r\n\r\nhalf"
    )
    .unwrap();
    // Whatever is asked after the part was begun is answered after the part is being read.
    let _ = ann.get("/livez").await.expect(200);
    site.terminate(Role::Serve);
    let deadline = Instant::now() + Duration::from_secs(20);
    while !site.output().contains("stopping: SIGTERM") {
        assert!(Instant::now() < deadline, "{}", site.output());
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    write!(socket, "half").unwrap();
    let mut said = String::new();
    let _ = socket.read_to_string(&mut said);
    assert!(said.starts_with("HTTP/1.1 204"), "what runs ends: {said:?}");
    assert!(site.wait_ended(Role::Serve).success(), "{}", site.output());
    let db = Db::open_sqlite(&site.data().join("virga.sqlite"))
        .await
        .unwrap();
    let held = jobs::of_video(db.read(), video.parse().unwrap())
        .await
        .unwrap();
    assert!(
        held.iter().all(|job| job.state != JobState::Leased),
        "{held:?}"
    );
    db.close().await;
    site.start(Role::Serve);
    let shown = ann.wait_for(&video, &["ready"]).await;
    assert!(shown["warnings"].is_null(), "{shown}");
}

#[tokio::test]
async fn the_origins_configuration_is_taken_over_and_starts() {
    let site = Site::of(VIRGA).build();
    let folder = tempfile::tempdir().unwrap();
    let (theirs, ours) = (
        folder.path().join("config.json"),
        folder.path().join("virga.toml"),
    );
    let (theirs, ours) = (theirs.display().to_string(), ours.display().to_string());
    let text = r#"{"lb_address": "10.0.0.9", "oss_address": "films.oss-cn-beijing-internal.aliyuncs.com"}"#;
    fs::write(&theirs, text).unwrap();
    let (code, toml) = site.run(&["config", "import", &theirs]);
    assert_eq!(code, 0, "{toml}");
    fs::write(&ours, &toml).unwrap();
    let (code, said) = site.run(&["config", "check", "--config", &ours]);
    assert_eq!(code, 0, "{said}");
    let (_, shown) = site.run(&["config", "show", "--config", &ours]);
    let value = |key: &str| {
        let mut lines = shown.lines().filter_map(|line| line.split_once(" = "));
        let found = lines.find(|(name, _)| name.trim() == key);
        found.map(|(_, rest)| {
            rest.split("  #")
                .next()
                .unwrap_or_default()
                .trim()
                .to_owned()
        })
    };
    assert_eq!(
        value("objects.bucket").as_deref(),
        Some("\"films\""),
        "{shown}"
    );
    assert_eq!(
        value("services.api").as_deref(),
        Some("\"http://10.0.0.9:9000\""),
        "{shown}"
    );
    fs::write(&theirs, "{}").unwrap();
    let (code, said) = site.run(&["config", "import", &theirs]);
    assert!(
        code == 1 && said.contains("neither lb_address nor oss_address"),
        "{said}"
    );
}

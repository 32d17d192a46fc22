//! A disk that fills up during an upload: 507, nothing damaged, and it goes on when there is room.

use rustix::process::{Pid, Resource, Rlimit, prlimit};
use serde_json::json;
use std::{
    ffi::OsStr,
    fs,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    process::Command,
    time::{Duration, Instant},
};
use virga_testkit::{Answer, Person, Role, Site, sha256};

use crate::{
    VIRGA,
    admin::administrator,
    faults::{all_is_well, clip, slow_body, virga},
    forms,
};

/// The disk is full from the middle of the second of three parts on, and then no more.
async fn fills_up_and_goes_on(
    site: Site,
    fill: impl Fn() + Sync + Send,
    free: impl Fn() + Sync + Send,
) {
    const PART: usize = 8 * 1024 * 1024;
    let ann = site.register("ann").await;
    let clip = clip();
    let mut bytes = clip.clone();
    // A box that every reader passes over makes it three parts long.
    let rest = u32::try_from(2 * PART + 1000 - clip.len()).unwrap();
    bytes.extend_from_slice(&rest.to_be_bytes());
    bytes.extend_from_slice(b"free");
    bytes.resize(2 * PART + 1000, 7);
    let parts: Vec<&[u8]> = bytes.chunks(PART).collect();
    let video = ann.draft("Full", "public").await;
    let upload = ann.open_upload(&video, bytes.len()).await;
    let id = upload["id"].as_str().unwrap();
    let mut urls = Vec::new();
    for number in 1..=3 {
        urls.push(ann.part_url(id, number).await);
    }
    let _ = ann.put(&urls[0], parts[0].to_vec()).await.expect(204);

    let (sender, body) = slow_body();
    let put = ann.request(reqwest::Method::PUT, &urls[1]);
    let put = put.header("content-length", PART).body(body);
    let feeding = async {
        for (n, piece) in parts[1].chunks(1024 * 1024).enumerate() {
            if n == 3 {
                fill();
            }
            sender.send(piece.to_vec()).await.unwrap();
        }
        drop(sender);
    };
    let (refused, ()) = tokio::join!(ann.send(put), feeding);
    let again = ann.put(&urls[1], parts[1].to_vec()).await;
    for refused in [refused, again] {
        let refused = refused.expect(507);
        assert_eq!(refused.headers["content-type"], "application/problem+json");
        assert_eq!(refused.code(), "storage.full");
    }
    // Nothing is damaged: what was held is held, and everyone else goes on.
    let held = || async {
        let path = format!("/api/v1/uploads/{id}/parts");
        ann.get(&path).await.expect(200).json()
    };
    assert_eq!(
        held().await,
        json!([{"number": 1, "size": PART, "sha256": sha256(parts[0])}])
    );
    let complete = format!("/api/v1/uploads/{id}/complete");
    let early = ann.post(&complete, json!({})).await.expect(409);
    assert_eq!(early.code(), "upload.part-missing");
    let ben = site.register("ben").await;
    let _ = ben.get("/").await.expect(200);
    let _ = ben.draft("Meanwhile", "public").await;

    free();
    for n in [1, 2] {
        let _ = ann.put(&urls[n], parts[n].to_vec()).await.expect(204);
    }
    let _ = ann.post(&complete, json!({})).await.expect(202);
    all_is_well(&site, &ann, &video, &bytes).await;
}

async fn by_failpoint(place: &str) {
    let mut site = Site::of(virga()).build();
    let full = site.data().join("full");
    site.set("VIRGA_FAILPOINTS", &format!("{place}={}", full.display()));
    site.start(Role::Serve);
    let fill = || fs::write(&full, "").unwrap();
    fills_up_and_goes_on(site, fill, || fs::remove_file(&full).unwrap()).await;
}

#[tokio::test]
async fn a_disk_that_fills_up_while_a_part_is_written_refuses_that_part_alone() {
    by_failpoint("part.write").await;
}

#[tokio::test]
async fn a_disk_that_fills_up_while_a_part_is_synced_refuses_that_part_alone() {
    by_failpoint("part.sync").await;
}

/// A small disk of its own at this folder; it goes when dropped.
pub(crate) struct SmallDisk(PathBuf);

impl SmallDisk {
    /// Takes all the room that is left.
    fn fill(&self) {
        let mut file = fs::File::create(self.filler()).unwrap();
        let full = std::io::copy(&mut std::io::repeat(7), &mut file).unwrap_err();
        assert_eq!(full.kind(), std::io::ErrorKind::StorageFull);
    }

    fn free(&self) {
        fs::remove_file(self.filler()).unwrap();
    }

    /// Whether it may be read only.
    pub(crate) fn read_only(&self, is: bool) {
        let options = if is { "remount,ro" } else { "remount,rw" };
        let arguments = ["-o", options].map(OsStr::new);
        let folder = [self.0.as_os_str()];
        assert!(run("mount", arguments.into_iter().chain(folder)));
    }

    fn filler(&self) -> PathBuf {
        self.0.join("filler")
    }

    /// `None` where mounting is not permitted.
    pub(crate) fn mount(folder: &Path) -> Option<Self> {
        fs::create_dir_all(folder).unwrap();
        let options = ["-t", "tmpfs", "-o", "size=128m,mode=700", "tmpfs"];
        let mounted = run(
            "mount",
            options
                .map(OsStr::new)
                .into_iter()
                .chain([folder.as_os_str()]),
        );
        mounted.then(|| Self(folder.to_owned()))
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        run("umount", ["-l".as_ref(), self.0.as_os_str()].into_iter());
    }
}

fn run<'a>(program: &str, arguments: impl Iterator<Item = &'a OsStr>) -> bool {
    #[expect(clippy::disallowed_methods, reason = "mounting takes a program")]
    let output = Command::new(program).args(arguments).output();
    output.is_ok_and(|output| output.status.success())
}

#[tokio::test]
async fn a_real_disk_that_fills_up_refuses_that_part_alone() {
    let mut site = Site::of(VIRGA).build();
    let objects = site.data().join("objects");
    let Some(disk) = SmallDisk::mount(&objects) else {
        eprintln!("not run: mounting a small disk is not permitted here");
        return;
    };
    site.start(Role::Serve);
    fills_up_and_goes_on(site, || disk.fill(), || disk.free()).await;
}

#[tokio::test]
async fn doctor_asks_for_room_where_the_disk_is_full() {
    let site = Site::of(VIRGA).build();
    let Some(disk) = SmallDisk::mount(&site.data().join("objects")) else {
        eprintln!("not run: mounting a small disk is not permitted here");
        return;
    };
    assert_eq!(site.run(&["migrate"]).0, 0);
    disk.fill();
    let (code, said) = site.run(&["doctor"]);
    assert_eq!(code, 1, "{said}");
    assert!(
        said.contains("no room left. Free some space on the disk of "),
        "{said}"
    );
}

/// The most bytes that any file of the site may have from now on; a write beyond it fails.
fn limit_files(site: &Site, most: Option<u64>) {
    let id = i32::try_from(site.id(Role::Serve)).unwrap();
    let limit = Rlimit {
        current: most,
        maximum: None,
    };
    prlimit(Pid::from_raw(id), Resource::Fsize, limit).unwrap();
}

/// Posts this many comments; the texts that were answered 201.
async fn comment(who: &Person, video: &str, round: &str, count: usize) -> Vec<String> {
    let mut taken = Vec::new();
    for n in 0..count {
        let text = format!("{round} {n}");
        let path = format!("/api/v1/videos/{video}/comments");
        let answer = who.post(&path, json!({ "text": text })).await;
        match answer.status.as_u16() {
            201 => taken.push(text),
            503 | 507 => assert_eq!(answer.headers["content-type"], "application/problem+json"),
            other => panic!("{other}: {}", answer.text()),
        }
    }
    taken
}

/// SQLite ends a transaction by itself when its COMMIT meets a full disk. What is acknowledged after
/// that has to be stored all the same.
#[tokio::test]
async fn a_commit_that_fails_on_a_full_disk_spoils_no_later_one() {
    // A process that ignores SIGXFSZ gets an error from a write beyond its limit.
    let mut site = Site::of(VIRGA).build();
    let wrapper = site.data().join("virga");
    let script = format!("#!/bin/sh\ntrap '' XFSZ\nexec '{VIRGA}' \"$@\"\n");
    fs::write(&wrapper, script).unwrap();
    fs::set_permissions(&wrapper, fs::Permissions::from_mode(0o755)).unwrap();
    site.use_program(&wrapper);
    site.start(Role::Serve);
    let ann = site.register("ann").await;
    let video = ann.draft("Full", "private").await;

    let log = fs::metadata(site.data().join("virga.sqlite-wal")).unwrap();
    limit_files(&site, Some(log.len() + 1000));
    let during = comment(&ann, &video, "during", 20).await;
    assert!(during.len() < 20, "the limit was never met");
    readiness_says(&ann, |answer| {
        answer.status == 503 || answer.text() != "ready\n"
    })
    .await;
    limit_files(&site, None);
    let after = comment(&ann, &video, "after", 60).await;
    assert_eq!(after.len(), 60, "there is room again");
    readiness_says(&ann, |answer| answer.text() == "ready\n").await;

    site.kill(Role::Serve);
    site.start(Role::Serve);
    assert_stored(&ann, &video, [during, after].concat()).await;
}

/// The comments of a video are these, and no others.
async fn assert_stored(who: &Person, video: &str, mut taken: Vec<String>) {
    let path = format!("/api/v1/videos/{video}/comments?limit=100");
    let stored = who.get(&path).await.expect(200).json();
    let mut stored: Vec<String> = stored["items"]
        .as_array()
        .unwrap()
        .iter()
        .map(|comment| comment["text"].as_str().unwrap().to_owned())
        .collect();
    stored.sort();
    taken.sort();
    assert_eq!(stored, taken);
}

#[tokio::test]
async fn what_the_api_refuses_a_form_for_reaches_the_sender_as_the_api_said_it() {
    let mut site = Site::of(VIRGA).build();
    let objects = site.data().join("objects");
    // The rows have no room, the objects have.
    let rows = SmallDisk::mount(site.data());
    let (Some(rows), Some(_objects)) = (rows, SmallDisk::mount(&objects)) else {
        eprintln!("not run: mounting a small disk is not permitted here");
        return;
    };
    site.start(Role::Serve);
    administrator(&site).await;
    let ann = site.register("ann").await;
    let video = ann.draft("Full", "private").await;
    let url = forms::offer(&ann, &video).await;
    rows.fill();
    // What room the database's files have in themselves is used up first.
    comment(&ann, &video, "full", 20).await;
    let file = clip();
    let sent = forms::send(&ann, &url, &file).await.unwrap();
    let back = forms::target(sent);
    assert_eq!(back, format!("/upload?video={video}&refused=database.full"));
    let page = ann.get(&back).await.expect(200);
    assert!(page.text().contains("database is full"), "{}", page.text());
    let sent = forms::send_for(&ann, &url, &file, "application/json").await;
    let refused = sent.unwrap().expect(507);
    assert_eq!(refused.code(), "database.full");
    let detail = refused.json()["detail"].to_string();
    assert!(detail.contains("Ask the operator"), "{detail}");
}

/// Waits until `/readyz` answers so: it tries to write every few seconds.
pub(crate) async fn readiness_says(who: &Person, right: impl Fn(&Answer) -> bool) {
    let deadline = Instant::now() + Duration::from_secs(30);
    loop {
        let answer = who.get("/readyz").await;
        if right(&answer) {
            return;
        }
        assert!(Instant::now() < deadline, "{}", answer.text());
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

#[tokio::test]
async fn a_site_on_a_full_disk_refuses_with_507_and_serves_what_it_has() {
    let mut site = Site::of(VIRGA).build();
    let Some(disk) = SmallDisk::mount(site.data()) else {
        eprintln!("not run: mounting a small disk is not permitted here");
        return;
    };
    site.start(Role::Serve);
    administrator(&site).await;
    let ann = site.register("ann").await;
    let video = ann.draft("Full", "private").await;
    let before = comment(&ann, &video, "before", 3).await;
    disk.fill();
    let during = comment(&ann, &video, "during", 20).await;
    let path = format!("/api/v1/videos/{video}/comments");
    let refused = ann.post(&path, json!({"text": "no"})).await.expect(507);
    assert_eq!(refused.code(), "database.full");
    readiness_says(&ann, |answer| {
        answer.status == 200 && answer.text().contains("without room")
    })
    .await;

    // What can be read is served after a crash too, while there is still no room.
    site.kill(Role::Serve);
    site.start(Role::Serve);
    assert_stored(&ann, &video, [before.clone(), during.clone()].concat()).await;
    disk.free();
    let after = comment(&ann, &video, "after", 5).await;
    assert_eq!(after.len(), 5);
    assert_stored(&ann, &video, [before, during, after].concat()).await;
}

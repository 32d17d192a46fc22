//! A disk that fills up during an upload: 507, nothing damaged, and it goes on when there is room.

use serde_json::json;
use std::{
    ffi::OsStr,
    fs,
    path::{Path, PathBuf},
    process::Command,
};
use virga_testkit::{Role, Site, sha256};

use crate::{
    VIRGA,
    faults::{all_is_well, clip, slow_body, virga},
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
struct SmallDisk(PathBuf);

impl SmallDisk {
    /// `None` where mounting is not permitted.
    fn mount(folder: &Path) -> Option<Self> {
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
    let filler = disk.0.join("filler");
    let fill = || {
        let mut file = fs::File::create(&filler).unwrap();
        let full = std::io::copy(&mut std::io::repeat(7), &mut file).unwrap_err();
        assert_eq!(full.kind(), std::io::ErrorKind::StorageFull);
    };
    fills_up_and_goes_on(site, fill, || fs::remove_file(&filler).unwrap()).await;
}

//! `kill -9` at each of the places where it could hurt. After the restart: what was acknowledged is
//! whole, every job is done or failed with a reason, and `fsck` finds nothing.

use serde_json::json;
use std::{
    fs,
    path::{Path, PathBuf},
    time::SystemTime,
};
use virga_testkit::{Clip, Person, Role, Site, sha256};

/// The same binary with failpoints, built by `scripts/failpoints`. One that is older than the sources
/// tests nothing.
pub(crate) fn virga() -> PathBuf {
    let crates = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("..");
    let program = crates.join("../target/failpoints/virga");
    let built = fs::metadata(&program).and_then(|file| file.modified());
    let built = built.expect("run scripts/failpoints first");
    let changed = newest(&crates);
    assert!(changed <= built, "run scripts/failpoints again");
    program
}

/// When anything that the program is built from changed last.
fn newest(crates: &Path) -> SystemTime {
    let mut newest = SystemTime::UNIX_EPOCH;
    let mut folders = vec![crates.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap().flatten() {
            let name = entry.file_name();
            if entry.file_type().unwrap().is_dir() {
                if name != "tests" && name != "virga-testkit" {
                    folders.push(entry.path());
                }
            } else {
                newest = newest.max(entry.metadata().unwrap().modified().unwrap());
            }
        }
    }
    newest
}

pub(crate) fn clip() -> Vec<u8> {
    Clip::default().seconds(6.0).size("640x480").bytes()
}

/// A site that ends itself at `place`.
pub(crate) fn armed(place: &str) -> Site {
    Site::of(virga()).set("VIRGA_FAILPOINTS", place).start()
}

/// Starts again without the failpoint.
pub(crate) fn heal(site: &mut Site) {
    site.wait_ended(Role::Serve);
    site.set("VIRGA_FAILPOINTS", "");
    site.start(Role::Serve);
}

/// The video plays, its source is whole, nothing is left undone or lying about.
pub(crate) async fn all_is_well(site: &Site, who: &Person, video: &str, bytes: &[u8]) {
    let shown = who.wait_for(video, &["ready", "failed"]).await;
    assert_eq!(shown["state"], "ready", "{shown}\n{}", site.output());
    assert!(shown["warnings"].is_null(), "{shown}");
    let source = who.source(video).await.expect(200);
    assert_eq!(sha256(&source.body), sha256(bytes));
    let playback = who.playback(video).await;
    for url in who.media_urls(playback["hls"].as_str().unwrap()).await {
        let _ = who.get(&url).await.expect(200);
    }
    let (code, report) = site.run(&["fsck"]);
    assert_eq!(code, 0, "{report}");
}

/// Uploads until the site dies at `place`, which must be after the last part was acknowledged.
async fn dies_after_the_parts(place: &str) {
    let mut site = armed(place);
    let ann = site.register("ann").await;
    let bytes = clip();
    let video = ann.draft("LineFault", "public").await;
    let upload = ann.open_upload(&video, bytes.len()).await;
    ann.send_parts(&upload, &bytes).await;
    let complete = format!(
        "/api/v1/uploads/{}/complete",
        upload["id"].as_str().unwrap()
    );
    let _ = ann
        .try_send(ann.request(reqwest::Method::POST, &complete))
        .await;
    heal(&mut site);
    // A client that got no answer asks again; one that is gone is covered by the sweeper.
    let again = ann.post(&complete, json!({})).await;
    assert!(
        matches!(again.status.as_u16(), 202 | 503),
        "{}",
        again.text()
    );
    all_is_well(&site, &ann, &video, &bytes).await;
}

macro_rules! dies_at {
    ($($name:ident = $place:literal),+ $(,)?) => {$(
        #[tokio::test]
        async fn $name() {
            dies_after_the_parts($place).await;
        }
    )+};
}

dies_at! {
    killed_with_a_completion_just_leased = "complete.leased",
    killed_inside_complete_before_the_rename = "complete.before-rename",
    killed_inside_complete_after_the_rename = "complete.after-rename",
    killed_inside_complete_before_the_rows = "complete.before-rows",
    killed_after_complete_before_the_first_job = "complete.after-rows",
    killed_with_a_job_just_leased = "job.claimed",
    killed_in_mid_ffmpeg = "job.mid-ffmpeg",
    killed_after_objects_are_written_before_publish = "job.objects-written",
    killed_while_packaging = "package.mid",
    killed_between_the_presentation_and_its_row = "publish.after-write",
}

/// Dies while a film that must be encoded plays already; another process goes on with its pieces.
async fn dies_while_growing(place: &str) {
    let mut site = armed(place);
    let ann = site.register("ann").await;
    let bytes = Clip::default()
        .seconds(14.0)
        .encoder(&["-c:v", "mpeg4", "-q:v", "5"])
        .file("clip.mkv", &[])
        .bytes();
    let video = ann.upload("Growing", "public", &bytes).await;
    heal(&mut site);
    all_is_well(&site, &ann, &video, &bytes).await;
}

#[tokio::test]
#[ignore = "waits for a lease to end, as its neighbour does: make test-full"]
async fn killed_after_a_pieces_object() {
    dies_while_growing("grow.object").await;
}

#[tokio::test]
async fn killed_after_a_pieces_row() {
    dies_while_growing("grow.row").await;
}

#[tokio::test]
#[ignore = "waits for a lease to end, as its neighbour does: make test-full"]
async fn killed_just_after_a_growing_film_was_published() {
    dies_while_growing("grow.published").await;
}

#[tokio::test]
async fn killed_in_mid_part_loses_only_that_part() {
    for place in ["part.mid", "part.before-marker"] {
        let mut site = Site::of(virga()).start();
        let ann = site.register("ann").await;
        let bytes = vec![7; 8 * 1024 * 1024 + 1000];
        let video = ann.draft("Parts", "public").await;
        let upload = ann.open_upload(&video, bytes.len()).await;
        let id = upload["id"].as_str().unwrap();
        let first = ann.part_url(id, 1).await;
        let last = ann.part_url(id, 2).await;
        let _ = ann
            .put(&last, bytes[8 * 1024 * 1024..].to_vec())
            .await
            .expect(204);
        site.kill(Role::Serve);
        site.set("VIRGA_FAILPOINTS", place);
        site.start(Role::Serve);
        let broken = ann
            .request(reqwest::Method::PUT, &first)
            .body(bytes[..8 * 1024 * 1024].to_vec());
        assert!(ann.try_send(broken).await.is_err(), "{place}");
        heal(&mut site);
        let held = ann
            .get(&format!("/api/v1/uploads/{id}/parts"))
            .await
            .expect(200)
            .json();
        assert_eq!(held.as_array().unwrap().len(), 1, "{place}: {held}");
        assert_eq!(
            held[0]["sha256"],
            sha256(&bytes[8 * 1024 * 1024..]),
            "{place}"
        );
        let _ = ann
            .put(&first, bytes[..8 * 1024 * 1024].to_vec())
            .await
            .expect(204);
        let _ = ann
            .post(&format!("/api/v1/uploads/{id}/complete"), json!({}))
            .await
            .expect(202);
        let source = ann.source(&video).await.expect(200);
        assert_eq!(sha256(&source.body), sha256(&bytes), "{place}");
    }
}

#[tokio::test]
async fn killed_after_the_last_part_before_complete() {
    let mut site = Site::of(virga()).start();
    let ann = site.register("ann").await;
    let bytes = clip();
    let video = ann.draft("Parts", "public").await;
    let upload = ann.open_upload(&video, bytes.len()).await;
    ann.send_parts(&upload, &bytes).await;
    site.kill(Role::Serve);
    site.start(Role::Serve);
    let complete = format!(
        "/api/v1/uploads/{}/complete",
        upload["id"].as_str().unwrap()
    );
    let _ = ann.post(&complete, json!({})).await.expect(202);
    all_is_well(&site, &ann, &video, &bytes).await;
}

#[tokio::test]
async fn the_same_part_sent_twice_at_once_is_one_part() {
    let site = Site::of(virga()).start();
    let ann = site.register("ann").await;
    let bytes = clip();
    let video = ann.draft("Twice", "public").await;
    let upload = ann.open_upload(&video, bytes.len()).await;
    let id = upload["id"].as_str().unwrap();
    let url = ann.part_url(id, 1).await;
    let both = tokio::join!(ann.put(&url, bytes.clone()), ann.put(&url, bytes.clone()));
    let statuses = [both.0.status.as_u16(), both.1.status.as_u16()];
    assert!(
        statuses.contains(&204) && statuses.iter().all(|it| [204, 409].contains(it)),
        "{statuses:?}"
    );
    let _ = ann
        .post(&format!("/api/v1/uploads/{id}/complete"), json!({}))
        .await
        .expect(202);
    all_is_well(&site, &ann, &video, &bytes).await;
}

#[tokio::test]
async fn a_part_in_flight_at_complete_is_waited_for_or_refused() {
    let site = Site::of(virga()).start();
    let ann = site.register("ann").await;
    let bytes = vec![9; 8 * 1024 * 1024 + 5];
    let video = ann.draft("Flight", "public").await;
    let upload = ann.open_upload(&video, bytes.len()).await;
    let id = upload["id"].as_str().unwrap().to_owned();
    ann.send_parts(&upload, &bytes).await;
    let url = ann.part_url(&id, 1).await;
    let (sender, body) = slow_body();
    let put = ann
        .request(reqwest::Method::PUT, &url)
        .header("content-length", 8 * 1024 * 1024)
        .body(body);
    let complete = ann.request(
        reqwest::Method::POST,
        &format!("/api/v1/uploads/{id}/complete"),
    );
    // The second half of the part comes only after complete was asked for.
    let feeding = async {
        sender.send(vec![9; 1024 * 1024]).await.unwrap();
        let done = ann.send(complete);
        let rest = async {
            for _ in 1..8 {
                if sender.send(vec![9; 1024 * 1024]).await.is_err() {
                    break;
                }
            }
            drop(sender);
        };
        tokio::join!(done, rest).0
    };
    let (part, done) = tokio::join!(ann.send(put), feeding);
    assert!(
        matches!(
            (part.status.as_u16(), done.status.as_u16()),
            (204, 202 | 409) | (409, 202)
        ),
        "{part:?} {done:?}"
    );
    if done.status == 409 {
        let _ = ann
            .post(&format!("/api/v1/uploads/{id}/complete"), json!({}))
            .await
            .expect(202);
    }
    let source = ann.source(&video).await.expect(200);
    assert_eq!(sha256(&source.body), sha256(&bytes));
}

/// A body whose pieces a test sends when it wants.
pub(crate) fn slow_body() -> (tokio::sync::mpsc::Sender<Vec<u8>>, reqwest::Body) {
    let (sender, receiver) = tokio::sync::mpsc::channel::<Vec<u8>>(1);
    let pieces = futures_util::stream::unfold(receiver, |mut receiver| async move {
        let piece = receiver.recv().await?;
        Some((Ok::<_, std::io::Error>(piece), receiver))
    });
    (sender, reqwest::Body::wrap_stream(pieces))
}

#[tokio::test]
async fn killed_before_a_purge_removes_anything_it_purges_to_the_end() {
    killed_in_mid_purge("purge.fenced").await;
}

#[tokio::test]
async fn killed_after_a_purge_removed_objects_it_purges_to_the_end() {
    killed_in_mid_purge("purge.swept").await;
}

async fn killed_in_mid_purge(place: &str) {
    let mut site = Site::of(virga()).start();
    let ann = site.register("ann").await;
    let video = ann.upload("Gone", "public", &clip()).await;
    ann.wait_for(&video, &["playable", "ready"]).await;
    site.kill(Role::Serve);
    site.set("VIRGA_FAILPOINTS", place);
    site.start(Role::Serve);
    let delete = ann.request(
        reqwest::Method::DELETE,
        &format!("/api/v1/videos/{video}?now=true"),
    );
    let _ = ann.try_send(delete).await;
    heal(&mut site);
    ann.wait_gone(&video).await;
    site.wait_empty().await;
    let (code, report) = site.run(&["fsck"]);
    assert_eq!(code, 0, "{place}: {report}");
}

#[tokio::test]
async fn the_sweeper_completes_what_a_dead_process_was_completing() {
    let mut site = armed("complete.before-rename");
    let ann = site.register("ann").await;
    let bytes = clip();
    let video = ann.draft("Swept", "public").await;
    let upload = ann.open_upload(&video, bytes.len()).await;
    ann.send_parts(&upload, &bytes).await;
    let complete = format!(
        "/api/v1/uploads/{}/complete",
        upload["id"].as_str().unwrap()
    );
    let _ = ann
        .try_send(ann.request(reqwest::Method::POST, &complete))
        .await;
    heal(&mut site);
    all_is_well(&site, &ann, &video, &bytes).await;
}

//! `virga upload`: whole files, through the site and into its bucket, and on where it stopped.

use serde_json::Value;
use std::{
    fs,
    io::{BufRead, BufReader},
    path::PathBuf,
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};
use tempfile::TempDir;
use virga_testkit::{BucketServer, Clip, Person, Site, sha256};

use crate::{
    VIRGA,
    buckets::{PART, long_clip, over},
};

/// Someone's own machine.
struct Desk {
    folder: TempDir,
    site: String,
}

impl Desk {
    fn of(site: &Site, person: &Person) -> Self {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("token"), format!("{}\n", person.token())).unwrap();
        Self {
            folder,
            site: site.url(),
        }
    }

    fn file(&self, name: &str, bytes: &[u8]) -> PathBuf {
        let path = self.folder.path().join(name);
        fs::write(&path, bytes).unwrap();
        path
    }

    #[expect(clippy::disallowed_methods, reason = "the command is what is tested")]
    fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(VIRGA);
        command
            .arg("upload")
            .args(args)
            .args(["--server", &self.site, "--token-file", "token"])
            .current_dir(self.folder.path())
            .env_clear()
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        command
    }

    fn run(&self, args: &[&str]) -> (bool, String, String) {
        let output = self.command(args).output().unwrap();
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        (
            output.status.success(),
            text(&output.stdout),
            text(&output.stderr),
        )
    }
}

/// The video that a line of the command's answer names.
fn video_of(line: &str) -> &str {
    line.trim().rsplit_once("/v/").expect("an address").1
}

async fn is_stored(ann: &Person, video: &str, bytes: &[u8]) -> Value {
    let shown = ann.wait_for(video, &["ready", "failed"]).await;
    let source = ann.source(video).await;
    assert_eq!(sha256(&source.expect(200).body), sha256(bytes));
    shown
}

#[tokio::test(flavor = "multi_thread")]
async fn files_arrive_whole_with_their_titles_and_a_bad_one_stops_no_other() {
    let site = Site::of(VIRGA)
        .set("VIRGA_LIMITS__UPLOAD_MAX", "30000000")
        .start();
    let ann = site.register("ann").await;
    let desk = Desk::of(&site, &ann);
    let (small, large) = (Clip::default().bytes(), long_clip());
    desk.file("Rain on the roof.mp4", &small);
    desk.file("empty.mp4", b"");
    desk.file("large.mp4", &large);
    let (fine, said, complaint) = desk.run(&["Rain on the roof.mp4", "empty.mp4", "large.mp4"]);
    assert!(!fine, "{said}");
    assert!(
        complaint.contains("empty.mp4 was not uploaded: This file is empty."),
        "{complaint}"
    );
    assert!(complaint.contains("1 of 3 files"), "{complaint}");
    let lines: Vec<&str> = said.lines().collect();
    assert_eq!(lines.len(), 2, "{said}");
    let shown = is_stored(&ann, video_of(lines[0]), &small).await;
    assert_eq!(
        (&shown["title"], &shown["visibility"]),
        (&"Rain on the roof".into(), &"private".into())
    );
    is_stored(&ann, video_of(lines[1]), &large).await;
    // The control of the last test here.
    assert!(site.output().contains("/up/"), "its log names the parts");
    let mine = ann.get("/api/v1/users/me/videos").await.expect(200).json();
    assert_eq!(
        mine["items"].as_array().unwrap().len(),
        2,
        "no draft of the empty file is left"
    );

    let (fine, _, complaint) = desk.run(&["absent.mp4"]);
    assert!(!fine && complaint.contains("absent.mp4"), "{complaint}");
    desk.file("token", b"of another life\n");
    let (fine, _, complaint) = desk.run(&["large.mp4"]);
    assert!(!fine && complaint.contains("sign in again"), "{complaint}");
    assert!(!complaint.contains("of another life"), "{complaint}");
}

#[test]
fn who_waits_for_a_site_reads_why_and_for_how_long() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("token"), "a token\n").unwrap();
    let mut desk = Desk {
        folder,
        site: format!("http://127.0.0.1:{}", virga_testkit::free_port()),
    };
    desk.file("talk.mp4", &Clip::default().bytes());
    let mut child = desk.command(&["talk.mp4"]).spawn().unwrap();
    let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
    let first = lines.next().unwrap().unwrap();
    child.kill().unwrap();
    child.wait().unwrap();
    assert!(
        first.contains("Connection refused") && first.contains("trying again in 2 s"),
        "{first}"
    );

    // An address without a scheme is none: nothing is tried.
    desk.site = "127.0.0.1:8080".to_owned();
    let (fine, _, complaint) = desk.run(&["talk.mp4"]);
    let told = "--server \"127.0.0.1:8080\" is not an address such as https://videos.example";
    assert!(!fine && complaint.contains(told), "{complaint}");
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_in_the_middle_it_goes_on_where_it_stopped_and_knows_another_file() {
    let site = Site::of(VIRGA).start();
    let ann = site.register("ann").await;
    let desk = Desk::of(&site, &ann);
    let mut clip = long_clip();
    clip.resize(12 * PART, 5);
    let rest = u32::try_from(clip.len() - 2 * PART).unwrap();
    clip[2 * PART..2 * PART + 4].copy_from_slice(&rest.to_be_bytes());
    clip[2 * PART + 4..2 * PART + 8].copy_from_slice(b"free");
    let path = desk.file("long.mp4", &clip);
    let mut child = desk
        .command(&["long.mp4", "--title", "A long one"])
        .spawn()
        .unwrap();
    let open = first_part(&ann, &mut child).await;
    child.kill().unwrap();
    child.wait().unwrap();
    let id = open["id"].as_str().unwrap();
    let parts = format!("/api/v1/uploads/{id}/parts");
    let before = ann.get(&parts).await.expect(200).json();

    // Other bytes under the same name, size and time.
    let changed = path.metadata().unwrap().modified().unwrap();
    let first = usize::try_from(before[0]["number"].as_u64().unwrap() - 1).unwrap();
    let mut other = clip.clone();
    other[first * PART + 9] ^= 1;
    fs::write(&path, &other).unwrap();
    fs::File::options()
        .write(true)
        .open(&path)
        .unwrap()
        .set_modified(changed)
        .unwrap();
    let (fine, _, complaint) = desk.run(&["long.mp4"]);
    assert!(!fine && complaint.contains("another file"), "{complaint}");

    fs::write(&path, &clip).unwrap();
    fs::File::options()
        .write(true)
        .open(&path)
        .unwrap()
        .set_modified(changed)
        .unwrap();
    let (fine, said, complaint) = desk.run(&["long.mp4"]);
    assert!(fine, "{complaint}");
    assert_eq!(
        video_of(&said),
        open["video_id"].as_str().unwrap(),
        "the same upload"
    );
    let shown = is_stored(&ann, video_of(&said), &clip).await;
    assert_eq!(shown["title"], "A long one");
}

/// Waits until a part of the only upload is held, and the command is still at it.
async fn first_part(ann: &Person, child: &mut Child) -> Value {
    let until = Instant::now() + Duration::from_secs(60);
    loop {
        let open = ann.get("/api/v1/uploads").await.expect(200).json();
        if open[0]["held"].as_u64().unwrap_or(0) > 0 {
            return open[0].clone();
        }
        assert!(child.try_wait().unwrap().is_none(), "it ended too early");
        assert!(Instant::now() < until, "{open}");
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn files_go_into_the_bucket_itself_where_it_can_be_reached() {
    let server = BucketServer::start().await;
    server.bucket("site").await;
    let site = over(&server, "site")
        .set("VIRGA_OBJECTS__PUBLIC_ENDPOINT", &server.url())
        .set("VIRGA_DELIVERY__UPLOADS", "direct")
        .start();
    let ann = site.register("ann").await;
    let desk = Desk::of(&site, &ann);
    let (small, large) = (Clip::default().bytes(), long_clip());
    desk.file("small.mp4", &small);
    desk.file("large.mp4", &large);
    let (fine, said, complaint) = desk.run(&["small.mp4", "large.mp4"]);
    assert!(fine, "{complaint}");
    for (line, bytes) in said.lines().zip([&small, &large]) {
        is_stored(&ann, video_of(line), bytes).await;
    }
    assert!(!site.output().contains("/up/"), "no part came to the site");
}

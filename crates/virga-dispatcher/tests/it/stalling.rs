//! Encoders that hang, and one that works in the sandbox of an older kernel.

use std::{
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    time::Instant,
};

use virga_core::job::{JobKind, JobState};
use virga_dispatcher::DispatcherConfig;

use crate::site::Site;

const FOREIGN: &str = "-f lavfi -i testsrc2=size=320x180:rate=25 -t 1 -c:v mpeg4";

/// A shell script in ffmpeg's place: outside the sandbox, for a shell starts other programs.
pub(crate) fn script(site: &Site, text: &str) -> PathBuf {
    let path = site.folder.path().join("ffmpeg-script");
    std::fs::write(&path, text).unwrap();
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
    path
}

/// A dispatcher that makes this file of an encode no faster than so many seconds of film a second, so that it
/// is caught at it.
pub(crate) fn start_paced(site: &mut Site, file: &str, pace: &str) {
    let text = format!(
        "#!/bin/sh\ncase \"$*\" in *{file}*) exec ffmpeg -readrate {pace} \"$@\";; esac\nexec ffmpeg \"$@\"\n"
    );
    let config = DispatcherConfig {
        ffmpeg: script(site, &text),
        ..DispatcherConfig::default()
    };
    site.start_with(config, open_sandbox());
}

pub(crate) fn open_sandbox() -> Vec<std::ffi::OsString> {
    ["landlock=0", "syscalls=no"].map(Into::into).into()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_encoder_that_hangs_is_killed_in_time_and_tried_again() {
    let mut site = Site::new().await;
    let said = site.folder.path().join("process");
    // Its child would hold the pipes open for a minute after its own end.
    let ffmpeg = script(
        &site,
        &format!(
            "#!/bin/sh\nsleep 60 &\necho $$ >> {}\nwait\n",
            said.display()
        ),
    );
    let mut config = DispatcherConfig {
        ffmpeg,
        ..DispatcherConfig::default()
    };
    config.limits.stall_seconds = 1;
    site.start_with(config, open_sandbox());
    let clip = site.clip(&format!("{FOREIGN} hangs.avi"));
    let began = Instant::now();
    let video = site.add(&clip).await;
    let rung = async || {
        let jobs = site.jobs(video).await;
        jobs.into_iter()
            .find(|job| job.kind() == JobKind::FirstRung)
    };
    site.until(async || rung().await.is_some_and(|job| job.error.is_some()))
        .await;
    let took = began.elapsed().as_secs();
    let job = rung().await.unwrap();
    assert_eq!((job.state, job.attempts), (JobState::Queued, 1));
    assert!(job.error.unwrap().contains("no progress for 1 second"));
    assert!(took < 20, "{took} s");
    let process = std::fs::read_to_string(&said).unwrap();
    let first = process.lines().next().unwrap();
    assert!(!Path::new("/proc").join(first).exists(), "it is gone");
    // The next try finds an encoder that works.
    site.stop().await;
    site.clock.advance(std::time::Duration::from_secs(6));
    site.start(DispatcherConfig::default());
    site.ready(video).await;
    site.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_child_that_holds_the_pipes_open_is_not_waited_for() {
    let mut site = Site::new().await;
    let ffmpeg = script(&site, "#!/bin/sh\nsleep 60 &\nexec ffmpeg \"$@\"\n");
    let config = DispatcherConfig {
        ffmpeg,
        ..DispatcherConfig::default()
    };
    site.start_with(config, open_sandbox());
    let clip = site.clip(&format!("{FOREIGN} held.avi"));
    let began = Instant::now();
    let video = site.add(&clip).await;
    site.ready(video).await;
    let took = began.elapsed().as_secs();
    assert!(took < 30, "{took} s");
    site.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_landlock_of_linux_6_1_suffices_to_encode() {
    let mut site = Site::new().await;
    site.start_with(
        DispatcherConfig::default(),
        vec!["landlock=2".into(), "namespace=no".into()],
    );
    let clip = site.clip(&format!("{FOREIGN} older.avi"));
    let video = site.add(&clip).await;
    site.ready(video).await;
    site.stop().await;
}

//! Leases lost, given back, shared and put off.

use std::collections::BTreeSet;

use virga_core::{
    VideoId,
    job::{JobKind, JobState},
    video::VideoState,
};
use virga_db::{JobRow, jobs};
use virga_dispatcher::DispatcherConfig;

use crate::{
    site::Site,
    stalling::{open_sandbox, script},
};

/// Encodes for long enough to be caught at it.
const LONG: &str = "-f lavfi -i testsrc2=size=1280x720:rate=30 -t 40 -c:v mpeg4 -q:v 4";

async fn job(site: &Site, video: VideoId, kind: JobKind) -> Option<JobRow> {
    let jobs = site.jobs(video).await;
    jobs.into_iter().find(|job| job.kind() == kind)
}

/// Waits until ffmpeg works on the lowest rung.
async fn encoding(site: &Site, video: VideoId) -> JobRow {
    let at_work = async || {
        let Some(job) = job(site, video, JobKind::FirstRung).await else {
            return false;
        };
        let folder = format!("{}-{}", job.id, job.fence);
        job.state == JobState::Leased && site.scratch().join(folder).join("out/rung0.mp4").exists()
    };
    site.until(at_work).await;
    job(site, video, JobKind::FirstRung).await.unwrap()
}

fn scratch_is_empty(site: &Site) -> bool {
    std::fs::read_dir(site.scratch()).unwrap().count() == 0
}

#[tokio::test(flavor = "multi_thread")]
async fn a_job_lost_in_the_middle_changes_nothing() {
    let mut site = Site::at_work().await;
    let clip = site.clip(&format!("{LONG} long.avi"));
    let video = site.add(&clip).await;
    encoding(&site, video).await;
    let row = site.app.cancel_video(video).await.unwrap();
    assert_eq!(
        (row.state, row.failure_code.as_deref()),
        (VideoState::Failed, Some("cancelled"))
    );
    // The poster may have been done just before, and be on its way into the presentation.
    site.until(async || {
        let row = site.row(video).await;
        row.published_version == row.presentation_version
    })
    .await;
    let before = site.row(video).await;
    // The next heartbeat is refused; ffmpeg is killed and its folder goes.
    site.until(async || scratch_is_empty(&site)).await;
    site.stop().await;
    let after = site.row(video).await;
    assert_eq!(before, after);
    assert!(site.tracks(video).await.is_empty());
    let rung = job(&site, video, JobKind::FirstRung).await.unwrap();
    assert_eq!(rung.state, JobState::Failed);
    assert_eq!(rung.error.as_deref(), Some("Processing was stopped."));
    let prefix = format!("a{}-", rung.id);
    let left = site.attempts(video);
    assert!(
        !left.iter().any(|name| name.starts_with(&prefix)),
        "{left:?}"
    );
}

/// A dispatcher whose encoder says something and fails.
#[tokio::test(flavor = "multi_thread")]
async fn what_an_encoder_said_last_is_kept() {
    let mut site = Site::new().await;
    let text = "#!/bin/sh\n\
        case \"$*\" in *rung0*) ;; *) exec ffmpeg \"$@\";; esac\n\
        for n in $(seq 40); do echo \"line $n\" >&2; done\n\
        printf '[x @ 0x56398a6c46c0] it \\033[31mbroke\\n' >&2\nexit 3\n";
    let config = DispatcherConfig {
        ffmpeg: script(&site, text),
        ..DispatcherConfig::default()
    };
    site.start_with(config, open_sandbox());
    let video = site.add(&site.clip(&format!("{LONG} long.avi"))).await;
    let kept = async || job(&site, video, JobKind::FirstRung).await?.encoder_log;
    site.until(async || kept().await.is_some()).await;
    let said = kept().await.unwrap();
    let lines: Vec<&str> = said.lines().collect();
    assert_eq!((lines.len(), lines[0]), (20, "line 22"), "{said}");
    assert_eq!(lines[19], "[x] it [31mbroke");
    site.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stop_gives_the_lease_back_uncounted_and_another_goes_on() {
    let mut site = Site::at_work().await;
    let clip = site.clip(&format!("{LONG} long.avi"));
    let video = site.add(&clip).await;
    let held = encoding(&site, video).await;
    site.stop().await;
    let given = job(&site, video, JobKind::FirstRung).await.unwrap();
    assert_eq!((given.id, given.state), (held.id, JobState::Queued));
    assert_eq!(given.attempts, held.attempts - 1);
    assert!(scratch_is_empty(&site));
    site.start(virga_dispatcher::DispatcherConfig::default());
    let again = encoding(&site, video).await;
    assert_eq!(again.attempts, held.attempts);
    assert!(again.fence > held.fence);
    site.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn two_dispatchers_do_every_job_once() {
    let mut site = Site::at_work().await;
    site.start(virga_dispatcher::DispatcherConfig::default());
    let mut videos = Vec::new();
    for index in 0..4 {
        let safe = "-c:v libx264 -preset ultrafast -pix_fmt yuv420p -g 25 -c:a aac";
        let clip = site.clip(&format!(
            "-f lavfi -i testsrc2=size=854x480:rate=25 -f lavfi -i sine -t 1 {safe} {index}.mp4"
        ));
        videos.push(site.add(&clip).await);
    }
    for video in videos {
        site.ready(video).await;
        let jobs = site.jobs(video).await;
        let kinds: BTreeSet<&str> = jobs.iter().map(|job| job.kind().as_str()).collect();
        assert_eq!(kinds.len(), jobs.len(), "one job of each kind");
        assert!(jobs.iter().all(|job| job.attempts == 1 && job.fence == 1));
        let tracks = site.tracks(video).await;
        let names: BTreeSet<&str> = tracks.iter().map(|track| track.name.as_str()).collect();
        assert_eq!(names.len(), tracks.len());
        // These films have no texts.
        let writes = |job: &&JobRow| job.kind() != JobKind::Texts;
        let writing = jobs.iter().filter(writes);
        let mut wrote: Vec<String> = writing.map(|job| format!("a{}-1", job.id)).collect();
        wrote.sort();
        assert_eq!(
            site.attempts(video),
            wrote,
            "no attempt but those that count"
        );
    }
    site.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_job_without_room_waits_and_says_so() {
    let mut site = Site::new().await;
    let mut config = virga_dispatcher::DispatcherConfig::default();
    // More than is free, less than the whole disk: room may come.
    let disk = rustix::fs::statvfs(site.scratch().parent().unwrap()).unwrap();
    let (free, total) = (disk.f_bavail * disk.f_frsize, disk.f_blocks * disk.f_frsize);
    config.limits.scratch_reserve = free + (total - free) / 2;
    site.start(config);
    let clip = site.clip("-f lavfi -i testsrc2=size=320x180:rate=25 -t 1 -c:v ffv1 a.mkv");
    let video = site.add(&clip).await;
    site.until(async || {
        let jobs = site.jobs(video).await;
        jobs[0].error.is_some()
    })
    .await;
    site.stop().await;
    let waiting = job(&site, video, JobKind::Probe).await.unwrap();
    assert_eq!((waiting.state, waiting.attempts), (JobState::Queued, 0));
    assert!(waiting.error.unwrap().contains("MiB left"));
    site.start(virga_dispatcher::DispatcherConfig::default());
    site.clock.advance(std::time::Duration::from_secs(31));
    site.ready(video).await;
    site.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_no_scratch_disk_of_this_size_can_hold_is_refused() {
    let mut site = Site::new().await;
    let mut config = virga_dispatcher::DispatcherConfig::default();
    config.limits.scratch_reserve = u64::MAX / 2;
    site.start(config);
    let clip = site.clip("-f lavfi -i testsrc2=size=320x180:rate=25 -t 1 -c:v ffv1 a.mkv");
    let video = site.add(&clip).await;
    let row = site.settled(video).await;
    assert_eq!(row.failure_code.as_deref(), Some("scratch_too_small"));
    site.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn scratch_of_dead_workers_goes_and_that_of_others_stays() {
    let mut site = Site::new().await;
    let stale = site.scratch().join("4711-3");
    let foreign = site.scratch().join("notes");
    std::fs::create_dir_all(&stale).unwrap();
    std::fs::create_dir_all(&foreign).unwrap();
    site.start(virga_dispatcher::DispatcherConfig::default());
    site.until(async || !stale.exists()).await;
    assert!(foreign.exists());
    site.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_job_whose_worker_dies_each_time_is_given_up_and_leaves_nothing() {
    let mut site = Site::new().await;
    let clip = site.clip("-f lavfi -i testsrc2=size=320x180:rate=25 -t 1 -c:v ffv1 a.mkv");
    let video = site.add(&clip).await;
    let mut left = Vec::new();
    for _ in 0..JobKind::Probe.max_attempts() {
        let claim = jobs::Claim {
            worker: "dead",
            kinds: &[JobKind::Probe],
            now: site.app.clock.now(),
        };
        let dead = jobs::claim(&site.app.db, &jobs::Queue::default(), claim)
            .await
            .unwrap()
            .unwrap();
        let object = site.path(format!("v/{video}/a{}-{}/src.json", dead.id, dead.fence));
        std::fs::create_dir_all(object.parent().unwrap()).unwrap();
        std::fs::write(&object, b"{}").unwrap();
        left.push(object);
        site.clock.advance(virga_core::job::LEASE);
    }
    site.start(virga_dispatcher::DispatcherConfig::default());
    let row = site.settled(video).await;
    assert_eq!(row.state, VideoState::Failed);
    assert_eq!(row.failure_code.as_deref(), Some("gave_up"));
    assert!(row.failure.unwrap().contains("5 times"));
    site.until(async || left.iter().all(|object| !object.exists()))
        .await;
    site.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_dead_worker_wrote_goes_when_its_job_is_taken_up() {
    let mut site = Site::new().await;
    let clip = site.clip("-f lavfi -i testsrc2=size=320x180:rate=25 -t 1 -c:v ffv1 a.mkv");
    let video = site.add(&clip).await;
    // A worker claims the probe, writes an object and dies.
    let claim = jobs::Claim {
        worker: "dead",
        kinds: &[JobKind::Probe],
        now: site.app.clock.now(),
    };
    let dead = jobs::claim(&site.app.db, &jobs::Queue::default(), claim)
        .await
        .unwrap()
        .unwrap();
    let left = site.path(format!("v/{video}/a{}-{}/src.json", dead.id, dead.fence));
    std::fs::create_dir_all(left.parent().unwrap()).unwrap();
    std::fs::write(&left, b"{}").unwrap();
    site.clock.advance(virga_core::job::LEASE);
    site.start(virga_dispatcher::DispatcherConfig::default());
    site.ready(video).await;
    assert!(!left.exists());
    let probe = job(&site, video, JobKind::Probe).await.unwrap();
    assert_eq!((probe.state, probe.attempts), (JobState::Done, 2));
    site.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_first_rung_does_not_wait_behind_the_ladder_of_another_film() {
    let mut site = Site::at_work().await;
    // Its first rung is quick, the rungs above take long.
    let long =
        site.clip("-f lavfi -i testsrc2=size=1920x1080:rate=30 -t 8 -c:v mpeg4 -q:v 4 long.avi");
    let film = site.add(&long).await;
    site.until(async || {
        let ladder = job(&site, film, JobKind::Ladder).await;
        ladder.is_some_and(|job| job.state == JobState::Leased)
    })
    .await;
    let short = site.clip("-f lavfi -i testsrc2=size=320x180:rate=25 -t 1 -c:v ffv1 short.mkv");
    let video = site.add(&short).await;
    site.ready(video).await;
    let ladder = job(&site, film, JobKind::Ladder).await.unwrap();
    assert_eq!(ladder.state, JobState::Leased, "it still encodes");
    site.stop().await;
}

//! Who has used up what an account may waits; nobody else does, and nothing is refused.

use std::{fs, path::Path, time::Duration};

use virga_app::Policy;
use virga_core::{
    OsEntropy, UserId, VideoId,
    job::{JobKind, JobState},
};
use virga_dispatcher::DispatcherConfig;

use crate::site::Site;

/// Two rungs, neither of which the source replaces.
const CLIP: &str = "-f lavfi -i testsrc2=s=640x480:d=2 -c:v mpeg4 clip.avi";

/// The code of what the last job of this kind waits for.
async fn waits_for(site: &Site, video: VideoId, kind: JobKind) -> Option<String> {
    let jobs = site.jobs(video).await;
    let job = jobs.into_iter().rev().find(|job| job.kind() == kind)?;
    (job.state == JobState::Queued)
        .then_some(job.error_code)
        .flatten()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_account_that_used_its_time_waits_a_day_and_others_do_not() {
    let mut site = Site::new().await;
    site.app.policy.set(Policy {
        encoder_time_per_user: Duration::from_millis(1),
        ..Policy::default()
    });
    site.start(DispatcherConfig::default());
    let [greedy, other] = [(); 2].map(|()| UserId::random(&OsEntropy));
    let first = site.add_for(greedy, &site.clip(CLIP)).await;
    site.until(async || {
        waits_for(&site, first, JobKind::Ladder).await.as_deref() == Some("encoder_time")
    })
    .await;
    assert_eq!(site.rungs(first).await.len(), 1, "it plays all the same");
    let second = site.add_for(greedy, &site.clip(CLIP)).await;
    site.until(async || waits_for(&site, second, JobKind::FirstRung).await.is_some())
        .await;
    let theirs = site.add_for(other, &site.clip(CLIP)).await;
    // Their ladder waits as well now. What is put off from here on would wait by the later clock.
    site.until(async || waits_for(&site, theirs, JobKind::Ladder).await.is_some())
        .await;
    assert_eq!(site.rungs(theirs).await.len(), 1);
    assert_eq!(site.rungs(second).await.len(), 0);
    site.app.policy.set(Policy::default());
    site.clock.advance(Duration::from_secs(25 * 3600));
    site.app.wake.jobs.notify();
    for video in [first, second, theirs] {
        site.ready(video).await;
        assert_eq!(site.rungs(video).await.len(), 2);
    }
    site.stop().await;
}

/// Total size of a video's objects on disk, without the presentation, which is rewritten often.
fn on_disk(folder: &Path) -> u64 {
    let mut bytes = 0;
    for entry in fs::read_dir(folder).unwrap() {
        let entry = entry.unwrap();
        let meta = entry.metadata().unwrap();
        if meta.is_dir() {
            bytes += on_disk(&entry.path());
        } else if entry.file_name() != "presentation.json" {
            bytes += meta.len();
        }
    }
    bytes
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_made_counts_and_a_full_account_gets_no_more_than_plays() {
    let mut site = Site::new().await;
    let clip = site.clip(CLIP);
    site.app.policy.set(Policy {
        quota_per_user: clip.metadata().unwrap().len() + 1,
        ..Policy::default()
    });
    site.start(DispatcherConfig::default());
    let owner = UserId::random(&OsEntropy);
    let video = site.add_for(owner, &clip).await;
    site.until(async || {
        waits_for(&site, video, JobKind::Ladder).await.as_deref() == Some("quota_used")
    })
    .await;
    assert_eq!(site.rungs(video).await.len(), 1, "it plays all the same");
    site.app.policy.set(Policy::default());
    site.clock.advance(Duration::from_secs(301));
    site.app.wake.jobs.notify();
    site.ready(video).await;
    assert_eq!(site.rungs(video).await.len(), 2);
    // The pieces of the track that grew are not counted, and go.
    site.clock.advance(Duration::from_secs(25 * 3600));
    site.app.sweep().await.unwrap();
    let used = site.app.used_bytes(owner).await.unwrap();
    assert_eq!(used, on_disk(&site.path(format!("v/{video}"))));
    site.stop().await;
}

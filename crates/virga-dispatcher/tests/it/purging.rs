//! A deleted video is really gone.

use virga_core::{
    Clock as _,
    job::{Job, JobState, LEASE},
};
use virga_db::{JobRow, jobs, videos};

use crate::site::Site;

#[tokio::test(flavor = "multi_thread")]
async fn a_purge_removes_every_object_and_row() {
    let mut site = Site::at_work().await;
    let clip = |name: &str| {
        site.clip(&format!(
            "-f lavfi -i testsrc2=size=640x360:rate=25 -f lavfi -i sine -t 2 -c:v libx264 \
             -preset veryfast -pix_fmt yuv420p -c:a aac {name}"
        ))
    };
    let (gone, kept) = (clip("gone.mp4"), clip("kept.mp4"));
    let (gone, kept) = (site.add(&gone).await, site.add(&kept).await);
    let row = site.ready(gone).await;
    site.ready(kept).await;
    site.app.delete_video(&row, true).await.unwrap();
    // A worker that lost its lease may still write until the second look.
    let late = site.path(format!("v/{gone}/a99-1/late.cmaf"));
    site.until(async || !site.path(format!("v/{gone}")).exists())
        .await;
    std::fs::create_dir_all(late.parent().unwrap()).unwrap();
    std::fs::write(&late, b"late").unwrap();
    let waiting = async || {
        let jobs = jobs::of_video(site.app.db.read(), gone).await.unwrap();
        jobs.iter().any(|job| job.job == Job::Purge { swept: true })
    };
    site.until(waiting).await;
    // Only while the job waits: a clock that runs on would end the lease under a worker on a busy
    // machine, again and again.
    let closed = async || {
        let jobs = jobs::of_video(site.app.db.read(), gone).await.unwrap();
        let now = site.clock.now();
        let waits = |job: &JobRow| job.state == JobState::Queued && job.run_at > now;
        if jobs.iter().any(waits) {
            site.clock.advance(LEASE);
        }
        let row = videos::find(site.app.db.read(), gone).await.unwrap();
        row.is_none()
    };
    site.until(closed).await;
    assert!(!site.path(format!("v/{gone}")).exists());
    assert!(site.tracks(gone).await.is_empty());
    assert_eq!(site.tracks(kept).await.len(), 2);
    assert!(site.path(format!("v/{kept}")).exists());
    site.stop().await;
}

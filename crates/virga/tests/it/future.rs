//! A running site whose tables a later release writes too: what that wrote breaks no answer, and goes
//! with its video.

use sea_orm::ConnectionTrait;
use std::time::Duration;
use virga_core::{Clock, SystemClock, job::Job};
use virga_db::{Db, jobs};
use virga_testkit::Site;

use crate::VIRGA;

#[tokio::test]
async fn words_of_a_later_release_break_no_answer() {
    let site = Site::of(VIRGA).start();
    let ann = site.register("ann").await;
    let root = site.administrator().await;
    let video = ann.playable("Rain", "public").await;
    let _ = ann.wait_for(&video, &["ready"]).await;

    let db = Db::open_sqlite(&site.data().join("virga.sqlite"))
        .await
        .unwrap();
    let now = SystemClock.now();
    // Not due before it is changed.
    let later = now.plus(Duration::from_secs(600));
    for job in [Job::Poster, Job::Ladder { whole: false }] {
        jobs::enqueue(db.write(), &job, video.parse().unwrap(), later, now)
            .await
            .unwrap();
    }
    for statement in [
        "UPDATE jobs SET kind = 'hologram' WHERE kind = 'poster' AND state = 'queued'",
        "UPDATE jobs SET state = 'paused' WHERE kind = 'ladder' AND state = 'queued'",
        &format!(
            "INSERT INTO tracks (video_id, name, kind, position, height, table_key) \
             VALUES ('{video}', 'pieces', 'video', 9, 240, 'v/t')"
        ),
    ] {
        db.write().execute_unprepared(statement).await.unwrap();
    }

    let path = format!("/api/v1/videos/{video}");
    for (who, path) in [
        (&ann, path.as_str()),
        (&ann, "/api/v1/users/me/videos"),
        (&root, "/api/v1/admin/jobs"),
        (&root, "/api/v1/admin/storage"),
        (&ann, "/my/videos"),
    ] {
        let _ = who.get(path).await.expect(200);
    }
    let stranger = site.stranger();
    let playback = stranger.playback(&video).await;
    let urls = stranger.media_urls(playback["hls"].as_str().unwrap()).await;
    for url in &urls {
        let _ = stranger.get(url).await.expect(200);
    }
    let _ = ann.delete(&format!("{path}?now=true")).await.expect(200);
    ann.wait_gone(&video).await;
    site.wait_empty().await;
}

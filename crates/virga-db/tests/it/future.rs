//! Rows of a later release: this one passes over what it does not know, and undoes none of it.

use sea_orm::ConnectionTrait;
use std::time::Duration;
use virga_core::{
    Clock, Code,
    job::JobKind,
    permission::Role,
    reason::Reason,
    upload::UploadState,
    video::{VideoState, Visibility},
};
use virga_db::{accounts, jobs, tracks, uploads, videos};

use crate::store::{Store, key};

async fn run(store: &Store, sql: &str) {
    store.db.write().execute_unprepared(sql).await.unwrap();
}

pub(crate) async fn a_job_of_a_later_release_is_open_and_nobody_here_takes_it(store: &Store) {
    let (db, now) = (&store.db, store.clock.now());
    for (kind, state) in [("hologram", "queued"), ("probe", "paused")] {
        let video = store.video("Rain").await;
        videos::set_source(db.write(), video, &key(video), 1)
            .await
            .unwrap();
        store.enqueue(JobKind::Probe, video).await;
        run(
            store,
            &format!(
                "UPDATE jobs SET kind = '{kind}', state = '{state}' WHERE video_id = '{video}'"
            ),
        )
        .await;
        assert!(jobs::of_video(db.read(), video).await.unwrap().is_empty());
        assert!(
            jobs::of_videos(db.read(), &[video])
                .await
                .unwrap()
                .is_empty()
        );
        assert_eq!(store.state(video).await, VideoState::Processing);
        assert_eq!(store.claim().await, None);
        // Who deletes the video ends it all the same.
        let tx = db.begin().await.unwrap();
        let why = Reason::new(Code::Cancelled, "The video was deleted.");
        let ended = jobs::fence_video(&tx, video, &why, now).await.unwrap();
        assert_eq!(ended, 1);
        tx.commit().await.unwrap();
        assert!(!jobs::any_open(db.read(), video).await.unwrap());
    }
}

pub(crate) async fn a_payload_of_a_later_release_is_passed_over(store: &Store) {
    let video = store.video("Rain").await;
    store.enqueue(JobKind::Probe, video).await;
    run(store, "UPDATE jobs SET payload = '[1]'").await;
    assert!(
        jobs::of_video(store.db.read(), video)
            .await
            .unwrap()
            .is_empty()
    );
    assert!(store.claim().await.is_none());
    assert!(jobs::any_open(store.db.read(), video).await.unwrap());
}

pub(crate) async fn the_scratch_of_a_later_releases_job_is_held(store: &Store) {
    let (db, now) = (&store.db, store.clock.now());
    let video = store.video("Rain").await;
    store.enqueue(JobKind::Probe, video).await;
    let job = store.claim().await.unwrap();
    let held = async |fence| jobs::is_held(db.read(), job.id, fence, now).await.unwrap();
    assert!(held(job.fence).await && !held(job.fence + 1).await);
    run(store, "UPDATE jobs SET kind = 'hologram'").await;
    assert!(held(job.fence).await);
    run(store, "UPDATE jobs SET state = 'done'").await;
    assert!(!held(job.fence).await);
}

pub(crate) async fn tracks_of_a_later_release_play_and_are_told_apart(store: &Store) {
    let db = &store.db;
    let video = store.video("Rain").await;
    videos::set_source(db.write(), video, &key(video), 1)
        .await
        .unwrap();
    for (name, kind) in [("pieces", "video"), ("words", "text")] {
        run(
            store,
            &format!(
                "INSERT INTO tracks (video_id, name, kind, position, height, table_key) \
                 VALUES ('{video}', '{name}', '{kind}', 1, 360, 'v/t')"
            ),
        )
        .await;
    }
    let tracks = tracks::all_of_video(db.read(), video).await.unwrap();
    assert!(tracks.known.is_empty());
    assert_eq!(tracks.unknown, ["pieces", "words"]);
    assert_eq!(store.state(video).await, VideoState::Ready);
}

pub(crate) async fn words_of_a_later_release_are_read_with_care(store: &Store) {
    let db = &store.db;
    let video = store.video("Rain").await;
    let upload = store.upload(video);
    uploads::insert(db.write(), &upload, "", store.clock.now())
        .await
        .unwrap();
    run(
        store,
        &format!("UPDATE videos SET visibility = 'members', state = 'scheduled', publish_as = 'members' WHERE id = '{video}'"),
    )
    .await;
    let row = videos::find(db.read(), video).await.unwrap().unwrap();
    assert_eq!(row.visibility, Visibility::Private);
    assert_eq!(row.state, VideoState::Processing);
    assert_eq!(row.publish_as, None);
    run(store, "UPDATE uploads SET state = 'verifying'").await;
    let open = uploads::open_of_video(db.read(), video).await.unwrap();
    let open = open.unwrap();
    assert_eq!((open.id, open.state), (upload.id, UploadState::Completing));
    let later = store.clock.now().plus(Duration::from_secs(1 << 30));
    assert!(
        uploads::stale(db.read(), later, 9)
            .await
            .unwrap()
            .is_empty()
    );
    run(store, "UPDATE users SET role = 'moderator'").await;
    let user = accounts::by_id(db.read(), store.owner).await.unwrap();
    assert_eq!(user.unwrap().role, Role::User);
}

//! Tracks that play while they are made.

use virga_core::{
    Clock, MediaKey, VideoId,
    job::{JobKind, LEASE},
    video::VideoState,
};
use virga_db::{GrowingRow, JobRow, PieceRow, TrackRowKind, growing, videos};

use crate::store::Store;

fn row(job: &JobRow, name: &str, kind: TrackRowKind) -> GrowingRow {
    GrowingRow {
        video: job.video,
        name: name.to_owned(),
        job: job.id,
        kind,
        rung: None,
        position: 1,
        height: 360,
        head: "{}".to_owned(),
        expected_at: None,
        published_at: None,
        ended_at: None,
    }
}

fn piece(job: &JobRow, name: &str, n: u32) -> PieceRow {
    let prefix = MediaKey::growing(job.video, job.id, name);
    PieceRow {
        n,
        fence: job.fence,
        object: MediaKey::piece(&prefix, n, job.fence).unwrap(),
        segments: vec![(180_000, 1234), (90_000, 77)],
    }
}

async fn add(store: &Store, job: &JobRow, name: &str, n: u32) -> bool {
    let tx = store.db.begin().await.unwrap();
    let piece = piece(job, name, n);
    let added = growing::add_piece(&tx, job, name, &piece, store.clock.now()).await;
    tx.commit().await.unwrap();
    added.unwrap()
}

async fn begin(store: &Store, job: &JobRow, row: &GrowingRow) -> bool {
    let tx = store.db.begin().await.unwrap();
    let begun = growing::begin(&tx, job, row, store.clock.now()).await;
    tx.commit().await.unwrap();
    begun.unwrap()
}

pub(crate) async fn a_piece_is_there_when_its_row_is_and_the_worker_still_has_the_job(
    store: &Store,
) {
    let video = store.video("Rain").await;
    store.enqueue(JobKind::FirstRung, video).await;
    let frozen = store.claim().await.unwrap();
    let track = row(&frozen, "360p-1", TrackRowKind::Video);
    assert!(begin(store, &frozen, &track).await);
    assert!(add(store, &frozen, "360p-1", 0).await);
    assert!(add(store, &frozen, "360p-1", 1).await);

    // The worker is frozen for longer than its lease, so another one takes over.
    store.clock.advance(LEASE * 2);
    let next = store.claim().await.unwrap();
    assert_eq!((next.id, next.fence), (frozen.id, frozen.fence + 1));
    assert!(begin(store, &next, &row(&next, "360p-1", TrackRowKind::Video)).await);
    assert!(add(store, &next, "360p-1", 2).await);

    // Woken, it can add nothing and begin nothing.
    assert!(!add(store, &frozen, "360p-1", 2).await);
    assert!(!add(store, &frozen, "360p-1", 3).await);
    assert!(!begin(store, &frozen, &row(&frozen, "new", TrackRowKind::Video)).await);
    let tx = store.db.begin().await.unwrap();
    let now = store.clock.now();
    assert!(!growing::publish(&tx, &frozen, now).await.unwrap());
    tx.commit().await.unwrap();

    let rows = growing::of_video(store.db.read(), video).await.unwrap();
    assert_eq!(rows, [track]);
    let pieces = growing::pieces(store.db.read(), video, "360p-1")
        .await
        .unwrap();
    let expected = [
        piece(&frozen, "360p-1", 0),
        piece(&frozen, "360p-1", 1),
        piece(&next, "360p-1", 2),
    ];
    assert_eq!(pieces, expected);
}

async fn state(store: &Store, video: VideoId) -> VideoState {
    let tx = store.db.begin().await.unwrap();
    let now = store.clock.now();
    let row = videos::recompute_state(&tx, video, now).await.unwrap();
    tx.commit().await.unwrap();
    row.unwrap().state
}

pub(crate) async fn a_track_plays_while_it_grows_and_no_longer_once_it_ended(store: &Store) {
    let (db, video) = (&store.db, store.video("Rain").await);
    videos::set_source(db.write(), video, &crate::store::key(video), 9)
        .await
        .unwrap();
    store.enqueue(JobKind::FirstRung, video).await;
    let job = store.claim().await.unwrap();
    for (name, kind) in [
        ("360p-1", TrackRowKind::Video),
        ("audio-1", TrackRowKind::Audio),
    ] {
        assert!(begin(store, &job, &row(&job, name, kind)).await);
        assert!(add(store, &job, name, 0).await);
    }
    assert_eq!(state(store, video).await, VideoState::Processing);
    let at = store.clock.now();
    growing::expect(db.write(), &job, at.plus(LEASE))
        .await
        .unwrap();
    let tx = db.begin().await.unwrap();
    assert!(growing::publish(&tx, &job, at).await.unwrap());
    assert!(!growing::publish(&tx, &job, at).await.unwrap(), "once");
    tx.commit().await.unwrap();
    assert_eq!(state(store, video).await, VideoState::Playable);
    let rows = growing::of_video(db.read(), video).await.unwrap();
    assert!(rows.iter().all(GrowingRow::is_presented));
    assert!(
        rows.iter()
            .all(|row| row.expected_at == Some(at.plus(LEASE)))
    );

    let none = growing::abandoned(db.read(), 9).await.unwrap();
    assert!(none.is_empty(), "its job is at work");
    growing::end(db.write(), &job, at).await.unwrap();
    assert_eq!(state(store, video).await, VideoState::Processing);
    let none = growing::ended_before(db.read(), at, 9).await.unwrap();
    assert!(none.is_empty());
    let ended = growing::ended_before(db.read(), at.plus(LEASE), 9)
        .await
        .unwrap();
    assert_eq!(ended.len(), 2);
    growing::remove(db.write(), &ended[0]).await.unwrap();
    let left = growing::of_video(db.read(), video).await.unwrap();
    assert_eq!(left, [ended[1].clone()]);
    let gone = growing::pieces(db.read(), video, &ended[0].name)
        .await
        .unwrap();
    assert!(gone.is_empty());
    // What a job that is over did not end is found.
    assert!(begin(store, &job, &row(&job, "480p-1", TrackRowKind::Video)).await);
    let tx = db.begin().await.unwrap();
    videos::lock(&tx, video).await.unwrap();
    assert!(virga_db::jobs::finish(&tx, &job, at).await.unwrap());
    tx.commit().await.unwrap();
    let abandoned = growing::abandoned(db.read(), 9).await.unwrap();
    assert_eq!(abandoned.len(), 1);
    assert_eq!(abandoned[0].name, "480p-1");
    growing::remove_all(db.write(), video).await.unwrap();
    assert!(
        growing::of_video(db.read(), video)
            .await
            .unwrap()
            .is_empty()
    );
}

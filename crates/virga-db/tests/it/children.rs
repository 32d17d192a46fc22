//! Jobs of jobs: the last child to end enqueues what follows, one that fails ends all.

use futures_util::future::join_all;
use sea_orm::ConnectionTrait;
use virga_core::{
    Clock, Code, VideoId,
    job::{Job, JobKind, JobState},
    reason::Reason,
};
use virga_db::{DbError, JobRow, jobs, retried, videos};

use crate::store::Store;

/// Jobs of this state, oldest first.
async fn kinds(store: &Store, video: VideoId, state: JobState) -> Vec<JobKind> {
    let rows = jobs::of_video(store.db.read(), video).await.unwrap();
    let of = rows.iter().filter(|row| row.state == state);
    of.map(JobRow::kind).collect()
}

/// Leaves a claimed job to children, in a transaction of its own.
async fn split(store: &Store, parent: &JobRow, children: &[Job], then: &Job) {
    let tx = store.db.begin().await.unwrap();
    videos::lock(&tx, parent.video).await.unwrap();
    let now = store.clock.now();
    assert!(jobs::split(&tx, parent, children, then, now).await.unwrap());
    tx.commit().await.unwrap();
}

async fn finish(store: &Store, job: &JobRow) {
    retried(|| async {
        let tx = store.db.begin().await?;
        videos::lock(&tx, job.video).await?;
        assert!(jobs::finish(&tx, job, store.clock.now()).await?);
        tokio::task::yield_now().await;
        Ok::<_, DbError>(tx.commit().await?)
    })
    .await
    .unwrap();
}

async fn fail(store: &Store, job: &JobRow) -> Vec<JobKind> {
    let why = Reason::new(virga_core::Code::Damaged, "It is damaged.");
    let tx = store.db.begin().await.unwrap();
    videos::lock(&tx, job.video).await.unwrap();
    let kinds = jobs::fail(&tx, job, &why, store.clock.now()).await.unwrap();
    tx.commit().await.unwrap();
    kinds
}

/// A ladder that waits for two children, both claimed.
async fn parted(store: &Store, video: VideoId) -> (JobRow, [JobRow; 2]) {
    store.enqueue(JobKind::Ladder, video).await;
    let parent = store.claim().await.unwrap();
    split(store, &parent, &[Job::Poster, Job::Package], &Job::Fallback).await;
    let pair = [store.claim().await.unwrap(), store.claim().await.unwrap()];
    assert_eq!(
        pair.each_ref().map(JobRow::kind),
        [JobKind::Poster, JobKind::Package]
    );
    assert!(
        store.claim().await.is_none(),
        "a parent that waits is not taken"
    );
    (parent, pair)
}

pub(crate) async fn of_two_children_that_end_at_once_one_enqueues_what_follows(store: &Store) {
    for _ in 0..5 {
        let video = store.video("Rain").await;
        let (parent, pair) = parted(store, video).await;
        let below = jobs::children(store.db.read(), parent.id).await.unwrap();
        assert_eq!(
            below.iter().map(|row| row.id).collect::<Vec<_>>(),
            pair.each_ref().map(|row| row.id)
        );
        assert_eq!(
            kinds(store, video, JobState::Waiting).await,
            [JobKind::Ladder]
        );
        join_all(pair.iter().map(|job| finish(store, job))).await;
        assert_eq!(kinds(store, video, JobState::Waiting).await, []);
        assert_eq!(
            kinds(store, video, JobState::Queued).await,
            [JobKind::Fallback]
        );
        assert_eq!(
            kinds(store, video, JobState::Done).await,
            [JobKind::Ladder, JobKind::Poster, JobKind::Package]
        );
        // The next ladder is not held up by the one that is over.
        store.enqueue(JobKind::Ladder, video).await;
        let follow = store.claim().await.unwrap();
        finish(store, &follow).await;
        let again = store.claim().await.unwrap();
        assert_eq!(again.kind(), JobKind::Ladder);
        split(store, &again, &[], &Job::Package).await;
        assert_eq!(
            kinds(store, video, JobState::Queued).await,
            [JobKind::Package]
        );
        let last = store.claim().await.unwrap();
        finish(store, &last).await;
    }
}

pub(crate) async fn a_child_that_fails_ends_its_parent_and_its_siblings(store: &Store) {
    let video = store.video("Rain").await;
    let (parent, [poster, package]) = parted(store, video).await;
    assert_eq!(
        fail(store, &poster).await,
        [JobKind::Poster, JobKind::Ladder]
    );
    let rows = jobs::of_video(store.db.read(), video).await.unwrap();
    assert_eq!(rows.len(), 3);
    for row in &rows {
        assert_eq!(
            (row.state, row.error_code.as_deref()),
            (JobState::Failed, Some("damaged"))
        );
    }
    let (db, now) = (store.db.write(), store.clock.now());
    assert!(
        !jobs::heartbeat(db, package.id, package.fence, 1, now)
            .await
            .unwrap()
    );
    assert!(!jobs::finish(db, &package, now).await.unwrap());
    assert_eq!(kinds(store, video, JobState::Queued).await, []);
    // It can be tried again, and its children are others.
    store.enqueue(JobKind::Ladder, video).await;
    let again = store.claim().await.unwrap();
    assert_ne!(again.id, parent.id);
    split(store, &again, &[Job::Poster], &Job::Fallback).await;
    let child = store.claim().await.unwrap();
    finish(store, &child).await;
    assert_eq!(
        kinds(store, video, JobState::Queued).await,
        [JobKind::Fallback]
    );
}

pub(crate) async fn a_child_in_its_parents_place_ends_the_grandparent(store: &Store) {
    let video = store.video("Rain").await;
    store.enqueue(JobKind::Probe, video).await;
    let top = store.claim().await.unwrap();
    split(store, &top, &[Job::Ladder { whole: false }], &Job::Poster).await;
    let middle = store.claim().await.unwrap();
    split(store, &middle, &[Job::Package], &Job::Fallback).await;
    let bottom = store.claim().await.unwrap();
    finish(store, &bottom).await;
    assert_eq!(
        kinds(store, video, JobState::Waiting).await,
        [JobKind::Probe]
    );
    let join = store.claim().await.unwrap();
    assert_eq!(
        (join.kind(), join.parent),
        (JobKind::Fallback, Some(top.id))
    );
    finish(store, &join).await;
    assert_eq!(kinds(store, video, JobState::Waiting).await, []);
    assert_eq!(
        kinds(store, video, JobState::Queued).await,
        [JobKind::Poster]
    );
    let poster = store.claim().await.unwrap();
    finish(store, &poster).await;

    let video = store.video("Snow").await;
    store.enqueue(JobKind::Probe, video).await;
    let top = store.claim().await.unwrap();
    split(
        store,
        &top,
        &[Job::Ladder { whole: false }, Job::FirstRung],
        &Job::Poster,
    )
    .await;
    let first = store.claim().await.unwrap();
    let ladder = store.claim().await.unwrap();
    split(store, &ladder, &[Job::Package], &Job::Fallback).await;
    assert_eq!(
        fail(store, &first).await,
        [JobKind::FirstRung, JobKind::Probe]
    );
    let rows = jobs::of_video(store.db.read(), video).await.unwrap();
    assert_eq!(rows.len(), 4);
    assert!(
        rows.iter().all(|row| row.state == JobState::Failed),
        "{rows:?}"
    );
}

pub(crate) async fn deletion_ends_parents_and_children(store: &Store) {
    let video = store.video("Rain").await;
    let (_, [poster, _]) = parted(store, video).await;
    let tx = store.db.begin().await.unwrap();
    videos::lock(&tx, video).await.unwrap();
    let why = Reason::new(Code::Cancelled, "The video was deleted.");
    jobs::fence_video(&tx, video, &why, store.clock.now())
        .await
        .unwrap();
    tx.commit().await.unwrap();
    assert!(!jobs::any_open(store.db.read(), video).await.unwrap());
    let now = store.clock.now();
    assert!(!jobs::finish(store.db.write(), &poster, now).await.unwrap());
    assert_eq!(kinds(store, video, JobState::Queued).await, []);
}

pub(crate) async fn a_follow_up_of_a_later_release_is_enqueued_as_it_stands(store: &Store) {
    let video = store.video("Rain").await;
    let (_, pair) = parted(store, video).await;
    let later = format!(
        "UPDATE jobs SET follow_up = '{{\"kind\":\"join\",\"payload\":\"{{}}\",\"open_key\":\"join/{video}\",\
         \"priority\":20,\"since\":9}}' WHERE kind = 'ladder'"
    );
    store.db.write().execute_unprepared(&later).await.unwrap();
    for job in &pair {
        finish(store, job).await;
    }
    assert!(
        store.claim().await.is_none(),
        "its own release has workers for it"
    );
    assert!(jobs::any_open(store.db.read(), video).await.unwrap());
    run_as_join(store, video).await;
}

/// What was enqueued is there whole, under its own kind.
async fn run_as_join(store: &Store, video: VideoId) {
    let known = "UPDATE jobs SET kind = 'fallback' WHERE kind = 'join'";
    store.db.write().execute_unprepared(known).await.unwrap();
    assert_eq!(
        kinds(store, video, JobState::Queued).await,
        [JobKind::Fallback]
    );
}

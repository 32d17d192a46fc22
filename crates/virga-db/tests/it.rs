//! The store suite: what every database must do. It takes an open [`Db`]; here it runs on SQLite.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::{collections::HashSet, time::Duration};
use virga_core::{
    Clock, FakeClock, OsEntropy, Timestamp, UploadId, UserId, VideoId,
    job::{JobKind, LEASE},
    permission::Role,
    upload::UploadState,
    video::{VideoState, Visibility},
    wire::{Effect, Sort},
};
use virga_db::{
    Db, DbError, TrackBytes, TrackKind, TrackRow, UploadRow,
    accounts::{self, UserRow},
    changes,
    jobs::{self, Claim},
    settings, tracks, uploads,
    videos::{self, Listing, NewVideoRow},
    views::{self, ViewMark},
};

struct Store {
    db: Db,
    clock: FakeClock,
    owner: UserId,
    _folder: tempfile::TempDir,
}

impl Store {
    async fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let db = Db::open_sqlite(&folder.path().join("a.sqlite"))
            .await
            .unwrap();
        db.migrate().await.unwrap();
        assert_eq!(db.pending_migrations().await.unwrap(), 0);
        let clock = FakeClock::new();
        let owner = UserId::random(&OsEntropy);
        let user = account(owner, "Ann", clock.now());
        accounts::insert(db.write(), &user).await.unwrap();
        Self {
            db,
            clock,
            owner,
            _folder: folder,
        }
    }

    async fn video(&self, title: &str) -> VideoId {
        let new = NewVideoRow {
            id: VideoId::random(&OsEntropy),
            owner: self.owner,
            title: title.to_owned(),
            description: String::new(),
            visibility: Visibility::Public,
        };
        videos::insert(self.db.write(), &new, self.clock.now())
            .await
            .unwrap();
        new.id
    }

    async fn state(&self, id: VideoId) -> VideoState {
        let tx = self.db.begin().await.unwrap();
        videos::settle(&tx, id, self.clock.now()).await.unwrap();
        tx.commit().await.unwrap();
        videos::find(self.db.read(), id)
            .await
            .unwrap()
            .unwrap()
            .state
    }

    async fn enqueue(&self, kind: JobKind, video: VideoId) {
        let now = self.clock.now();
        jobs::enqueue(self.db.write(), kind, video, now, now)
            .await
            .unwrap();
    }

    async fn claim(&self) -> Option<virga_db::JobRow> {
        let claim = Claim {
            worker: "w",
            kinds: JobKind::ALL,
            now: self.clock.now(),
        };
        jobs::claim(&self.db, claim).await.unwrap()
    }

    fn upload(&self, video: VideoId) -> UploadRow {
        UploadRow {
            id: UploadId::random(&OsEntropy),
            video,
            user: self.owner,
            file_name: "a.mp4".to_owned(),
            size: 10,
            fingerprint: "a".to_owned(),
            state: UploadState::Created,
            part_size: 10,
            object_key: "v/x".to_owned(),
            expires_at: self.clock.now().plus(LEASE),
            lease_until: Timestamp(0),
        }
    }
}

fn account(id: UserId, name: &str, now: Timestamp) -> UserRow {
    UserRow {
        id,
        name: name.to_owned(),
        password_hash: "x".to_owned(),
        role: Role::User,
        created_at: now,
        blocked_at: None,
    }
}

#[tokio::test]
async fn names_are_taken_whatever_their_case() {
    let store = Store::new().await;
    let twin = account(UserId::random(&OsEntropy), "aNN", store.clock.now());
    let refused = accounts::insert(store.db.write(), &twin).await;
    assert!(matches!(refused, Err(DbError::Duplicate(_))), "{refused:?}");
    assert_eq!(
        accounts::by_name(store.db.read(), "ANN")
            .await
            .unwrap()
            .unwrap()
            .name,
        "Ann"
    );
}

#[tokio::test]
async fn sessions_end_by_time_by_choice_and_all_at_once() {
    let store = Store::new().await;
    let (db, now) = (&store.db, store.clock.now());
    for token in ["a", "b", "c"] {
        accounts::start_session(db.write(), token, store.owner, now, now.plus(LEASE))
            .await
            .unwrap();
    }
    assert!(
        accounts::session(db.read(), "a", now)
            .await
            .unwrap()
            .is_some()
    );
    assert!(
        accounts::session(db.read(), "a", now.plus(LEASE))
            .await
            .unwrap()
            .is_none()
    );
    accounts::end_session(db.write(), "a").await.unwrap();
    assert!(
        accounts::session(db.read(), "a", now)
            .await
            .unwrap()
            .is_none()
    );
    accounts::end_sessions(db.write(), store.owner)
        .await
        .unwrap();
    assert!(
        accounts::session(db.read(), "b", now)
            .await
            .unwrap()
            .is_none()
    );
}

#[tokio::test]
async fn two_hundred_jobs_are_each_claimed_once_by_four_workers() {
    let store = Store::new().await;
    let mut enqueued = HashSet::new();
    for _ in 0..200 {
        let video = store.video("Job").await;
        store.enqueue(JobKind::Probe, video).await;
        store.enqueue(JobKind::Probe, video).await;
        enqueued.insert(video);
    }
    let work = || async {
        let mut claimed = Vec::new();
        while let Some(job) = store.claim().await {
            claimed.push(job.video);
        }
        claimed
    };
    let (a, b, c, d) = tokio::join!(work(), work(), work(), work());
    let all = [a, b, c, d].concat();
    assert_eq!(all.len(), 200);
    assert_eq!(all.into_iter().collect::<HashSet<_>>(), enqueued);
}

#[tokio::test]
async fn a_dead_workers_job_is_taken_up_and_its_late_result_refused() {
    let store = Store::new().await;
    let video = store.video("Fence").await;
    store.enqueue(JobKind::Probe, video).await;
    let dead = store.claim().await.unwrap();
    assert!(store.claim().await.is_none(), "it is leased");
    store.clock.advance(LEASE + Duration::from_secs(1));
    let living = store.claim().await.unwrap();
    assert_eq!((living.id, living.attempts), (dead.id, 2));
    let (db, now) = (store.db.write(), store.clock.now());
    assert!(
        !jobs::heartbeat(db, dead.id, dead.fence, 0, now)
            .await
            .unwrap()
    );
    assert!(!jobs::finish(db, dead.id, dead.fence, now).await.unwrap());
    assert!(
        jobs::heartbeat(db, living.id, living.fence, 500, now)
            .await
            .unwrap()
    );
    assert!(
        jobs::finish(db, living.id, living.fence, now)
            .await
            .unwrap()
    );
    assert!(store.claim().await.is_none());
}

#[tokio::test]
async fn the_most_urgent_due_job_goes_first() {
    let store = Store::new().await;
    let video = store.video("Order").await;
    for kind in [JobKind::Ladder, JobKind::Poster, JobKind::Probe] {
        store.enqueue(kind, video).await;
    }
    let mut order = Vec::new();
    while let Some(job) = store.claim().await {
        order.push(job.kind);
    }
    assert_eq!(order, [JobKind::Probe, JobKind::Poster, JobKind::Ladder]);
}

#[tokio::test]
async fn a_video_has_one_open_upload_and_one_completer() {
    let store = Store::new().await;
    let (db, now) = (store.db.write(), store.clock.now());
    let video = store.video("Upload").await;
    let (first, second) = (store.upload(video), store.upload(video));
    uploads::insert(db, &first, "", now).await.unwrap();
    let refused = uploads::insert(db, &second, "", now).await;
    assert!(matches!(refused, Err(DbError::Duplicate(_))));
    assert_eq!(store.state(video).await, VideoState::Uploading);
    assert!(
        uploads::lease_completion(db, first.id, now, now.plus(LEASE))
            .await
            .unwrap()
    );
    assert!(
        !uploads::lease_completion(db, first.id, now, now.plus(LEASE))
            .await
            .unwrap()
    );
    assert_eq!(store.state(video).await, VideoState::Processing);
    let later = now.plus(LEASE);
    assert_eq!(
        uploads::stale(db, later, 10).await.unwrap().len(),
        1,
        "its completer died"
    );
    assert!(
        uploads::lease_completion(db, first.id, later, later.plus(LEASE))
            .await
            .unwrap()
    );
    let (from, to) = (UploadState::Completing, UploadState::Expired);
    assert!(
        uploads::advance(db, first.id, from, to, None)
            .await
            .unwrap()
    );
    assert!(
        !uploads::advance(db, first.id, from, to, None)
            .await
            .unwrap()
    );
    assert_eq!(store.state(video).await, VideoState::Draft);
    uploads::insert(db, &second, "", now).await.unwrap();
}

#[tokio::test]
async fn the_state_follows_the_rows_and_the_feed_hears_of_it() {
    let store = Store::new().await;
    let (db, now) = (store.db.write(), store.clock.now());
    let video = store.video("States").await;
    videos::set_source(db, video, "v/x", 5).await.unwrap();
    store.enqueue(JobKind::Probe, video).await;
    assert_eq!(store.state(video).await, VideoState::Processing);
    let row = TrackRow {
        video,
        name: "src".to_owned(),
        kind: TrackKind::Video,
        position: 0,
        height: 180,
        table_key: "t".to_owned(),
        bytes: TrackBytes::Source {
            source: "s".to_owned(),
            samples: "b".to_owned(),
        },
    };
    tracks::put(db, &row).await.unwrap();
    assert_eq!(store.state(video).await, VideoState::Playable);
    let stored = TrackRow {
        bytes: TrackBytes::Object("o".to_owned()),
        ..row
    };
    tracks::put(db, &stored).await.unwrap();
    assert_eq!(tracks::of_video(db, video).await.unwrap(), [stored]);
    let job = store.claim().await.unwrap();
    jobs::finish(db, job.id, job.fence, now).await.unwrap();
    assert_eq!(store.state(video).await, VideoState::Ready);
    assert!(
        videos::mark_deleted(db, video, now, now.plus(LEASE))
            .await
            .unwrap()
    );
    assert!(
        !videos::mark_deleted(db, video, now, now.plus(LEASE))
            .await
            .unwrap()
    );
    assert_eq!(store.state(video).await, VideoState::Deleted);
    let feed = changes::after(db, 0, 100).await.unwrap();
    let effects: Vec<Effect> = feed.iter().map(|line| line.change.effect).collect();
    assert_eq!(
        effects,
        [
            Effect::State,
            Effect::State,
            Effect::State,
            Effect::Restrict,
            Effect::State
        ]
    );
    store.clock.advance(LEASE);
    assert!(
        !videos::restore(db, video, store.clock.now()).await.unwrap(),
        "too late"
    );
}

#[tokio::test]
async fn publishing_needs_the_lease_and_the_present_version() {
    let store = Store::new().await;
    let (db, now) = (store.db.write(), store.clock.now());
    let video = store.video("Publish").await;
    videos::bump(db, video, Effect::Add, now).await.unwrap();
    assert_eq!(videos::unpublished(db, 10).await.unwrap(), [video]);
    assert!(
        videos::lease_publish(db, video, now, now.plus(LEASE))
            .await
            .unwrap()
    );
    assert!(
        !videos::lease_publish(db, video, now, now.plus(LEASE))
            .await
            .unwrap()
    );
    videos::bump(db, video, Effect::Add, now).await.unwrap();
    assert!(
        !videos::note_published(db, video, 1).await.unwrap(),
        "the row moved on"
    );
    assert!(videos::note_published(db, video, 2).await.unwrap());
    assert!(videos::unpublished(db, 10).await.unwrap().is_empty());
}

#[tokio::test]
async fn lists_page_without_gaps_and_search_takes_words_as_they_are() {
    let store = Store::new().await;
    for n in 0..25 {
        store.video(&format!("Rain {n} 下雨 100%")).await;
        if n % 5 == 0 {
            store.clock.advance(Duration::from_secs(1));
        }
    }
    let mut listing = Listing {
        owner: Some(store.owner),
        everything: true,
        now: store.clock.now(),
        sort: Sort::New,
        query: None,
        after: None,
        limit: 7,
    };
    let mut seen = HashSet::new();
    loop {
        let page = videos::list(store.db.read(), &listing).await.unwrap();
        let Some(last) = page.last() else { break };
        listing.after = Some(videos::cursor(&listing, last));
        seen.extend(page.iter().map(|row| row.id));
    }
    assert_eq!(seen.len(), 25);
    listing.after = None;
    for (query, count) in [
        ("rain", 25),
        ("RAIN 24", 1),
        ("下雨", 25),
        ("100%", 25),
        ("1_0", 0),
        ("%%", 0),
    ] {
        listing.query = Some(query);
        assert_eq!(
            videos::count(store.db.read(), &listing).await.unwrap(),
            count,
            "{query}"
        );
    }
}

#[tokio::test]
async fn a_view_counts_once_a_viewer_and_hour() {
    let store = Store::new().await;
    let video = store.video("Views").await;
    let mark = |viewer: &str, at| ViewMark {
        video,
        viewer: viewer.to_owned(),
        at,
    };
    let now = store.clock.now();
    let marks = [mark("a", now), mark("a", now), mark("b", now)];
    views::record(store.db.write(), &marks).await.unwrap();
    views::record(store.db.write(), &marks).await.unwrap();
    views::record(
        store.db.write(),
        &[mark("a", now.plus(Duration::from_secs(3600)))],
    )
    .await
    .unwrap();
    assert_eq!(
        videos::find(store.db.read(), video)
            .await
            .unwrap()
            .unwrap()
            .views,
        3
    );
}

#[tokio::test]
async fn of_two_who_take_a_setting_one_gets_it() {
    let store = Store::new().await;
    let db = store.db.write();
    settings::set(db, "a", "1").await.unwrap();
    settings::set(db, "a", "2").await.unwrap();
    assert!(!settings::take(db, "a", "1").await.unwrap());
    assert!(settings::take(db, "a", "2").await.unwrap());
    assert!(!settings::take(db, "a", "2").await.unwrap());
}

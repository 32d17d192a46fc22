//! The store suite: what every database must do.

use std::{collections::HashSet, time::Duration};
use virga_core::{
    Clock, OsEntropy, UserId,
    job::{Job, JobKind, JobState, LEASE},
    presentation::TrackBody,
    upload::UploadState,
    video::VideoState,
    wire::{Effect, Sort},
};
use virga_db::{
    DbError, TrackRow, accounts,
    admin::{self, AccountListing},
    changes::{self, Ended, Line},
    jobs, positions, settings, sitemap, tracks, uploads, usage,
    videos::{self, Listing},
    views::{self, ViewMark},
};

use crate::{
    keys::track,
    store::{Store, account, key},
};

pub(crate) async fn sessions_end_by_time_by_choice_and_all_at_once(store: &Store) {
    let (db, now) = (&store.db, store.clock.now());
    for token in ["a", "b", "c"] {
        let new = accounts::NewSession {
            token_hash: token,
            user: store.owner,
            device: "",
            network: "",
            expires: now.plus(LEASE),
        };
        let tx = db.begin().await.unwrap();
        accounts::start_session(&tx, &new, now, 10).await.unwrap();
        tx.commit().await.unwrap();
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
    let tx = db.begin().await.unwrap();
    accounts::end_session(&tx, "a", now).await.unwrap();
    accounts::end_session(&tx, "no such", now).await.unwrap();
    tx.commit().await.unwrap();
    assert!(
        accounts::session(db.read(), "a", now)
            .await
            .unwrap()
            .is_none()
    );
    let tx = db.begin().await.unwrap();
    accounts::end_sessions(&tx, store.owner, now).await.unwrap();
    accounts::end_sessions(&tx, store.owner, now).await.unwrap();
    tx.commit().await.unwrap();
    let feed = changes::after(db.read(), 0, 100).await.unwrap();
    let changed: Vec<Line> = feed.into_iter().map(|row| row.line).collect();
    let session = Line::Ended(Ended::Session("a".to_owned()));
    let account = Line::Ended(Ended::Account(store.owner));
    assert_eq!(changed, [session, account], "each end is told once");
    assert!(
        accounts::session(db.read(), "b", now)
            .await
            .unwrap()
            .is_none()
    );
}

pub(crate) async fn two_hundred_jobs_are_each_claimed_once_by_four_workers(store: &Store) {
    let mut enqueued = HashSet::new();
    for _ in 0..200 {
        let video = store.video("Job").await;
        store.enqueue(JobKind::Probe, video).await;
        store.enqueue(JobKind::Probe, video).await;
        enqueued.insert(video);
    }
    let work = || async {
        let mut claimed = Vec::new();
        // More than there are: some job was given out twice.
        while claimed.len() <= 200
            && let Some(job) = store.claim().await
        {
            claimed.push(job.video);
        }
        claimed
    };
    let (a, b, c, d) = tokio::join!(work(), work(), work(), work());
    let all = [a, b, c, d].concat();
    assert_eq!(all.len(), 200);
    assert_eq!(all.into_iter().collect::<HashSet<_>>(), enqueued);
}

pub(crate) async fn a_dead_workers_job_is_taken_up_and_its_late_result_refused(store: &Store) {
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
    assert!(!jobs::finish(db, &dead, now).await.unwrap());
    assert!(
        jobs::heartbeat(db, living.id, living.fence, 500, now)
            .await
            .unwrap()
    );
    assert!(jobs::finish(db, &living, now).await.unwrap());
    assert!(store.claim().await.is_none());
}

/// A worker or a server whose clock was two days ahead: its times do not hold the work up.
pub(crate) async fn times_of_a_clock_that_was_wrong_hold_no_job_up(store: &Store) {
    let ahead = store.clock.now().plus(Duration::from_secs(2 * 24 * 3600));
    let (leased, queued) = (store.video("Leased").await, store.video("Queued").await);
    let now = store.clock.now();
    store.enqueue(JobKind::Probe, leased).await;
    let wrong = jobs::Claim {
        worker: "ahead",
        kinds: JobKind::ALL,
        now: ahead,
    };
    let held = jobs::claim(&store.db, &jobs::Queue::default(), wrong)
        .await
        .unwrap()
        .unwrap();
    jobs::enqueue(store.db.write(), &Job::Probe, queued, ahead, now)
        .await
        .unwrap();
    // A purge may be put off for as long as the operator says.
    jobs::enqueue(
        store.db.write(),
        &Job::Purge { swept: false },
        queued,
        ahead,
        now,
    )
    .await
    .unwrap();
    let mut claimed = HashSet::new();
    while let Some(job) = store.claim().await {
        assert_eq!(job.kind(), JobKind::Probe);
        claimed.insert(job.video);
    }
    assert_eq!(claimed, HashSet::from([leased, queued]));
    let late = jobs::heartbeat(store.db.write(), held.id, held.fence, 0, ahead).await;
    assert!(!late.unwrap(), "it was taken over");
}

pub(crate) async fn the_most_urgent_due_job_goes_first(store: &Store) {
    let video = store.video("Order").await;
    for kind in [JobKind::Ladder, JobKind::Poster, JobKind::Probe] {
        store.enqueue(kind, video).await;
    }
    let mut order = Vec::new();
    while let Some(job) = store.claim().await {
        order.push(job.kind());
    }
    assert_eq!(order, [JobKind::Probe, JobKind::Poster, JobKind::Ladder]);
}

/// Closed jobs are forgotten after a while, but for what an owner is shown and may try again.
pub(crate) async fn closed_jobs_are_forgotten_but_the_last_failure_of_a_kind(store: &Store) {
    let (db, video) = (store.db.write(), store.video("Old").await);
    let why = virga_core::reason::Reason::new(virga_core::Code::Damaged, "Broken.");
    let close = async |kind, failed| {
        store.enqueue(kind, video).await;
        let job = store.claim().await.unwrap();
        assert_eq!(job.kind(), kind);
        let now = store.clock.now();
        let closed = if failed {
            jobs::fail(db, &job, &why, now)
                .await
                .map(|kinds| kinds == [kind])
        } else {
            jobs::finish(db, &job, now).await
        };
        assert!(closed.unwrap());
    };
    for (kind, failed) in [
        (JobKind::Probe, false),
        (JobKind::Poster, true),
        (JobKind::Poster, true),
        (JobKind::Package, true),
        (JobKind::Package, false),
    ] {
        close(kind, failed).await;
    }
    let before = store.clock.now().plus(Duration::from_secs(1));
    store.clock.advance(Duration::from_secs(2));
    close(JobKind::Fallback, false).await;
    store.enqueue(JobKind::Ladder, video).await;
    let left = async || {
        let rows = jobs::of_video(db, video).await.unwrap();
        let left: Vec<_> = rows.iter().map(|job| (job.kind(), job.state)).collect();
        left
    };
    assert_eq!(jobs::prune(db, before).await.unwrap(), 4);
    let (failed, done, queued) = (JobState::Failed, JobState::Done, JobState::Queued);
    let expected = [
        (JobKind::Poster, failed),
        (JobKind::Fallback, done),
        (JobKind::Ladder, queued),
    ];
    assert_eq!(left().await, expected);
    assert_eq!(jobs::prune(db, before).await.unwrap(), 0);
}

/// One account sends many files before the others send theirs.
pub(crate) async fn accounts_take_turns(store: &Store) {
    for _ in 0..70 {
        let video = store.video("Many").await;
        store.enqueue(JobKind::Ladder, video).await;
    }
    let mut others = Vec::new();
    for name in ["Ben", "Cleo"] {
        store.clock.advance(Duration::from_secs(1));
        let owner = store.another_account(name).await;
        for _ in 0..2 {
            let video = store.video_of(owner, name).await;
            store.enqueue(JobKind::Ladder, video).await;
            others.push(video);
        }
    }
    let mut turns = Vec::new();
    for _ in 0..8 {
        let job = store.claim().await.unwrap();
        turns.push(others.contains(&job.video));
        store.clock.advance(Duration::from_secs(1));
        let now = store.clock.now();
        assert!(jobs::finish(store.db.write(), &job, now).await.unwrap());
    }
    let others_first = turns.iter().filter(|other| **other).count();
    assert_eq!(
        others_first, 4,
        "both others are through after eight jobs: {turns:?}"
    );
    store
        .enqueue(JobKind::Probe, store.video("Urgent").await)
        .await;
    assert_eq!(
        store.claim().await.unwrap().kind(),
        JobKind::Probe,
        "urgency comes first"
    );
}

/// Of films that wait, short ones go first; a long one is not passed over for ever.
pub(crate) async fn short_films_go_first_for_a_while(store: &Store) {
    let db = store.db.write();
    let film = async |title: &str, seconds: i64| {
        let video = store.video(title).await;
        let shape = videos::Shape {
            duration: seconds * 1_000_000,
            width: 640,
            height: 360,
        };
        videos::set_shape(db, video, shape).await.unwrap();
        store.enqueue(JobKind::FirstRung, video).await;
        video
    };
    let (long, short) = (film("Long", 600).await, film("Short", 3).await);
    assert_eq!(store.claim().await.unwrap().video, short);
    store.clock.advance(Duration::from_secs(3600));
    film("Late", 3).await;
    assert_eq!(store.claim().await.unwrap().video, short, "its lease ended");
    assert_eq!(store.claim().await.unwrap().video, long);
}

pub(crate) async fn a_session_more_than_are_allowed_ends_the_one_unused_longest(store: &Store) {
    let now = store.clock.now();
    let expires = now.plus(Duration::from_secs(3600));
    for n in 0..4 {
        let seen = now.plus(Duration::from_secs(n));
        let new = accounts::NewSession {
            token_hash: &format!("s{n}"),
            user: store.owner,
            device: "Firefox",
            network: "n",
            expires,
        };
        let tx = store.db.begin().await.unwrap();
        accounts::start_session(&tx, &new, seen, 3).await.unwrap();
        tx.commit().await.unwrap();
    }
    let list = accounts::sessions_of(store.db.read(), store.owner, now)
        .await
        .unwrap();
    let hashes: Vec<&str> = list.iter().map(|it| it.token_hash.as_str()).collect();
    assert_eq!(hashes, ["s3", "s2", "s1"]);
    let feed = changes::after(store.db.read(), 0, 100).await.unwrap();
    let changed: Vec<Line> = feed.into_iter().map(|row| row.line).collect();
    assert_eq!(changed, [Line::Ended(Ended::Session("s0".to_owned()))]);
    let known =
        |network: &'static str| accounts::knows_network(store.db.read(), store.owner, network, now);
    assert!(known("n").await.unwrap());
    assert!(!known("m").await.unwrap());
}

pub(crate) async fn a_video_has_one_open_upload_and_one_completer(store: &Store) {
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

pub(crate) async fn the_state_follows_the_rows_and_the_feed_hears_of_it(store: &Store) {
    let (db, now) = (store.db.write(), store.clock.now());
    let video = store.video("States").await;
    videos::set_source(db, video, &key(video), 5).await.unwrap();
    store.enqueue(JobKind::Probe, video).await;
    assert_eq!(store.state(video).await, VideoState::Processing);
    let body = TrackBody::Source {
        source: key(video),
        samples: key(video),
    };
    let row = track(video, "src", body);
    tracks::put(db, &row).await.unwrap();
    assert_eq!(store.state(video).await, VideoState::Playable);
    let stored = TrackRow {
        body: TrackBody::Object { object: key(video) },
        ..row
    };
    tracks::put(db, &stored).await.unwrap();
    assert_eq!(tracks::of_video(db, video).await.unwrap(), [stored]);
    let job = store.claim().await.unwrap();
    jobs::finish(db, &job, now).await.unwrap();
    assert_eq!(store.state(video).await, VideoState::Ready);
    let tx = store.db.begin().await.unwrap();
    let end = now.plus(LEASE);
    assert!(videos::mark_deleted(&tx, video, now, end).await.unwrap());
    assert!(!videos::mark_deleted(&tx, video, now, end).await.unwrap());
    tx.commit().await.unwrap();
    assert_eq!(store.state(video).await, VideoState::Deleted);
    let feed = changes::after(db, 0, 100).await.unwrap();
    let effects: Vec<Effect> = feed
        .iter()
        .filter_map(|row| match &row.line {
            Line::Video(change) => Some(change.effect),
            _ => None,
        })
        .collect();
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
    let tx = store.db.begin().await.unwrap();
    let restored = videos::restore(&tx, video, store.clock.now()).await;
    assert!(!restored.unwrap(), "too late");
}

pub(crate) async fn publishing_needs_the_lease_and_the_present_version(store: &Store) {
    let (db, now) = (store.db.write(), store.clock.now());
    let video = store.video("Publish").await;
    store.bump(video).await;
    assert_eq!(videos::unpublished(db, 10).await.unwrap(), [video]);
    let lease = async || videos::lease_publish(db, video, now, now.plus(LEASE)).await;
    assert!(lease().await.unwrap());
    assert!(!lease().await.unwrap());
    store.bump(video).await;
    assert!(
        !videos::note_published(db, video, 1).await.unwrap(),
        "the row moved on"
    );
    assert!(videos::note_published(db, video, 2).await.unwrap());
    assert!(videos::unpublished(db, 10).await.unwrap().is_empty());
    assert!(!lease().await.unwrap(), "nothing is left to write");
}

pub(crate) async fn lists_page_without_gaps_and_search_takes_words_as_they_are(store: &Store) {
    for n in 0..25 {
        store.video(&format!("Rain {n} 下雨 100%")).await;
        if n % 5 == 0 {
            store.clock.advance(Duration::from_secs(1));
        }
    }
    let mut listing = Listing {
        owner: Some(store.owner),
        everything: true,
        unpublished: None,
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
    // None of them waits to be published, and the question for the others leaves none out.
    listing.limit = 100;
    for (unpublished, count) in [(Some(true), 0), (Some(false), 25)] {
        listing.unpublished = unpublished;
        let page = videos::list(store.db.read(), &listing).await.unwrap();
        assert_eq!(page.len(), count, "{unpublished:?}");
    }
    (listing.unpublished, listing.limit) = (None, 7);
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

pub(crate) async fn a_view_counts_once_a_viewer_and_hour(store: &Store) {
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

pub(crate) async fn of_two_who_take_a_setting_one_gets_it(store: &Store) {
    let db = store.db.write();
    settings::set(db, "a", "1").await.unwrap();
    settings::set(db, "a", "2").await.unwrap();
    assert!(!settings::take(db, "a", "1").await.unwrap());
    assert!(settings::take(db, "a", "2").await.unwrap());
    assert!(!settings::take(db, "a", "2").await.unwrap());
}

pub(crate) async fn numbers_and_texts_come_back_as_they_were(store: &Store) {
    let db = store.db.write();
    // 10,000 characters of four bytes, the longest that people may write.
    let (title, description) = ("Ünïcode 下雨 🌧", "🌧".repeat(10_000));
    let video = store.video("x").await;
    videos::describe(db, video, title, &description)
        .await
        .unwrap();
    let large = 5 << 40;
    videos::set_source(db, video, &key(video), large)
        .await
        .unwrap();
    let row = videos::find(db, video).await.unwrap().unwrap();
    assert_eq!(
        (row.title.as_str(), &row.description),
        (title, &description)
    );
    assert_eq!(row.source_size, large);
    let stored = usage::stored_bytes(db, store.owner).await.unwrap();
    assert_eq!(stored, large);
    // Names and keys compare byte by byte.
    for name in ["a.key", "A.KEY", "ä.key"] {
        settings::set(db, name, name).await.unwrap();
    }
    let found = settings::get(db, "a.key").await.unwrap();
    assert_eq!(found.as_deref(), Some("a.key"));
    for name in ["strasse", "straße"] {
        let user = account(UserId::random(&OsEntropy), name, store.clock.now());
        accounts::insert(db, &user).await.unwrap();
    }
    // What one engine cannot hold is the asker's fault there, and no engine's bug.
    if let Err(error) = settings::set(db, "nul", "a\0b").await {
        let failure = virga_core::Failure::from(error);
        assert_eq!(failure.kind(), virga_core::Kind::Invalid, "{failure:?}");
    }
}

pub(crate) async fn pages_of_administrators_read_on_every_engine(store: &Store) {
    let (db, now) = (store.db.write(), store.clock.now());
    let video = store.video("Pages").await;
    videos::set_source(db, video, &key(video), 5).await.unwrap();
    uploads::insert(db, &store.upload(video), "", now)
        .await
        .unwrap();
    store.enqueue(JobKind::Probe, video).await;
    let job = store.claim().await.unwrap();
    let why = virga_core::reason::Reason::new(virga_core::Code::Internal, "ß\0".repeat(100_000));
    assert!(!jobs::fail(db, &job, &why, now).await.unwrap().is_empty());
    let totals = admin::totals(db).await.unwrap();
    assert_eq!((totals.videos, totals.sources, totals.reserved), (1, 5, 10));
    let held = admin::holdings(db, &[store.owner]).await.unwrap();
    let of_owner = held[&store.owner];
    assert_eq!((of_owner.videos, of_owner.bytes), (1, 15));
    assert_eq!(uploads::reserved(db, store.owner).await.unwrap(), (10, 1));
    let failed = admin::failed_jobs(db, None, 10).await.unwrap();
    assert_eq!(failed.len(), 1);
    let page = AccountListing {
        query: Some("N"),
        after: None,
        limit: 5,
    };
    assert_eq!(admin::accounts(db, page).await.unwrap().len(), 1);
    assert_eq!(sitemap::count(db).await.unwrap(), 0);
    assert!(sitemap::stretch(db, 0, 5).await.unwrap().is_empty());
    let at = Duration::from_secs(3);
    for _ in 0..2 {
        positions::put(db, store.owner, video, at, now)
            .await
            .unwrap();
    }
    assert_eq!(
        positions::find(db, store.owner, video).await.unwrap(),
        Some(at)
    );
}

//! What must hold while several write at once: that is where READ COMMITTED differs from SQLite's
//! single writer.

use futures_util::future::{join, join_all};
use sea_orm::DatabaseBackend;
use std::collections::BTreeSet;
use virga_core::{Clock, CommentId, OsEntropy, VideoId, job::JobKind, video::VideoState};
use virga_db::{
    DbError, JobRow, accounts,
    changes::{self, Line},
    comments::{self, CommentRow},
    jobs, retried, settings, videos,
    views::{self, ViewMark},
};

use crate::store::{Store, key};

/// Writers commit in whatever order; a reader that never looks back misses nothing.
pub(crate) async fn the_feed_shows_each_change_once_while_many_write(store: &Store) {
    const WRITERS: usize = 6;
    const EACH: usize = 30;
    let mut videos = Vec::new();
    for _ in 0..WRITERS {
        videos.push(store.video("Feed").await);
    }
    let write = |video: VideoId| async move {
        for n in 0..EACH {
            retried(|| async {
                let tx = store.db.begin().await?;
                let now = store.clock.now();
                videos::raise_version(&tx, video, virga_core::wire::Effect::Add, now).await?;
                // Between number and commit: others would overtake here.
                for _ in 0..n % 4 {
                    videos::find(&tx, video).await?;
                }
                Ok::<_, DbError>(tx.commit().await?)
            })
            .await
            .unwrap();
        }
    };
    let read = async {
        let mut seen = Vec::new();
        while seen.len() < WRITERS * EACH {
            let after = seen.last().copied().unwrap_or(0);
            let rows = changes::after(store.db.read(), after, 7).await.unwrap();
            seen.extend(rows.iter().map(|row| row.seq));
            let all = changes::after(store.db.read(), 0, 1000).await.unwrap();
            let behind = all.iter().any(|row| {
                seen.last().is_some_and(|last| row.seq < *last) && !seen.contains(&row.seq)
            });
            assert!(!behind, "a change appeared behind what was read");
        }
        seen
    };
    let (_, seen) = join(join_all(videos.into_iter().map(write)), read).await;
    assert_eq!(seen.iter().collect::<BTreeSet<_>>().len(), WRITERS * EACH);
}

/// Who told a line does other things until its transaction ends; nobody waits for that.
pub(crate) async fn a_line_holds_nobody_up_before_its_transaction_ends(store: &Store) {
    if store.db.write().get_database_backend() == DatabaseBackend::Sqlite {
        // One writer at a time, whatever it writes.
        return;
    }
    let (slow, quick) = (store.video("Slow").await, store.video("Quick").await);
    let now = store.clock.now();
    let long = store.db.begin().await.unwrap();
    let effect = virga_core::wire::Effect::Add;
    videos::raise_version(&long, slow, effect, now)
        .await
        .unwrap();
    let short = store.db.begin().await.unwrap();
    videos::raise_version(&short, quick, effect, now)
        .await
        .unwrap();
    short.commit().await.unwrap();
    long.commit().await.unwrap();
    let rows = changes::after(store.db.read(), 0, 1000).await.unwrap();
    let lines = rows.iter().filter_map(|row| match &row.line {
        Line::Video(change) if [slow, quick].contains(&change.video) => Some(change.video),
        _ => None,
    });
    assert_eq!(
        lines.collect::<Vec<_>>(),
        [quick, slow],
        "as they were stored"
    );
}

pub(crate) async fn of_two_who_end_the_last_jobs_the_second_sees_the_first(store: &Store) {
    for _ in 0..20 {
        let video = store.video("Ends").await;
        let db = store.db.write();
        videos::set_source(db, video, &key(video), 5).await.unwrap();
        for kind in [JobKind::Probe, JobKind::Ladder] {
            store.enqueue(kind, video).await;
        }
        assert_eq!(store.state(video).await, VideoState::Processing);
        let jobs = [store.claim().await.unwrap(), store.claim().await.unwrap()];
        let end = |job: JobRow| async move {
            retried(|| async {
                let now = store.clock.now();
                let tx = store.db.begin().await?;
                jobs::finish(&tx, &job, now).await?;
                videos::recompute_state(&tx, video, now).await?;
                Ok::<_, DbError>(tx.commit().await?)
            })
            .await
            .unwrap();
        };
        join_all(jobs.map(end)).await;
        let row = videos::find(store.db.read(), video).await.unwrap().unwrap();
        assert_ne!(row.state, VideoState::Processing, "no work is open");
    }
}

/// Workers that saw the same job before any of them took it, on an engine that gave no lock.
pub(crate) async fn of_workers_that_saw_the_same_job_one_has_it(store: &Store) {
    let now = store.clock.now();
    let claim = |worker| jobs::Claim {
        worker,
        kinds: JobKind::ALL,
        now,
    };
    for _ in 0..20 {
        let video = store.video("Rivals").await;
        store.enqueue(JobKind::Probe, video).await;
        let seen = jobs::of_video(store.db.read(), video).await.unwrap();
        let take = async |worker| {
            retried(|| jobs::take(store.db.write(), &seen[0], claim(worker)))
                .await
                .unwrap()
        };
        let all = join_all(["a", "b", "c", "d"].map(take)).await;
        let had: Vec<_> = all.into_iter().flatten().collect();
        let [had] = had.as_slice() else {
            panic!("one of four has it: {had:?}");
        };
        assert_eq!((had.fence, had.attempts), (1, 1));
        // Given back, it is due again, but not as it was seen then.
        let back = jobs::requeue(store.db.write(), had, None, now, false).await;
        assert!(back.unwrap());
        assert_eq!(take("late").await, None, "this fence was given before");
        let again = store.claim().await.unwrap();
        assert_eq!((again.id, again.fence, again.attempts), (had.id, 2, 1));
        let held = jobs::of_video(store.db.read(), video).await.unwrap();
        let taken = jobs::take(store.db.write(), &held[0], claim("late")).await;
        assert_eq!(taken.unwrap(), None, "it is held");
    }
}

/// Two that take the same two rows in opposite order: an engine ends one of them, which is run
/// again.
pub(crate) async fn what_the_engine_undoes_is_run_again(store: &Store) {
    for name in ["one", "two"] {
        settings::set(store.db.write(), name, "").await.unwrap();
    }
    let write = |names: [&'static str; 2]| async move {
        for _ in 0..20 {
            retried(|| async {
                let tx = store.db.begin().await?;
                for name in names {
                    let value = settings::get(&tx, name).await?.unwrap_or_default();
                    settings::set(&tx, name, &format!("{value}.")).await?;
                    tokio::task::yield_now().await;
                }
                Ok::<_, DbError>(tx.commit().await?)
            })
            .await
            .unwrap();
        }
    };
    join(write(["one", "two"]), write(["two", "one"])).await;
}

pub(crate) async fn an_accounts_row_is_one_writers_at_a_time(store: &Store) {
    settings::set(store.db.write(), "sum", "0").await.unwrap();
    let add = |_| async move {
        let tx = store.db.begin().await.unwrap();
        accounts::lock(&tx, &[store.owner]).await.unwrap();
        let sum: u32 = settings::get(&tx, "sum")
            .await
            .unwrap()
            .unwrap()
            .parse()
            .unwrap();
        tokio::task::yield_now().await;
        settings::set(&tx, "sum", &(sum + 1).to_string())
            .await
            .unwrap();
        tx.commit().await.unwrap();
    };
    join_all((0..20).map(add)).await;
    let sum = settings::get(store.db.read(), "sum").await.unwrap();
    assert_eq!(sum.as_deref(), Some("20"));
}

pub(crate) async fn counters_lose_nothing(store: &Store) {
    let (a, b) = (store.video("A").await, store.video("B").await);
    let now = store.clock.now();
    let count = |writer: usize| async move {
        for n in 0..10 {
            let mark = |video, viewer| ViewMark {
                video,
                viewer,
                at: now,
            };
            // Every writer has views of its own and one that all have, in an order of its own.
            let own = format!("{writer}/{n}");
            let mut marks = vec![
                mark(a, own.clone()),
                mark(b, own),
                mark(a, "all".to_owned()),
            ];
            marks.rotate_left(writer % 3);
            let row = CommentRow {
                id: CommentId::random(&OsEntropy),
                video: a,
                author: store.owner,
                text: "Hm".to_owned(),
                created_at: now,
                edited_at: None,
            };
            retried(|| async {
                let tx = store.db.begin().await?;
                views::record(&tx, &marks).await?;
                tx.commit().await?;
                let tx = store.db.begin().await?;
                assert!(comments::insert(&tx, &row).await?);
                Ok::<_, DbError>(tx.commit().await?)
            })
            .await
            .unwrap();
        }
    };
    join_all((0..5).map(count)).await;
    let [a, b] = [a, b].map(|id| async move {
        let row = videos::find(store.db.read(), id).await.unwrap().unwrap();
        (row.views, row.comments)
    });
    assert_eq!(join(a, b).await, ((51, 50), (50, 0)));
    let gone = CommentRow {
        id: CommentId::random(&OsEntropy),
        video: VideoId::random(&OsEntropy),
        author: store.owner,
        text: "Hm".to_owned(),
        created_at: now,
        edited_at: None,
    };
    let tx = store.db.begin().await.unwrap();
    assert!(!comments::insert(&tx, &gone).await.unwrap());
}

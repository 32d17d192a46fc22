//! Queries the database once for all event streams of this process: the rows of changed videos,
//! their progress (each second, for viewers who may change them), and which sessions have ended.
//! The number of queries does not grow with the number of listeners.

use std::{
    collections::{HashMap, HashSet},
    hash::Hash,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};
use tokio::sync::{broadcast, watch};
use tokio_util::sync::CancellationToken;
use virga_app::App;
use virga_core::{Result, VideoId, wire::VideoChange};
use virga_db::{DbError, JobRow, VideoRow, accounts, growing, jobs, videos};

use crate::{feed::Feed, to_wire};

/// How often progress is read.
const TICK: Duration = Duration::from_secs(1);
/// Sessions are checked at each so many ticks: a safety net for ends that the feed did not report.
const SESSIONS: u64 = 5;
/// Videos or sessions of one question.
const BATCH: usize = 500;
/// Changes that may be queued for a slow listener; beyond that it has to reconnect.
const BEHIND: usize = 64;

/// What listeners follow, and how many each.
#[derive(Debug)]
pub(crate) struct Subscriptions<K>(Arc<Mutex<HashMap<K, usize>>>);

impl<K> Default for Subscriptions<K> {
    fn default() -> Self {
        Self(Arc::default())
    }
}

impl<K: Hash + Eq + Clone> Subscriptions<K> {
    fn held(&self) -> MutexGuard<'_, HashMap<K, usize>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Subscribes until the value is dropped.
    fn subscribe(&self, key: K) -> Subscription<K> {
        *self.held().entry(key.clone()).or_default() += 1;
        Subscription {
            tally: Self(Arc::clone(&self.0)),
            key,
        }
    }

    fn all(&self) -> Vec<K> {
        self.held().keys().cloned().collect()
    }
}

/// One of [`Subscriptions`].
#[derive(Debug)]
pub(crate) struct Subscription<K: Hash + Eq + Clone> {
    tally: Subscriptions<K>,
    key: K,
}

impl<K: Hash + Eq + Clone> Drop for Subscription<K> {
    fn drop(&mut self) {
        let mut held = self.tally.held();
        if let Some(count) = held.get_mut(&self.key) {
            *count -= 1;
            if *count == 0 {
                held.remove(&self.key);
            }
        }
    }
}

/// Changes of videos that somebody listens to, with their rows as they are after them.
#[derive(Debug)]
pub(crate) struct Updates {
    /// The place in the feed up to which that goes.
    pub(crate) until: i64,
    /// In order; no row: the video is gone.
    pub(crate) changes: Vec<(VideoChange, Option<VideoRow>)>,
}

impl Updates {
    /// There was so much that some of it is lost.
    fn lost() -> Self {
        Self {
            until: i64::MAX,
            changes: Vec::new(),
        }
    }

    pub(crate) fn is_all_lost(&self) -> bool {
        self.until == i64::MAX
    }
}

/// The topics of this process's event streams. The streams end when it does.
#[derive(Debug)]
pub(crate) struct Hub {
    videos: Subscriptions<VideoId>,
    work: Subscriptions<VideoId>,
    sessions: Subscriptions<String>,
    updates: broadcast::Sender<Arc<Updates>>,
    progress: watch::Sender<Arc<HashMap<VideoId, Progress>>>,
    ended: watch::Sender<Arc<HashSet<String>>>,
}

impl Default for Hub {
    fn default() -> Self {
        Self {
            videos: Subscriptions::default(),
            work: Subscriptions::default(),
            sessions: Subscriptions::default(),
            updates: broadcast::Sender::new(BEHIND),
            progress: watch::Sender::default(),
            ended: watch::Sender::default(),
        }
    }
}

impl Hub {
    /// Changes of a video are sent from now on.
    pub(crate) fn follow_video(&self, video: VideoId) -> Subscription<VideoId> {
        self.videos.subscribe(video)
    }

    /// The progress of a video's work is read from now on.
    pub(crate) fn follow_work(&self, video: VideoId) -> Subscription<VideoId> {
        self.work.subscribe(video)
    }

    /// A session is checked from now on.
    pub(crate) fn follow_session(&self, hash: &str) -> Subscription<String> {
        self.sessions.subscribe(hash.to_owned())
    }

    pub(crate) fn updates(&self) -> broadcast::Receiver<Arc<Updates>> {
        self.updates.subscribe()
    }

    pub(crate) fn progress(&self) -> watch::Receiver<Arc<HashMap<VideoId, Progress>>> {
        self.progress.subscribe()
    }

    pub(crate) fn ended_sessions(&self) -> watch::Receiver<Arc<HashSet<String>>> {
        self.ended.subscribe()
    }

    /// Serves all topics until `stop`.
    pub(crate) async fn run(self: Arc<Self>, app: App, feed: Arc<Feed>, stop: CancellationToken) {
        let all = async { tokio::join!(self.send_updates(&app, &feed), self.tick(&app)) };
        stop.run_until_cancelled(all).await;
    }

    async fn send_updates(&self, app: &App, feed: &Feed) {
        let mut place = feed.end();
        loop {
            feed.grown_past(place).await;
            let Some((changes, until)) = feed.from(place) else {
                place = feed.end();
                let _ = self.updates.send(Arc::new(Updates::lost()));
                continue;
            };
            match self.with_rows(app, changes, until).await {
                Ok(updates) => {
                    place = until;
                    let _ = self.updates.send(Arc::new(updates));
                }
                Err(error) => {
                    tracing::warn!(%error, "reading what changed failed");
                    tokio::time::sleep(TICK).await;
                }
            }
        }
    }

    async fn with_rows(
        &self,
        app: &App,
        mut changes: Vec<VideoChange>,
        until: i64,
    ) -> Result<Updates> {
        {
            let followed = self.videos.held();
            changes.retain(|change| followed.contains_key(&change.video));
        }
        let ids: HashSet<VideoId> = changes.iter().map(|change| change.video).collect();
        let ids: Vec<VideoId> = ids.into_iter().collect();
        let mut rows = HashMap::new();
        for ids in ids.chunks(BATCH) {
            let found = videos::find_many(app.db.read(), ids).await?;
            rows.extend(found.into_iter().map(|row| (row.id, row)));
        }
        let with_row = |change: VideoChange| {
            let row = rows.get(&change.video).cloned();
            (change, row)
        };
        Ok(Updates {
            until,
            changes: changes.into_iter().map(with_row).collect(),
        })
    }

    /// The one timer of this process's event streams.
    async fn tick(&self, app: &App) {
        let mut ticks = tokio::time::interval(TICK);
        ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        for count in 0_u64.. {
            ticks.tick().await;
            self.send_progress(app).await;
            if count.is_multiple_of(SESSIONS) {
                self.send_ended_sessions(app).await;
            }
        }
    }

    async fn send_progress(&self, app: &App) {
        let mut progress = HashMap::new();
        for ids in self.work.all().chunks(BATCH) {
            match progress_of(app, ids).await {
                Ok(some) => progress.extend(some),
                Err(error) => tracing::warn!(%error, "reading progress failed"),
            }
        }
        if !progress.is_empty() {
            self.progress.send_replace(Arc::new(progress));
        }
    }

    async fn send_ended_sessions(&self, app: &App) {
        let mut ended = HashSet::new();
        for hashes in self.sessions.all().chunks(BATCH) {
            let live = accounts::live_sessions(app.db.read(), hashes, app.clock.now());
            match live.await {
                Ok(live) => {
                    ended.extend(hashes.iter().filter(|hash| !live.contains(*hash)).cloned());
                }
                Err(error) => tracing::warn!(%error, "reading sessions failed"),
            }
        }
        if !ended.is_empty() {
            self.ended.send_replace(Arc::new(ended));
        }
    }
}

/// How far a video's work is.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Progress {
    /// 0 to 1.
    pub(crate) share: f64,
    /// Seconds until it is expected to play, where it does not yet.
    pub(crate) plays_in: Option<f64>,
}

async fn progress_of(app: &App, ids: &[VideoId]) -> Result<HashMap<VideoId, Progress>, DbError> {
    let (db, now) = (app.db.read(), app.clock.now());
    let jobs = jobs::of_videos(db, ids).await?;
    let expected = growing::expected(db, ids).await?;
    let of_video = |(id, jobs): (VideoId, Vec<JobRow>)| {
        let left = expected.get(&id).map(|at| at.since(now).as_secs_f64());
        let share = to_wire::progress(&jobs)?;
        Some((
            id,
            Progress {
                share,
                plays_in: left,
            },
        ))
    };
    Ok(jobs.into_iter().filter_map(of_video).collect())
}

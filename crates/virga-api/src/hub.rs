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
use virga_db::{VideoRow, accounts, jobs, videos};

use crate::{feed::Feed, to_wire};

/// How often work is looked at.
const PROGRESS: Duration = Duration::from_secs(1);
/// How often sessions are checked: a safety net for ends that the feed did not report.
const SESSIONS: Duration = Duration::from_secs(5);
/// Videos or sessions of one question.
const BATCH: usize = 500;
/// Changes that may be queued for a slow listener; beyond that it has to reconnect.
const BEHIND: usize = 64;

/// What listeners want, and how many each.
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

    /// Wants it until the value is dropped.
    fn want(&self, key: K) -> Subscription<K> {
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

/// One want of a [`Subscriptions`].
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

/// Asks for all listeners. They end when it does.
#[derive(Debug)]
pub(crate) struct Hub {
    heard: Subscriptions<VideoId>,
    worked: Subscriptions<VideoId>,
    sessions: Subscriptions<String>,
    told: broadcast::Sender<Arc<Updates>>,
    progress: watch::Sender<Arc<HashMap<VideoId, f64>>>,
    gone: watch::Sender<Arc<HashSet<String>>>,
}

impl Default for Hub {
    fn default() -> Self {
        Self {
            heard: Subscriptions::default(),
            worked: Subscriptions::default(),
            sessions: Subscriptions::default(),
            told: broadcast::Sender::new(BEHIND),
            progress: watch::Sender::default(),
            gone: watch::Sender::default(),
        }
    }
}

impl Hub {
    /// Changes of a video are told from now on.
    pub(crate) fn hear(&self, video: VideoId) -> Subscription<VideoId> {
        self.heard.want(video)
    }

    /// The progress of a video's work is looked at from now on.
    pub(crate) fn follow_work(&self, video: VideoId) -> Subscription<VideoId> {
        self.worked.want(video)
    }

    /// A session is looked at from now on.
    pub(crate) fn follow_session(&self, hash: &str) -> Subscription<String> {
        self.sessions.want(hash.to_owned())
    }

    pub(crate) fn told(&self) -> broadcast::Receiver<Arc<Updates>> {
        self.told.subscribe()
    }

    pub(crate) fn progress(&self) -> watch::Receiver<Arc<HashMap<VideoId, f64>>> {
        self.progress.subscribe()
    }

    pub(crate) fn gone(&self) -> watch::Receiver<Arc<HashSet<String>>> {
        self.gone.subscribe()
    }

    /// Asks until `stop`.
    pub(crate) async fn run(self: Arc<Self>, app: App, feed: Arc<Feed>, stop: CancellationToken) {
        let all = async {
            tokio::join!(
                self.tell(&app, &feed),
                self.look_at_work(&app),
                self.look_at_sessions(&app)
            )
        };
        stop.run_until_cancelled(all).await;
    }

    async fn tell(&self, app: &App, feed: &Feed) {
        let mut place = feed.end();
        loop {
            feed.grown_past(place).await;
            let Some((changes, until)) = feed.from(place) else {
                place = feed.end();
                let _ = self.told.send(Arc::new(Updates::lost()));
                continue;
            };
            match self.with_rows(app, changes, until).await {
                Ok(told) => {
                    place = until;
                    let _ = self.told.send(Arc::new(told));
                }
                Err(error) => {
                    tracing::warn!(%error, "reading what changed failed");
                    tokio::time::sleep(PROGRESS).await;
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
            let heard = self.heard.held();
            changes.retain(|change| heard.contains_key(&change.video));
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

    async fn look_at_work(&self, app: &App) {
        let mut tick = tokio::time::interval(PROGRESS);
        tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            tick.tick().await;
            let mut progress = HashMap::new();
            for ids in self.worked.all().chunks(BATCH) {
                match jobs::of_videos(app.db.read(), ids).await {
                    Ok(jobs) => progress.extend(
                        jobs.into_iter()
                            .filter_map(|(id, jobs)| Some((id, to_wire::progress(&jobs)?))),
                    ),
                    Err(error) => tracing::warn!(%error, "reading progress failed"),
                }
            }
            if !progress.is_empty() {
                self.progress.send_replace(Arc::new(progress));
            }
        }
    }

    async fn look_at_sessions(&self, app: &App) {
        let mut tick = tokio::time::interval(SESSIONS);
        tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            tick.tick().await;
            let mut gone = HashSet::new();
            for hashes in self.sessions.all().chunks(BATCH) {
                let live = accounts::live_sessions(app.db.read(), hashes, app.clock.now());
                match live.await {
                    Ok(live) => {
                        gone.extend(hashes.iter().filter(|hash| !live.contains(*hash)).cloned());
                    }
                    Err(error) => tracing::warn!(%error, "reading sessions failed"),
                }
            }
            if !gone.is_empty() {
                self.gone.send_replace(Arc::new(gone));
            }
        }
    }
}

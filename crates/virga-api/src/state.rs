//! The control plane's parts.

use std::{ops::Deref, sync::Arc, time::Duration};
use tokio_util::{sync::CancellationToken, task::TaskTracker};
use virga_app::App;
use virga_cache::Cache;
use virga_core::{Reloadable, Result, UserId, keys::KeyRing};
use virga_db::{changes::Ended, videos};
use virga_delivery::Delivery;
use virga_http::fair::FairPool;

use crate::{
    ApiConfig, Passwords, feed::Feed, hub::Hub, limits::RateLimits, replica, sessions::Sessions,
    view_counter::ViewBatch,
};

/// What the binary hands in.
#[derive(Debug)]
pub struct ApiParts {
    /// Use cases.
    pub app: App,
    /// Signs grants and part tickets, verifies vouchers.
    pub keys: KeyRing,
    /// Where bytes may pass the nodes by.
    pub delivery: Delivery,
    /// Copies of sessions and counters that replicas share.
    pub cache: Cache,
    /// Settings.
    pub config: Reloadable<ApiConfig>,
    /// Background work runs on it.
    pub tracker: TaskTracker,
    /// Ends event streams and background work.
    pub stop: CancellationToken,
}

/// The state of every handler. Cheap to clone: every request does it several times.
#[derive(Clone, Debug)]
pub struct ApiState(Arc<ApiShared>);

/// What the handlers share.
#[derive(Debug)]
pub struct ApiShared {
    /// Use cases.
    pub(crate) app: App,
    pub(crate) keys: Arc<KeyRing>,
    pub(crate) delivery: Delivery,
    pub(crate) config: Reloadable<ApiConfig>,
    pub(crate) passwords: Passwords,
    limits: Reloadable<RateLimits>,
    pub(crate) feed: Arc<Feed>,
    pub(crate) hub: Arc<Hub>,
    pub(crate) sessions: Sessions,
    pub(crate) views: ViewBatch,
    /// Places of event streams; see [`Self::event_places`].
    streams: FairPool,
    pub(crate) stop: CancellationToken,
}

impl Deref for ApiState {
    type Target = ApiShared;

    fn deref(&self) -> &ApiShared {
        &self.0
    }
}

const FIVE_MINUTES: Duration = Duration::from_secs(300);

impl ApiState {
    /// The counters; where the settings changed, fresh ones.
    pub(crate) fn limits(&self) -> Arc<RateLimits> {
        let config = self.config.get();
        if *self.limits.get().of() != config.limits {
            self.limits
                .set(RateLimits::new(&config.limits, &self.sessions.cache));
        }
        self.limits.get()
    }

    /// The places of event streams, as many as the settings say now.
    pub(crate) fn event_places(&self) -> &FairPool {
        self.streams.resize(self.config.get().limits.event_streams);
        &self.streams
    }

    /// Starts the background work: the feed's tail and the view batches.
    pub async fn start(parts: ApiParts) -> Result<Self> {
        let ApiParts {
            app,
            keys,
            delivery,
            cache,
            config,
            tracker,
            stop,
        } = parts;
        let streams = FairPool::new(config.get().limits.event_streams);
        let limits = Reloadable::new(RateLimits::new(&config.get().limits, &cache));
        // A withdrawal that a crash kept from being published comes before anyone reads the feed.
        for id in videos::unpublished(app.db.read(), 1000).await? {
            if let Err(error) = app.publish(id).await {
                tracing::warn!(%error, video.id = %id, "publishing failed");
            }
        }
        let feed = Arc::new(Feed::open(&app).await?);
        let tail = Arc::clone(&feed).tail(app.clone(), stop.clone());
        // Without the feed withdrawals would go unheard: its end is the process's.
        let vital = stop.clone().drop_guard();
        tracker.spawn(async move {
            tail.await;
            drop(vital);
        });
        let hub = Arc::new(Hub::default());
        tracker.spawn(Arc::clone(&hub).run(app.clone(), Arc::clone(&feed), stop.clone()));
        let views = ViewBatch::start(&app, &tracker, stop.clone());
        tracker.spawn(shrink(limits.clone(), stop.clone()));
        if app.db.has_replica() {
            tracker.spawn(replica::watch(app.clone(), stop.clone()));
        }
        let keys = Arc::new(keys);
        let sessions = Sessions {
            cache,
            keys: Arc::clone(&keys),
            feed: Arc::clone(&feed),
        };
        Ok(Self(Arc::new(ApiShared {
            app,
            keys,
            delivery,
            config,
            passwords: Passwords::new()?,
            limits,
            feed,
            hub,
            sessions,
            views,
            streams,
            stop,
        })))
    }
}

impl ApiState {
    /// Counts what an account is about to write; refuses where that is too much in an hour, or the
    /// database's disk nearly full.
    pub(crate) async fn accept_text(&self, user: UserId, texts: &[&str]) -> Result<()> {
        let bytes = texts.iter().map(|text| text.len()).sum::<usize>();
        if bytes == 0 {
            return Ok(());
        }
        self.app.check_room_for_text().await?;
        let bytes = u32::try_from(bytes).unwrap_or(u32::MAX);
        self.limits().text.take_many(&user, bytes).await
    }

    /// Sessions ended here: drops copies of them. Other replicas read it in the feed.
    pub(crate) fn ended(&self, end: Ended) {
        self.feed.ends.ended_here(end);
    }
}

async fn shrink(limits: Reloadable<RateLimits>, stop: CancellationToken) {
    while stop
        .run_until_cancelled(tokio::time::sleep(FIVE_MINUTES))
        .await
        .is_some()
    {
        limits.get().shrink();
    }
}

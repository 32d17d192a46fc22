//! The control plane's parts.

use std::{net::IpAddr, sync::Arc, time::Duration};
use tokio_util::{sync::CancellationToken, task::TaskTracker};
use virga_app::App;
use virga_core::{Live, Result, keys::KeyRing};
use virga_db::videos;
use virga_http::limit::Limit;
use virga_objects::Delivery;

use crate::events::Streams;

use crate::{ApiConfig, LimitsConfig, Passwords, batch::ViewBatch, failures::Failures, feed::Feed};

/// What the binary hands in.
#[derive(Debug)]
pub struct ApiParts {
    /// Use cases.
    pub app: App,
    /// Signs grants and part tickets, verifies vouchers.
    pub keys: KeyRing,
    /// Where bytes may pass the nodes by.
    pub delivery: Delivery,
    /// Settings.
    pub config: Live<ApiConfig>,
    /// Background work runs on it.
    pub tracker: TaskTracker,
    /// Ends event streams and background work.
    pub stop: CancellationToken,
}

/// The state of every handler. Cheap to clone.
#[derive(Clone, Debug)]
pub struct ApiState {
    /// Use cases.
    pub(crate) app: App,
    pub(crate) keys: Arc<KeyRing>,
    pub(crate) delivery: Delivery,
    pub(crate) config: Live<ApiConfig>,
    pub(crate) passwords: Passwords,
    limits: Live<Limits>,
    pub(crate) feed: Arc<Feed>,
    pub(crate) views: ViewBatch,
    pub(crate) streams: Streams,
    pub(crate) stop: CancellationToken,
}

/// Every counter that can refuse.
#[derive(Debug)]
pub(crate) struct Limits {
    /// What they were made of.
    of: LimitsConfig,
    pub(crate) reads: Limit<String>,
    pub(crate) writes: Limit<String>,
    pub(crate) sign_ups: Limit<IpAddr>,
    pub(crate) by_name: Failures<(IpAddr, String)>,
    pub(crate) by_address: Failures<IpAddr>,
}

impl Limits {
    fn new(of: &LimitsConfig) -> Self {
        Self {
            of: of.clone(),
            reads: Limit::per_second("rate.reads", of.reads_per_second, of.burst_seconds),
            writes: Limit::per_second("rate.writes", of.writes_per_second, of.burst_seconds),
            sign_ups: Limit::per_window("rate.sign-ups", of.sign_ups_per_hour, HOUR),
            by_name: Failures::new(of.failed_sign_ins_per_name, FIVE_MINUTES),
            by_address: Failures::new(of.failed_sign_ins_per_address, FIVE_MINUTES),
        }
    }
}

const FIVE_MINUTES: Duration = Duration::from_secs(300);
const HOUR: Duration = Duration::from_secs(3600);

impl ApiState {
    /// The counters; where the settings changed, fresh ones.
    pub(crate) fn limits(&self) -> Arc<Limits> {
        let config = self.config.get();
        if self.limits.get().of != config.limits {
            self.limits.set(Limits::new(&config.limits));
        }
        self.limits.get()
    }

    /// Starts the background work: the feed's tail and the view batches.
    pub async fn start(parts: ApiParts) -> Result<Self> {
        let ApiParts {
            app,
            keys,
            delivery,
            config,
            tracker,
            stop,
        } = parts;
        let limits = Live::new(Limits::new(&config.get().limits));
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
        let views = ViewBatch::start(&app, &tracker, stop.clone());
        tracker.spawn(shrink(limits.clone(), stop.clone()));
        Ok(Self {
            app,
            keys: Arc::new(keys),
            delivery,
            config,
            passwords: Passwords::new()?,
            limits,
            feed,
            views,
            streams: Streams::default(),
            stop,
        })
    }
}

async fn shrink(limits: Live<Limits>, stop: CancellationToken) {
    while stop
        .run_until_cancelled(tokio::time::sleep(FIVE_MINUTES))
        .await
        .is_some()
    {
        let limits = limits.get();
        limits.reads.shrink();
        limits.writes.shrink();
        limits.sign_ups.shrink();
    }
}

//! The control plane's parts.

use std::{net::IpAddr, sync::Arc, time::Duration};
use tokio_util::{sync::CancellationToken, task::TaskTracker};
use virga_app::App;
use virga_core::{Result, keys::KeyRing};
use virga_db::videos;
use virga_http::limit::Limit;
use virga_objects::Delivery;

use crate::events::Streams;

use crate::{ApiConfig, Passwords, batch::ViewBatch, failures::Failures, feed::Feed};

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
    pub config: ApiConfig,
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
    pub(crate) config: Arc<ApiConfig>,
    pub(crate) passwords: Passwords,
    pub(crate) limits: Arc<Limits>,
    pub(crate) feed: Arc<Feed>,
    pub(crate) views: ViewBatch,
    pub(crate) streams: Streams,
    pub(crate) stop: CancellationToken,
}

/// Every counter that can refuse.
#[derive(Debug)]
pub(crate) struct Limits {
    pub(crate) reads: Limit<String>,
    pub(crate) writes: Limit<String>,
    pub(crate) sign_ups: Limit<IpAddr>,
    pub(crate) by_name: Failures<(IpAddr, String)>,
    pub(crate) by_address: Failures<IpAddr>,
}

const FIVE_MINUTES: Duration = Duration::from_secs(300);
const HOUR: Duration = Duration::from_secs(3600);

impl ApiState {
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
        let limits = &config.limits;
        let limits = Limits {
            reads: Limit::per_second("rate.reads", limits.reads_per_second, limits.burst_seconds),
            writes: Limit::per_second(
                "rate.writes",
                limits.writes_per_second,
                limits.burst_seconds,
            ),
            sign_ups: Limit::per_window("rate.sign-ups", limits.sign_ups_per_hour, HOUR),
            by_name: Failures::new(limits.failed_sign_ins_per_name, FIVE_MINUTES),
            by_address: Failures::new(limits.failed_sign_ins_per_address, FIVE_MINUTES),
        };
        let limits = Arc::new(limits);
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
        tracker.spawn(shrink(Arc::clone(&limits), stop.clone()));
        Ok(Self {
            app,
            keys: Arc::new(keys),
            delivery,
            config: Arc::new(config),
            passwords: Passwords::new()?,
            limits,
            feed,
            views,
            streams: Streams::default(),
            stop,
        })
    }
}

async fn shrink(limits: Arc<Limits>, stop: CancellationToken) {
    while stop
        .run_until_cancelled(tokio::time::sleep(FIVE_MINUTES))
        .await
        .is_some()
    {
        limits.reads.shrink();
        limits.writes.shrink();
        limits.sign_ups.shrink();
    }
}

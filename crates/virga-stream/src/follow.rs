//! Follows the feed of changes, so that a withdrawal is known within a moment.

use std::{net::Ipv4Addr, time::Duration};

use tokio::time::sleep;
use tokio_util::sync::CancellationToken;
use virga_client::{ApiClient, Caller};
use virga_core::keys::Voucher;

use crate::Presentations;

const FIRST_PAUSE: Duration = Duration::from_millis(250);
const LAST_PAUSE: Duration = Duration::from_secs(5);

impl Presentations {
    /// Follows the feed until `stop`; run it on a task of its own. While the feed cannot be reached
    /// presentations are read again every 30 s.
    pub async fn follow(self, api: ApiClient, stop: CancellationToken) {
        stop.run_until_cancelled(self.follow_for_ever(api)).await;
    }

    async fn follow_for_ever(&self, api: ApiClient) {
        let feed = api.as_caller(Caller {
            token: None,
            voucher: Voucher {
                address: Ipv4Addr::LOCALHOST.into(),
                request_id: "stream-changes".to_owned(),
            },
        });
        let mut cursor = String::new();
        let mut pause = FIRST_PAUSE;
        loop {
            match feed.changes(&cursor).await {
                Ok(changes) => {
                    self.apply(&changes);
                    cursor = changes.cursor;
                    pause = FIRST_PAUSE;
                    if !self.is_fed() {
                        self.set_fed(true);
                        tracing::info!("following changes");
                    }
                }
                Err(error) => {
                    if self.is_fed() {
                        self.set_fed(false);
                        tracing::warn!(%error, "lost the feed of changes");
                    }
                    sleep(pause).await;
                    pause = (pause * 2).min(LAST_PAUSE);
                }
            }
        }
    }
}

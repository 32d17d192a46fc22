//! Keeps an eye on the database's replica, where there is one.

use std::time::Duration;

use tokio_util::sync::CancellationToken;
use virga_app::App;

/// How often it is looked at.
const EVERY: Duration = Duration::from_secs(1);

/// Looks at it until the process stops, and says when it begins or ends to be read.
pub(crate) async fn watch(app: App, stop: CancellationToken) {
    let mut was = None;
    let mut first = true;
    while !stop.is_cancelled() {
        let looked = app.db.check_replica(app.clock.now()).await;
        let is = matches!(looked, Ok(true));
        // The first look may write the row itself, and no replica has it at once.
        let too_soon = std::mem::take(&mut first) && matches!(looked, Ok(false));
        if was != Some(is) && !too_soon {
            match looked {
                Ok(true) => {
                    tracing::info!("the database's replica is up to date; lists read from it");
                }
                Ok(false) => {
                    tracing::warn!(
                        "the database's replica is behind; everything reads the primary"
                    );
                }
                Err(error) => {
                    tracing::warn!(%error, "the database's replica fails; everything reads the primary");
                }
            }
            was = Some(is);
        }
        let _ = stop.run_until_cancelled(tokio::time::sleep(EVERY)).await;
    }
}
